package rp

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/weburl"
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

// Problem is the JSON answer to scripts.
type Problem struct {
	Error    string `json:"error"` // login_required, session_ended, session_unconfirmed, …
	Reason   Reason `json:"reason,omitempty"`
	LoginURL string `json:"login_url,omitempty"`
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
// should see. A navigation is sent to the log-in and comes back; a script gets
// 401 with JSON and never a redirect, and neither does an unsafe method. Trouble
// is 503 with Retry-After and takes nobody's cookie.
func (p *RelyingParty) Answer(r *http.Request, err error) Answer {
	var (
		ended   *EndedError
		trouble *UnavailableError
		login   *LoginError
		request *RequestError
	)
	switch {
	case errors.Is(err, ErrSilentCheck) && navigation(r):
		return redirect(p.loginURL(r) + "&silent=1")
	case errors.Is(err, ErrSilentCheck):
		return p.challenge(r, Problem{Error: "session_unconfirmed"})
	case errors.Is(err, ErrAnonymous):
		return p.challenge(r, Problem{Error: "login_required"})
	case errors.As(err, &ended):
		a := p.challenge(r, Problem{Error: "session_ended", Reason: ended.Reason})
		p.forgetPages(a.Header)
		return a
	case errors.Is(err, ErrReauthenticate):
		return p.challengeAnew(r)
	case errors.Is(err, ErrUnconfirmed):
		return p.challenge(r, Problem{Error: "session_unconfirmed"})
	case errors.Is(err, ErrCrossOrigin):
		return p.refuse(r, http.StatusForbidden, "cross_origin", page{
			Title: "This request came from another site.", Advice: "Please go back and try again from this application."})
	case errors.As(err, &login):
		a := p.refuse(r, login.Status, "login_failed", page{
			Title: login.Title, Advice: login.Advice, Link: p.cfg.Prefix + "/login", LinkText: "Log in"})
		if errors.As(err, &trouble) {
			retryAfter(a.Header, trouble.RetryAfter)
		}
		return a
	case errors.As(err, &request):
		a := jsonAnswer(request.Status, struct {
			Error       string `json:"error"`
			Description string `json:"error_description,omitempty"`
		}{request.Code, request.Err.Error()}, nil)
		if request.RetryAfter > 0 {
			retryAfter(a.Header, request.RetryAfter)
		}
		return a
	case errors.As(err, &trouble):
		a := p.refuse(r, http.StatusServiceUnavailable, "temporarily_unavailable", p.outage(r, trouble.Cause))
		retryAfter(a.Header, trouble.RetryAfter)
		return a
	}
	return p.refuse(r, http.StatusInternalServerError, "server_error", page{Title: "Something went wrong.", Advice: "Please try again."})
}

func retryAfter(h http.Header, d time.Duration) {
	h.Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(d.Seconds())))))
}

// advice is what a page says of trouble. It says of nobody that they cannot be reached
// who have answered.
var advice = map[Cause]string{
	StoreFailed: "This application cannot look up who is logged in right now. Nobody has been logged out.",
	IdPSilent:   "The log-in service does not answer right now.",
	IdPFails:    "The log-in service has a problem right now.",
	Busy:        "This application is busy right now.",
	"":          "This application cannot answer right now.", // an error of an app's own making
}

// outage is the page of a 503. In the middle of a log-in nobody is logged in yet,
// and the callback's query is not repeated.
func (p *RelyingParty) outage(r *http.Request, cause Cause) page {
	pg := page{Title: "Please try again in a moment.", Advice: advice[cause]}
	switch {
	case r.URL.Path == p.cfg.Prefix+"/callback":
		pg.Link, pg.LinkText = p.cfg.Prefix+"/login", "Log in"
	case navigation(r) && !strings.HasPrefix(r.URL.Path, p.cfg.Prefix+"/"):
		if cause != StoreFailed { // else nobody knows
			pg.Advice += " You are still logged in."
		}
		pg.Link, pg.LinkText = SafeReturnTo(r.URL.RequestURI()), "Try again"
	}
	return pg
}

func (p *RelyingParty) challenge(r *http.Request, pr Problem) Answer {
	if navigation(r) {
		return redirect(p.loginURL(r))
	}
	pr.LoginURL = p.cfg.Prefix + "/login"
	a := jsonAnswer(http.StatusUnauthorized, pr, &pr)
	if first(r.Header, "Hx-Request") == "true" { // htmx follows this itself
		a.Header.Set("HX-Redirect", p.htmxLogin(r))
	}
	return a
}

// challengeAnew asks for a log-in although the session lives.
func (p *RelyingParty) challengeAnew(r *http.Request) Answer {
	a := p.challenge(r, Problem{Error: "login_required"})
	if a.Status == http.StatusFound {
		return redirect(p.loginURL(r) + "&anew=1")
	}
	return a
}

func (p *RelyingParty) refuse(r *http.Request, status int, code string, pg page) Answer {
	if !wantsPage(r) {
		pr := Problem{Error: code}
		return jsonAnswer(status, pr, &pr)
	}
	a := Answer{Status: status, Header: http.Header{}, Body: pg.render()}
	noStore(a.Header)
	pageHeader(a.Header, "")
	return a
}

func redirect(to string) Answer {
	a := Answer{Status: http.StatusFound, Header: http.Header{}}
	noStore(a.Header)
	a.Header.Set("Location", to)
	return a
}

func jsonAnswer(status int, v any, pr *Problem) Answer {
	a := Answer{Status: status, Header: http.Header{}, Problem: pr}
	noStore(a.Header)
	a.Header.Set("Content-Type", "application/json")
	a.Body, _ = json.Marshal(v) // strings only
	a.Body = append(a.Body, '\n')
	return a
}

// loginURL brings the browser back to where it was.
func (p *RelyingParty) loginURL(r *http.Request) string {
	back := "/"
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		back = SafeReturnTo(r.URL.RequestURI())
	}
	return p.cfg.Prefix + "/login?return_to=" + url.QueryEscape(back)
}

// htmxLogin brings the person back to the page that htmx runs in.
func (p *RelyingParty) htmxLogin(r *http.Request) string {
	u, err := url.Parse(first(r.Header, "Hx-Current-Url"))
	if err != nil || weburl.OriginOf(u) != weburl.Origin(p.cfg.BaseURL) {
		return p.cfg.Prefix + "/login"
	}
	return p.cfg.Prefix + "/login?return_to=" + url.QueryEscape(SafeReturnTo(u.RequestURI()))
}

// navigation reports whether a person's browser asks for a page, so that a
// redirect makes sense.
func navigation(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	if strings.Contains(first(r.Header, "Sec-Purpose"), "prefetch") {
		return false // a browser's guess must not start a log-in
	}
	return wantsPage(r)
}

func wantsPage(r *http.Request) bool {
	h := r.Header
	if mode := first(h, "Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	if first(h, "X-Requested-With") != "" || first(h, "Hx-Request") != "" || first(h, ActivityHeader) != "" {
		return false
	}
	accept := first(h, "Accept")
	return accept == "" || strings.Contains(accept, "text/html") || strings.Contains(accept, "*/*")
}
