package rp

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/tandem-sso/tandem/rp/internal/page"
	"github.com/tandem-sso/tandem/rp/internal/web"
)

// Answer is what a browser or script is to see instead of the page it asked for.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	// Problem is the body in the form in which a framework may want to render it;
	// nil if the answer is a page or a redirect.
	Problem *Problem
}

// ErrorHeader repeats Problem.Error.
const ErrorHeader = "Tandem-Error"

// Problem is the JSON answer to scripts. LoginURL is empty where nobody has asked for
// the request: a script would go there by itself.
type Problem struct {
	Error    string   `json:"error"` // login_required, session_ended, session_unconfirmed, …
	Reason   Reason   `json:"reason,omitempty"`
	Cause    EndCause `json:"cause,omitempty"`
	LoginURL string   `json:"login_url,omitempty"`
}

// Write sends the answer.
func (a Answer) Write(w http.ResponseWriter) {
	a.AddTo(w.Header())
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body)
}

// AddTo puts the answer's header into h, for a framework that renders Problem itself.
// It replaces what stands there, but for cookies, which are added.
func (a Answer) AddTo(h http.Header) {
	for name, v := range a.Header {
		if name == "Set-Cookie" {
			v = append(h[name], v...)
		}
		h[name] = v
	}
}

// Answer turns an error of Authenticate or of an endpoint into what the client
// should see: docs/answers.md has the table. A navigation that a person has caused is
// sent to the log-in and comes back; any other gets a page with a link, and so does a
// posted form. A script gets 401 with JSON and never a redirect. What no person has
// caused is given no address to go to. Trouble is 503 with Retry-After and takes
// nobody's cookie. The header Tandem-Error has the code of the JSON, in case a framework
// replaces the body.
//
// With options the log-in that it leads to asks for them.
func (p *RelyingParty) Answer(r *http.Request, err error, opts ...LoginOption) Answer {
	more, _ := p.more(wishFor(opts)) // what is too large is refused where the session lacks it
	var (
		ended   *EndedError
		trouble *UnavailableError
		login   *LoginError
		step    *StepUpError
		api     *APIError
		request *RequestError
	)
	switch {
	case errors.Is(err, ErrSilentCheck):
		return p.challenge(r, Problem{Error: unconfirmed}, "&silent=1")
	case errors.Is(err, ErrUnconfirmed):
		return p.challenge(r, Problem{Error: unconfirmed}, "")
	case errors.Is(err, ErrAnonymous):
		return p.challenge(r, Problem{Error: "login_required"}, more)
	case errors.Is(err, ErrReauthenticate):
		return p.challenge(r, Problem{Error: "login_required"}, "&anew=1"+more)
	case errors.As(err, &step):
		return p.challengeMore(r, step.wish)
	case errors.Is(err, ErrStepUp) && errors.As(err, &api):
		return p.challengeMore(r, wishOf(api))
	case errors.As(err, &ended):
		a := p.challengeEnded(r, ended, more)
		p.cookies.ForgetPages(a.Header)
		return a
	case errors.Is(err, ErrForbidden):
		return p.forbidden(r)
	case errors.Is(err, ErrCrossOrigin):
		return p.refuse(r, http.StatusForbidden, "cross_origin", page.Page{Title: "origin-title", Advice: []page.Word{"origin"}})
	case errors.As(err, &login):
		pg := page.Page{Link: p.site.LoginTo(login.returnTo), LinkText: "to-login"}
		pg.Title, pg.Advice = login.words()
		if login.otherAccount {
			pg.Link, pg.LinkText = p.otherAccount(login.returnTo), "to-another"
		}
		a := p.refuse(r, login.Status, "login_failed", pg)
		if errors.As(err, &trouble) {
			web.RetryAfter(a.Header, trouble.RetryAfter)
		}
		return a
	case errors.As(err, &request):
		a := jsonAnswer(request.Status, struct {
			Error       string `json:"error"`
			Description string `json:"error_description,omitempty"`
		}{request.Code, request.Err.Error()}, nil)
		if request.RetryAfter > 0 {
			web.RetryAfter(a.Header, request.RetryAfter)
		}
		return a
	case errors.As(err, &trouble):
		a := p.refuse(r, http.StatusServiceUnavailable, "temporarily_unavailable", p.outage(r, trouble.Cause))
		web.RetryAfter(a.Header, trouble.RetryAfter)
		return a
	}
	return p.refuse(r, http.StatusInternalServerError, "server_error", page.Page{Title: "error-title", Advice: []page.Word{"error"}})
}

// troubleOf is what a page says of trouble. It says of nobody that they cannot be reached
// who have answered.
func troubleOf(c Cause) page.Word {
	if w, ok := page.Known("outage-" + string(c)); ok {
		return w
	}
	return "outage"
}

// outage is the page of a 503. In the middle of a log-in nobody is logged in yet,
// and the callback's query is not repeated.
func (p *RelyingParty) outage(r *http.Request, cause Cause) page.Page {
	pg := page.Page{Title: "outage-title", Advice: []page.Word{troubleOf(cause)}}
	switch {
	case p.site.IsCallback(r.URL.Path):
		pg.Link, pg.LinkText = p.site.Endpoint("/login"), "to-login"
	case web.KindOf(r) == web.Page && !p.site.IsEndpoint(r.URL.Path):
		if cause != StoreFailed { // else nobody knows
			pg.Advice = append(pg.Advice, "still-in")
		}
		pg.Link, pg.LinkText = p.site.Asked(r), "to-retry"
	}
	return pg
}

func (p *RelyingParty) refuse(r *http.Request, status int, code string, pg page.Page) Answer {
	if !web.KindOf(r).IsPage() {
		pr := Problem{Error: code}
		return jsonAnswer(status, pr, &pr)
	}
	return p.pageAnswer(r, status, code, pg)
}

func (p *RelyingParty) pageAnswer(r *http.Request, status int, code string, pg page.Page) Answer {
	a := Answer{Status: status, Header: http.Header{}}
	a.Body = p.pages.Render(a.Header, r, pg)
	web.NoStore(a.Header)
	a.Header.Set(ErrorHeader, code)
	return a
}

func redirect(to string) Answer {
	a := Answer{Status: http.StatusFound, Header: http.Header{}}
	web.NoStore(a.Header)
	a.Header.Set("Location", to)
	return a
}

func jsonAnswer(status int, v any, pr *Problem) Answer {
	a := Answer{Status: status, Header: http.Header{}, Problem: pr}
	web.NoStore(a.Header)
	a.Header.Set("Content-Type", "application/json")
	if pr != nil {
		a.Header.Set(ErrorHeader, pr.Error)
	}
	a.Body, _ = json.Marshal(v) // strings only
	a.Body = append(a.Body, '\n')
	return a
}
