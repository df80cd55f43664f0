package rptest

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/adapter"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// Addresses of a Party and its IdP, unless New changes them. No connection is made to them.
const (
	Issuer  = "https://idp.test"
	BaseURL = "https://app.test"
)

// Session describes the session of a person who is logged in. The zero value is a person
// called "user".
type Session struct {
	Subject string // default "user"
	SID     string // the IdP's session id; default: a new one
	// Claims are further claims of the ID token: name, groups, acr, auth_time (in seconds
	// since 1970; default now), …
	Claims map[string]any
	Scope  string // the granted scopes, separated by spaces; default: as asked for
	// Values are the app's own values, by the name of the gorilla session, as
	// rp.RelyingParty.Values keeps them. Only the Values of the same Party find them.
	Values map[string]map[any]any
}

// Party is a relying party for a test. Its methods end the test if something is wrong.
type Party struct {
	*rp.RelyingParty
	t   testing.TB
	cfg rp.Config
	net *network
}

// New returns a relying party with an IdP and a Store in memory. It is closed at the end of
// the test. change completes its configuration, as in
//
//	auth := rptest.New(t, func(c *rp.Config) { c.APIs = []rp.API{{Origin: "https://api.example.com"}} })
//
// All its calls stay in memory: an API answers by [Party.ServeAPI].
func New(t testing.TB, change ...func(*rp.Config)) *Party {
	t.Helper()
	net := newNetwork()
	cfg := rp.Config{
		Issuer: Issuer, ClientID: "app", ClientSecret: "secret", BaseURL: BaseURL, IDTokenAlg: signingAlg,
		Keys: rp.Keys{rp.NewKey()}, Store: memstore.New(memstore.Options{}), HTTPClient: &http.Client{Transport: net},
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	for _, f := range change {
		f(&cfg)
	}
	net.idp = newIDP(&cfg)
	auth, err := rp.New(context.Background(), cfg)
	if err != nil {
		t.Fatalf("rptest: %v", err)
	}
	t.Cleanup(func() {
		if err := auth.Close(); err != nil {
			t.Errorf("rptest: %v", err)
		}
	})
	return &Party{auth, t, cfg, net}
}

// Request returns r with a session, as RequireLogin of either adapter passes it to a handler:
// rp.FromContext finds it. It is short for New(t).Request(r, s), for a handler that needs
// nothing else of a relying party.
func Request(t testing.TB, r *http.Request, s Session) *http.Request {
	t.Helper()
	return New(t).Request(r, s)
}

// Request logs a person in and returns a copy of r with their session: in its context, for a
// handler that the test calls directly, and as its cookie, for a route behind RequireLogin.
//
// For a handler behind Passive, or one that a page of another origin calls, mark r with
// activity.Mark, or set the headers of such a request.
func (p *Party) Request(r *http.Request, s Session) *http.Request {
	p.t.Helper()
	r = r.Clone(r.Context())
	r.AddCookie(p.Cookie(s))
	session, err := p.Authenticate(r)
	if err != nil {
		p.t.Fatalf("rptest: the request gets no session: %v", err)
	}
	return session.Request()
}

// Cookie logs a person in and returns the session's cookie, for a test that plays the browser
// itself.
func (p *Party) Cookie(s Session) *http.Cookie {
	p.t.Helper()
	begin := httptest.NewRequest(http.MethodGet, p.cfg.BaseURL+p.Prefix()+"/login?anew=1", nil)
	w := httptest.NewRecorder()
	if err := p.StartLogin(w, begin); err != nil {
		p.t.Fatalf("rptest: the log-in does not begin: %v", err)
	}
	back := httptest.NewRequest(http.MethodGet, p.Authorize(w.Result().Header.Get("Location"), s), nil)
	var name string // of the session's cookie: Config.OnLogin may set others before it
	for _, c := range w.Result().Cookies() {
		back.AddCookie(c)
		if own, _, ok := strings.Cut(c.Name, "-login-"); ok {
			name = own
		}
	}
	w = httptest.NewRecorder()
	if err := p.endpoint(http.MethodGet, "/callback")(w, back); err != nil {
		p.t.Fatalf("rptest: the log-in is not finished: %v", err)
	}
	for _, c := range w.Result().Cookies() {
		if c.Name == name {
			p.keep(c, s.Values)
			return &http.Cookie{Name: c.Name, Value: c.Value}
		}
	}
	p.t.Fatalf("rptest: the log-in begins no session: %d %v", w.Code, w.Result().Header)
	return nil
}

// keep stores an app's own values in the session with a cookie.
func (p *Party) keep(c *http.Cookie, values map[string]map[any]any) {
	p.t.Helper()
	for name, of := range values {
		r := httptest.NewRequest(http.MethodGet, p.cfg.BaseURL+"/", nil)
		r.AddCookie(c)
		s, err := p.Values().Get(r, name)
		if err == nil {
			for k, v := range of {
				s.Values[k] = v
			}
			err = s.Save(r, httptest.NewRecorder())
		}
		if err != nil {
			p.t.Fatalf("rptest: the values %q: %v", name, err)
		}
	}
}

// Authorize is the visit of a person at the IdP. url is the address to which the app's log-in
// sent the browser (the Location of GET /auth/login, or of a page behind RequireLogin).
// Authorize returns the address to which the IdP sends it back: the callback with a code. So
// a test follows a log-in through the app's own handlers.
func (p *Party) Authorize(url string, s Session) (callback string) {
	p.t.Helper()
	callback, err := p.net.idp.authorize(url, s)
	if err != nil {
		p.t.Fatalf("rptest: %v", err)
	}
	return callback
}

// ServeAPI lets h answer the calls of rp.Session.Client to an origin, which Config.APIs must
// name. The handler sees the access token in the header Authorization.
func (p *Party) ServeAPI(origin string, h http.Handler) { p.net.serve(origin, h) }

// endpoint is one of the library's pages.
func (p *Party) endpoint(method, path string) func(http.ResponseWriter, *http.Request) error {
	all := p.Endpoints()
	i := slices.IndexFunc(all, func(e adapter.Endpoint) bool { return e.Method == method && e.Path == path })
	return all[i].Handle
}
