// Package nethttpadapter puts Tandem's sessions in front of net/http handlers,
// and of every router that takes them (chi, gorilla/mux, …):
//
//	web := nethttpadapter.New(auth) // of rp.New
//	mux.Handle("/auth/", web.Endpoints())
//	mux.Handle("/", web.RequireLogin(home))
//	mux.Handle("/feed", web.RequireLogin(web.Passive(feed))) // a poll keeps nobody signed in
//
// A handler finds the session with rp.FromContext. The Example is a whole program.
package nethttpadapter

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/activity"
)

// Adapter serves the library's endpoints and guards handlers.
type Adapter struct{ rp *rp.RelyingParty }

// New returns an adapter for auth.
func New(auth *rp.RelyingParty) *Adapter { return &Adapter{auth} }

// Format prints the relying party's name. Without it fmt would follow the pointer and read
// fields that change meanwhile.
func (a Adapter) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "nethttpadapter.Adapter(%v)", a.rp)
}

// Endpoints serves everything below Config.Prefix; mount it there:
//
//	mux.Handle("/auth/", web.Endpoints())
//
// Together with a pattern such as "GET /", which has more paths and fewer methods, ServeMux
// panics. Then register it with the two methods that are used:
//
//	mux.Handle("GET /auth/", web.Endpoints())
//	mux.Handle("POST /auth/", web.Endpoints())
//
// It works inside http.StripPrefix, too. No middleware against CSRF and no time-out may stand
// around it: see docs/middleware.md.
func (a *Adapter) Endpoints() http.Handler {
	mux := http.NewServeMux()
	for _, e := range a.rp.Endpoints() {
		mux.HandleFunc(e.Method+" "+a.rp.Prefix()+e.Path, func(w http.ResponseWriter, r *http.Request) {
			if err := e.Handle(w, r); err != nil {
				a.rp.Answer(r, err).Write(w)
			}
		})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { mux.ServeHTTP(w, whole(r, a.rp.Prefix())) })
}

// whole puts the prefix back that http.StripPrefix has taken away.
func whole(r *http.Request, prefix string) *http.Request {
	if strings.HasPrefix(r.URL.Path, prefix+"/") {
		return r
	}
	r2, u := *r, *r.URL
	u.Path, u.RawPath = prefix+"/"+strings.TrimPrefix(u.Path, "/"), ""
	r2.URL = &u
	return &r2
}

// RequireLogin lets a request through only with a session, which the handler finds with
// rp.FromContext. Other requests get the answer of rp.RelyingParty.Answer: a redirect to the
// log-in, 401, or 503 while the IdP or the store cannot answer; 403 if a page of another
// origin makes an unsafe request or opens a WebSocket.
//
// Options are used for the log-in. Some are demands (rp.ACR, rp.MaxAge, rp.RequireClaim):
// then only a session that meets them is let through:
//
//	mux.Handle("/transfer", web.RequireLogin(transfer, rp.ACR("urn:example:gold"), rp.MaxAge(5*time.Minute)))
//
// No browser and no cache keeps the handler's answer: see rp.Session.KeepPrivate. The handler
// may set another Cache-Control.
func (a *Adapter) RequireLogin(next http.Handler, opts ...rp.LoginOption) http.Handler {
	marked, isMarked := next.(classed)
	if isMarked {
		next = marked.Handler
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isMarked { // a mark inside RequireLogin: it has to be known before
			r = r.WithContext(activity.Mark(r.Context(), marked.class))
		}
		s, err := a.rp.Authenticate(r)
		if err == nil {
			err = s.Satisfies(opts...)
		}
		if err != nil {
			if s != nil {
				r = s.Request()
			}
			a.rp.Answer(r, err, opts...).Write(w)
			return
		}
		s.KeepPrivate(w.Header())
		next.ServeHTTP(w, s.Request())
	})
}

// Login starts a log-in with options: with another account, with a hint, in a language.
//
//	mux.Handle("GET /switch", web.Login(rp.LoginParam("prompt", "select_account")))
func (a *Adapter) Login(opts ...rp.LoginOption) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := a.rp.StartLogin(w, r, opts...); err != nil {
			a.rp.Answer(r, err).Write(w)
		}
	})
}

// OptionalLogin is for public pages that show who is logged in: it lets everybody
// through. rp.FromContext is nil if nobody is logged in. No request is redirected or waits
// for the IdP: see rp.RelyingParty.Optional. No browser and no cache keeps a page with a
// session.
func (a *Adapter) OptionalLogin(next http.Handler) http.Handler {
	marked, isMarked := next.(classed)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Cookie")
		if isMarked { // a mark inside OptionalLogin: it has to be known before
			r = r.WithContext(activity.Mark(r.Context(), marked.class))
		}
		if s := a.rp.Optional(r); s != nil {
			s.KeepPrivate(w.Header())
			r = s.Request()
		}
		next.ServeHTTP(w, r)
	})
}

// Passive marks a route whose requests a page makes by itself, such as a poll: they keep
// nobody signed in. It may stand inside or outside RequireLogin and OptionalLogin.
func (a *Adapter) Passive(next http.Handler) http.Handler { return classed{next, activity.Passive} }

// Active marks a route whose fetches are a person's activity, even if the page's own script
// marks them passive (activity.Header). A prefetch, an image, a beacon, an event stream or
// a fetch by a page of another origin is not activity on such a route either.
func (a *Adapter) Active(next http.Handler) http.Handler { return classed{next, activity.Active} }

// classed is a handler with a mark that RequireLogin can see before it calls it.
type classed struct {
	http.Handler
	class activity.Class
}

func (c classed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.Handler.ServeHTTP(w, r.WithContext(activity.Mark(r.Context(), c.class)))
}
