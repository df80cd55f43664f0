package rp

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/page"
	"github.com/tandem-sso/tandem/rp/internal/web"
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
	pg := page.Page{Title: "login-title", Link: p.site.Login(r) + more, LinkText: "to-login"}
	if pr.Error == unconfirmed {
		pg = page.Page{Title: "hidden-title", Advice: []page.Word{"hidden"}, Link: p.site.Back(r), LinkText: "to-continue"}
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
		return p.refuse(r, http.StatusForbidden, code, page.Page{Title: "denied-title", Advice: []page.Word{"denied"}})
	}
	pg := page.Page{Title: "more-title", Advice: []page.Word{"more"}, Link: p.site.Login(r) + more, LinkText: "to-login"}
	return p.challengeBy(r, Problem{Error: code}, pg, more, person)
}

// challengeEnded tells the reason.
func (p *RelyingParty) challengeEnded(r *http.Request, e *EndedError, more string) Answer {
	pg := page.Page{Title: "ended-title", Link: p.site.Login(r) + more, LinkText: "to-login-again"}
	pg.Advice, pg.Minutes = e.words()
	return p.challengeBy(r, Problem{Error: "session_ended", Reason: e.Reason, Cause: e.Cause}, pg, more, p.classify(r, p.mark(r), e.sentUser) == Active)
}

func (p *RelyingParty) challengeBy(r *http.Request, pr Problem, pg page.Page, more string, person bool) Answer {
	form := web.KindOf(r)
	waits := pr.Error == unconfirmed
	switch {
	case form == web.Page && p.site.IsLogin(r.URL.Path):
		return p.guarded(r)
	case form == web.Page && person && (!waits || more != "") && !p.site.IsEndpoint(r.URL.Path):
		return redirect(p.site.Login(r) + more)
	case form.IsPage():
		if form == web.Posted {
			if sealed := p.keepPosted(r); sealed != "" {
				pg.Kept = &page.Kept{Sealed: sealed, On: p.postedLink(waits, more)}
			} else {
				pg.Advice = append(pg.Advice, "not-taken")
			}
		}
		return p.pageAnswer(r, http.StatusUnauthorized, pr.Error, pg)
	case person && !waits:
		pr.LoginURL = p.site.Endpoint("/login")
		if more != "" { // the address has what is needed
			pr.LoginURL = p.site.Login(r) + more
		}
	}
	a := jsonAnswer(http.StatusUnauthorized, pr, &pr)
	if form == web.HTMX && pr.LoginURL != "" { // htmx follows this itself
		to := p.site.LoginTo(p.site.OwnPath(r, web.First(r.Header, "Hx-Current-Url"), ""))
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
	return p.refuse(r, http.StatusInternalServerError, "server_error", page.Page{Title: "setup-title", Advice: []page.Word{"setup"}})
}
