package answer

import (
	"net/http"
	"strings"

	"github.com/tandem-sso/tandem/rp/internal/page"
	"github.com/tandem-sso/tandem/rp/internal/posted"
	"github.com/tandem-sso/tandem/rp/internal/web"
)

// unconfirmed is the code of an answer about a session that lives and waits for the
// person.
const unconfirmed = "session_unconfirmed"

// Ask says how a challenge asks.
type Ask struct {
	More   string // is added to the address of the log-in, from its "&" on
	Person bool   // a person has caused the request
}

// LoginRequired asks for a log-in.
func (w *Writer) LoginRequired(r *http.Request, a Ask) Answer {
	return w.challenge(r, a, Problem{Error: "login_required"},
		page.Page{Title: "login-title", Link: w.Site.Login(r) + a.More, LinkText: "to-login"})
}

// Unconfirmed is about a session that lives and waits for its person.
func (w *Writer) Unconfirmed(r *http.Request, a Ask) Answer {
	return w.challenge(r, a, Problem{Error: unconfirmed},
		page.Page{Title: "hidden-title", Advice: []page.Word{"hidden"}, Link: w.Site.Back(r), LinkText: "to-continue"})
}

// Ended tells why a session is over: its Reason and Cause to a script, in words to a person.
func (w *Writer) Ended(r *http.Request, a Ask, reason, cause string, said []page.Word, minutes int) Answer {
	return w.challenge(r, a, Problem{Error: "session_ended", Reason: reason, Cause: cause},
		page.Page{Title: "ended-title",
			Advice: said, Minutes: minutes, Link: w.Site.Login(r) + a.More, LinkText: "to-login-again"})
}

// StepUp asks for a log-in with more than the session has.
func (w *Writer) StepUp(r *http.Request, a Ask, code string) Answer {
	return w.challenge(r, a, Problem{Error: code},
		page.Page{Title: "more-title", Advice: []page.Word{"more"}, Link: w.Site.Login(r) + a.More,
			LinkText: "to-login"})
}

// challenge is the 401 of whoever has to log in, and the redirect of a navigation that a
// person has caused.
//
// Where nobody is there, htmx and page scripts must find no address: they follow it, the
// IdP answers without the person, and the visit extends its session (ACT-06).
func (w *Writer) challenge(r *http.Request, ask Ask, pr Problem, pg page.Page) Answer {
	kind, more, person := web.KindOf(r), ask.More, ask.Person
	waits := pr.Error == unconfirmed
	switch {
	case kind == web.Page && w.Site.IsLogin(r.URL.Path):
		return w.guarded(r)
	case kind == web.Page && person && (!waits || more != "") && !w.Site.IsEndpoint(r.URL.Path):
		return redirect(w.Site.Login(r) + more)
	case kind.IsPage():
		if kind == web.Posted {
			if sealed := w.Keep(r); sealed != "" {
				pg.Kept = &page.Kept{Sealed: sealed, On: w.postedLink(waits, more)}
			} else {
				pg.Advice = append(pg.Advice, "not-taken")
			}
		}
		return w.page(r, http.StatusUnauthorized, pr.Error, pg)
	case person && !waits:
		pr.LoginURL = w.Site.Endpoint("/login")
		if more != "" { // the address has what is needed
			pr.LoginURL = w.Site.Login(r) + more
		}
	}
	a := problem(http.StatusUnauthorized, pr)
	if kind == web.HTMX && pr.LoginURL != "" { // htmx follows this itself
		to := w.Site.LoginTo(w.Site.OwnPath(r, web.First(r.Header, "Hx-Current-Url"), ""))
		if more != "" && !strings.Contains(to, "?") {
			more = "?" + more[1:]
		}
		a.Header.Set("HX-Redirect", to+more)
	}
	return a
}

// guarded is the answer where a middleware guards the library's own endpoints: the
// log-in would lead to itself, with an address that grows each time.
func (w *Writer) guarded(r *http.Request) Answer {
	w.Guarded(r.URL.Path)
	return w.Refuse(r, http.StatusInternalServerError, "server_error",
		page.Page{Title: "setup-title", Advice: []page.Word{"setup"}})
}

// postedLink leads to the form that was kept, over the log-in. A session that only waits
// for its person needs none.
func (w *Writer) postedLink(waits bool, more string) string {
	at := w.Site.Endpoint(posted.Path)
	if waits {
		return at
	}
	return w.Site.LoginTo(at) + more
}
