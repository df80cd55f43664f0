package rp

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// unconfirmed is the code of an answer about a session that lives and waits for the
// person.
const unconfirmed = "session_unconfirmed"

// challenge is the 401 of whoever has to log in, and the redirect of a navigation that a
// person has caused. more is added to the address of the log-in.
//
// Where nobody is there, htmx and page scripts must find no address: they follow it, the
// IdP answers without the person, and the visit extends its session (ACT-06).
func (p *RelyingParty) challenge(r *http.Request, pr Problem, more string) Answer {
	pg := page{title: "login-title", link: p.loginURL(r) + more, linkText: "to-login"}
	if pr.Error == unconfirmed {
		pg = page{title: "hidden-title", advice: []word{"hidden"}, link: p.back(r), linkText: "to-continue"}
	}
	return p.challengeBy(r, pr, pg, more, p.Activity(r) == Active)
}

// maxRounds is how many log-ins in a row, each within a minute of the other, may ask for
// more: a page may need something, and an API behind it something else.
const maxRounds = 3

// challengeMore asks for a log-in with more than the session has. What was asked for
// beside goes on: two APIs that need a scope each would send the person to and fro. Who
// asks again for what the person has just logged in with gets no third chance, nor does
// who asks for something else each time: that would be a loop.
func (p *RelyingParty) challengeMore(r *http.Request, w wish) Answer {
	code := "insufficient_user_authentication" // RFC 9470 §3
	person, loop := p.Activity(r) == Active, false
	if s := FromContext(r.Context()); s != nil && s.rp == p {
		person = s.Class() == Active // it knows the browser
		had, _ := readWish(s.state().data.Wish)
		for _, scope := range w.Scopes {
			if !slices.Contains(had.Scopes, scope) {
				had.Scopes = append(had.Scopes, scope)
			}
		}
		w.Scopes, w.Round = had.Scopes, had.Round
		if p.now().Sub(s.Started()) >= time.Minute {
			w.Round = 0
		} else {
			loop = s.state().data.Wish == w.text() || w.Round >= maxRounds
		}
	}
	w.Round++
	more, ok := p.more(w)
	if !ok {
		p.log.Error("what a page or an API asks of a log-in is too large, so it is refused", "bytes", len(w.text()), "most", maxWish)
	}
	if loop || !ok {
		return p.refuse(r, http.StatusForbidden, code, page{title: "denied-title", advice: []word{"denied"}})
	}
	pg := page{title: "more-title", advice: []word{"more"}, link: p.loginURL(r) + more, linkText: "to-login"}
	return p.challengeBy(r, Problem{Error: code}, pg, more, person)
}

// challengeEnded tells the reason.
func (p *RelyingParty) challengeEnded(r *http.Request, e *EndedError, more string) Answer {
	pg := page{title: "ended-title", link: p.loginURL(r) + more, linkText: "to-login-again"}
	pg.advice, pg.minutes = e.words()
	return p.challengeBy(r, Problem{Error: "session_ended", Reason: e.Reason, Cause: e.Cause}, pg, more, p.classify(r, p.mark(r), e.sentUser) == Active)
}

func (p *RelyingParty) challengeBy(r *http.Request, pr Problem, pg page, more string, person bool) Answer {
	form := formOf(r)
	waits := pr.Error == unconfirmed
	switch {
	case form == asPage && p.isOwnLogin(r.URL.Path):
		return p.guarded(r)
	case form == asPage && person && (!waits || more != "") && !p.isOwnPath(r.URL.Path):
		return redirect(p.loginURL(r) + more)
	case form.isPage():
		if form == asPosted {
			if sealed := p.keepPosted(r); sealed != "" {
				pg.kept = &keptForm{sealed, p.postedLink(waits, more)}
			} else {
				pg.advice = append(pg.advice, "not-taken")
			}
		}
		return p.pageAnswer(r, http.StatusUnauthorized, pr.Error, pg)
	case person && !waits:
		pr.LoginURL = p.outer + "/login"
		if more != "" { // the address has what is needed
			pr.LoginURL = p.loginURL(r) + more
		}
	}
	a := jsonAnswer(http.StatusUnauthorized, pr, &pr)
	if form == asHTMX && pr.LoginURL != "" { // htmx follows this itself
		to := p.loginTo(p.ownPath(r, first(r.Header, "Hx-Current-Url"), ""))
		if more != "" && !strings.Contains(to, "?") {
			more = "?" + more[1:]
		}
		a.Header.Set("HX-Redirect", to+more)
	}
	return a
}

// guarded is the answer where a middleware guards the library's own endpoints: the
// log-in would lead to itself, with an address that grows each time.
func (p *RelyingParty) guarded(r *http.Request) Answer {
	p.refusals.spend(p.log, p.now(), "RequireLogin guards an endpoint of the library, so nobody can log in: keep Config.Prefix out of what it guards", "path", r.URL.Path[:min(len(r.URL.Path), 100)])
	return p.refuse(r, http.StatusInternalServerError, "server_error", page{title: "setup-title", advice: []word{"setup"}})
}

func (p *RelyingParty) isOwnLogin(path string) bool {
	return path == p.cfg.Prefix+"/login" || path == p.cfg.Prefix+"/callback"
}

// isOwnPath reports whether a path is one of the library's own endpoints.
func (p *RelyingParty) isOwnPath(path string) bool { return strings.HasPrefix(path, p.cfg.Prefix+"/") }

// back is the path of the page that the browser shows or asks for, as it sees it: where a
// person comes back to.
func (p *RelyingParty) back(r *http.Request) string {
	switch {
	case p.isOwnPath(r.URL.Path):
		return p.sites.home() // no page of the app's
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return p.ownPath(r, r.Referer(), p.sites.home())
	}
	asked := p.sites.outside(SafeReturnTo(r.URL.RequestURI()))
	if !formOf(r).isPage() { // what a script fetches is nothing to come back to
		return p.ownPath(r, r.Referer(), asked)
	}
	return asked
}

// ownPath is the path of a URL of this app, or else the other one.
func (p *RelyingParty) ownPath(r *http.Request, raw, or string) string {
	u, err := url.Parse(raw)
	if err != nil || weburl.OriginOf(u) != p.sites.of(r).own || !p.sites.covers(u.EscapedPath()) {
		return or
	}
	return withFragment(p.sites.inside(u.RequestURI()), u.EscapedFragment())
}

// loginURL brings the browser back to where it was.
func (p *RelyingParty) loginURL(r *http.Request) string { return p.loginTo(p.back(r)) }

// loginTo is a log-in that leads to a path.
func (p *RelyingParty) loginTo(path string) string {
	if path == "" {
		return p.outer + "/login"
	}
	return p.outer + "/login?return_to=" + url.QueryEscape(path)
}
