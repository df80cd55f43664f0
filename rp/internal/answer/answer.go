package answer

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/page"
	"github.com/tandem-sso/tandem/rp/internal/site"
	"github.com/tandem-sso/tandem/rp/internal/web"
)

// Header repeats Problem.Error.
const Header = "Tandem-Error"

// Answer is what the client is to see.
type Answer struct {
	Status  int
	Header  http.Header
	Body    []byte
	Problem *Problem // what Body says, if that is this JSON
}

// Problem is the JSON answer to scripts. LoginURL is empty where nobody has asked for
// the request: a script would go there by itself.
type Problem struct {
	Error    string `json:"error"`
	Reason   string `json:"reason,omitempty"`
	Cause    string `json:"cause,omitempty"`
	LoginURL string `json:"login_url,omitempty"`
}

// Writer writes the answers of one app.
type Writer struct {
	Site  *site.App
	Pages *page.Set
	// Keep seals the form of a request that is not served, for the tab that has sent it;
	// empty if it is not to be kept.
	Keep func(*http.Request) (sealed string)
	// Forbidden is the app's own answer to who may not see a page; nil: it has none.
	Forbidden http.Handler
	// Guarded is told when a middleware of the app keeps people from logging in.
	Guarded func(path string)
}

// Refuse says that a request is not served: code to a script, a page to a person.
func (w *Writer) Refuse(r *http.Request, status int, code string, pg page.Page) Answer {
	if !web.KindOf(r).IsPage() {
		return problem(status, Problem{Error: code})
	}
	return w.page(r, status, code, pg)
}

// CrossOrigin says that another site has caused the request.
func (w *Writer) CrossOrigin(r *http.Request) Answer {
	return w.Refuse(r, http.StatusForbidden, "cross_origin",
		page.Page{Title: "origin-title", Advice: []page.Word{"origin"}})
}

// Denied says that a person gets no further by yet another log-in.
func (w *Writer) Denied(r *http.Request, code string) Answer {
	return w.Refuse(r, http.StatusForbidden, code, page.Page{Title: "denied-title", Advice: []page.Word{"denied"}})
}

// Broken says that the fault is the app's own.
func (w *Writer) Broken(r *http.Request) Answer {
	return w.Refuse(r, http.StatusInternalServerError, "server_error",
		page.Page{Title: "error-title", Advice: []page.Word{"error"}})
}

// NotAllowed is for who is logged in and may not see a page: the app's own answer, else one
// that offers another account.
func (w *Writer) NotAllowed(r *http.Request, otherAccount string) Answer {
	const code = "forbidden"
	a := w.Refuse(r, http.StatusForbidden, code, page.Page{Title: "forbidden-title", Advice: []page.Word{"forbidden"},
		Link: otherAccount, LinkText: "to-another"})
	if w.Forbidden == nil {
		return a
	}
	own := web.NewMemory(http.StatusForbidden)
	web.NoStore(own.Header())
	own.Header().Set(Header, code)
	w.Forbidden.ServeHTTP(own, r)
	return Answer{Status: own.Status(), Header: own.Header(), Body: own.Body()}
}

// Unavailable is trouble that passes: why says whose. known: it leaves people logged in. In
// the middle of a log-in nobody is logged in yet, and the callback's query is not repeated.
func (w *Writer) Unavailable(r *http.Request, why page.Word, known bool, after time.Duration) Answer {
	pg := page.Page{Title: "outage-title", Advice: []page.Word{why}}
	switch {
	case w.Site.IsCallback(r.URL.Path):
		pg.Link, pg.LinkText = w.Site.Endpoint("/login"), "to-login"
	case web.Navigation(r) && !w.Site.IsEndpoint(r.URL.Path):
		if known {
			pg.Advice = append(pg.Advice, "still-in")
		}
		pg.Link, pg.LinkText = w.Site.Asked(r), "to-retry"
	}
	a := w.Refuse(r, http.StatusServiceUnavailable, "temporarily_unavailable", pg)
	web.RetryAfter(a.Header, after)
	return a
}

func (w *Writer) page(r *http.Request, status int, code string, pg page.Page) Answer {
	a := Answer{Status: status, Header: http.Header{}}
	a.Body = w.Pages.Render(a.Header, r, pg)
	web.NoStore(a.Header)
	a.Header.Set(Header, code)
	return a
}

func redirect(to string) Answer {
	a := Answer{Status: http.StatusFound, Header: http.Header{}}
	web.NoStore(a.Header)
	a.Header.Set("Location", to)
	return a
}

// BadRequest is the JSON of RFC 6749 §5.2; after, if it is not zero, says when the same
// request may work.
func BadRequest(status int, code, description string, after time.Duration) Answer {
	a := inJSON(status, struct {
		Error       string `json:"error"`
		Description string `json:"error_description,omitempty"`
	}{code, description})
	if after > 0 {
		web.RetryAfter(a.Header, after)
	}
	return a
}

func problem(status int, pr Problem) Answer {
	a := inJSON(status, pr)
	a.Header.Set(Header, pr.Error)
	a.Problem = &pr
	return a
}

func inJSON(status int, v any) Answer {
	a := Answer{Status: status, Header: http.Header{}}
	web.NoStore(a.Header)
	a.Header.Set("Content-Type", "application/json")
	a.Body, _ = json.Marshal(v) // strings only
	a.Body = append(a.Body, '\n')
	return a
}
