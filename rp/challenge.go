package rp

import (
	"net/http"
	"net/url"
	"strings"

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
	pg := page{Title: "Please log in.", Link: p.loginURL(r) + more, LinkText: "Log in"}
	if pr.Error == unconfirmed {
		pg = page{Title: "Are you still there?", Advice: "You have not used this page for a while, so it is hidden.", Link: p.back(r), LinkText: "Continue"}
	}
	return p.challengeBy(r, pr, pg, more, p.Activity(r) == Active)
}

// challengeEnded tells the reason.
func (p *RelyingParty) challengeEnded(r *http.Request, e *EndedError) Answer {
	pg := page{Title: "You are logged out.", Advice: e.text(), Link: p.loginURL(r), LinkText: "Log in again"}
	return p.challengeBy(r, Problem{Error: "session_ended", Reason: e.Reason, Cause: e.Cause}, pg, "", p.classify(r, p.mark(r), e.sentUser) == Active)
}

func (p *RelyingParty) challengeBy(r *http.Request, pr Problem, pg page, more string, person bool) Answer {
	form := formOf(r)
	waits := pr.Error == unconfirmed
	switch {
	case form == asPage && p.isOwnLogin(r.URL.Path):
		return p.guarded(r)
	case form == asPage && person && (!waits || more != "") && !strings.HasPrefix(r.URL.Path, p.cfg.Prefix+"/"):
		return redirect(p.loginURL(r) + more)
	case form.isPage():
		if form == asPosted {
			pg.Advice += " What you have just sent was not taken."
		}
		return pageAnswer(http.StatusUnauthorized, pr.Error, pg)
	case person && !waits:
		pr.LoginURL = p.cfg.Prefix + "/login"
	}
	a := jsonAnswer(http.StatusUnauthorized, pr, &pr)
	if form == asHTMX && pr.LoginURL != "" { // htmx follows this itself
		a.Header.Set("HX-Redirect", p.loginTo(p.ownPath(first(r.Header, "Hx-Current-Url"), "")))
	}
	return a
}

// guarded is the answer where a middleware guards the library's own endpoints: the
// log-in would lead to itself, with an address that grows each time.
func (p *RelyingParty) guarded(r *http.Request) Answer {
	p.refusals.spend(p.log, p.now(), "RequireLogin guards an endpoint of the library, so nobody can log in: keep Config.Prefix out of what it guards", "path", r.URL.Path[:min(len(r.URL.Path), 100)])
	return p.refuse(r, http.StatusInternalServerError, "server_error", page{
		Title: "This application is not set up right.", Advice: "Please tell the people who run it: its log-in is guarded by itself."})
}

func (p *RelyingParty) isOwnLogin(path string) bool {
	return path == p.cfg.Prefix+"/login" || path == p.cfg.Prefix+"/callback"
}

// back is the path of the page that the browser shows or asks for: where a person comes
// back to.
func (p *RelyingParty) back(r *http.Request) string {
	switch {
	case strings.HasPrefix(r.URL.Path, p.cfg.Prefix+"/"):
		return "/" // no page of the app's
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		return SafeReturnTo(r.URL.RequestURI())
	}
	return p.ownPath(r.Referer(), "/")
}

// ownPath is the path of a URL of this app, or else the other one.
func (p *RelyingParty) ownPath(raw, or string) string {
	u, err := url.Parse(raw)
	if err != nil || weburl.OriginOf(u) != weburl.Origin(p.cfg.BaseURL) {
		return or
	}
	return SafeReturnTo(u.RequestURI())
}

// loginURL brings the browser back to where it was.
func (p *RelyingParty) loginURL(r *http.Request) string { return p.loginTo(p.back(r)) }

// loginTo is a log-in that leads to a path.
func (p *RelyingParty) loginTo(path string) string {
	if path == "" {
		return p.cfg.Prefix + "/login"
	}
	return p.cfg.Prefix + "/login?return_to=" + url.QueryEscape(path)
}
