// Package site is the world in which session.js is tested, in any browser: an IdP
// and apps around it, real ones on real sockets, and pages that tell what happens.
package site

import (
	"context"
	_ "embed"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// csp is as strict as a policy can be: a page with session.js needs no more.
const csp = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri " +
	"'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

//go:embed probe.js
var probe []byte

// World is an IdP and apps around it, each on a site of its own.
type World struct {
	testing.TB
	IDP  *idpmock.IDP
	Apps map[string]*App

	client *http.Client
}

// App is one relying party.
type App struct {
	URL  string
	Auth *rp.RelyingParty

	w     *World
	name  string
	addr  string
	front http.Handler

	mu     sync.Mutex
	server *http.Server
	served chan struct{}
	tokens []time.Time // when logout tokens arrived
	seen   []string    // requests, as "GET /path"

	streams atomic.Int64
}

// Streams is how many pages have an event stream open.
func (a *App) Streams() int { return int(a.streams.Load()) }

// Options of a world; the zero value has one app, notes.
type Options struct {
	Apps []string
	// OneSite puts IdP and apps on one site, as a company has them. Default: each is on its own.
	OneSite bool
	IDP     func(*idpmock.Config)
	RP      func(*rp.Config)
	Hold    func(*World)                                  // called when the IdP runs and no app does yet
	Routes  func(*http.ServeMux, *nethttpadapter.Adapter) // adds to each app
	Front   func(http.Handler) http.Handler               // stands before each app
}

// New starts a world, which ends with the test.
func New(t testing.TB, o Options) *World {
	t.Helper()
	if len(o.Apps) == 0 {
		o.Apps = []string{"notes"}
	}
	w := &World{TB: t, Apps: map[string]*App{}}
	transport := &http.Transport{DialContext: loopback}
	t.Cleanup(transport.CloseIdleConnections)
	w.client = &http.Client{Transport: transport}
	l := listen(t, "127.0.0.1:0")
	domain := ".localhost:"
	if o.OneSite {
		domain = ".corp.localhost:"
	}
	cfg := idpmock.Config{Issuer: "http://idp" + domain + port(l), SigningAlg: "ES256", IdleWindow: time.Hour,
		CoordinateClientLifetimes: true, ExpiredSessionsTriggerBackchannelLogout: true,
		SweepEvery: 100 * time.Millisecond}
	listeners := map[string]net.Listener{}
	for _, name := range o.Apps {
		listeners[name] = listen(t, "127.0.0.1:0")
		base := "http://" + name + domain + port(listeners[name])
		c := idpmock.Client{ID: name, Secret: name + "-secret", RefreshTokens: true,
			RedirectURIs:           []string{base + "/auth/callback"},
			PostLogoutRedirectURIs: []string{base + "/auth/logged-out"},
			BackchannelLogoutURI:   base + "/auth/backchannel-logout"}
		cfg.Clients = append(cfg.Clients, c)
		w.Apps[name] = &App{w: w, name: name, URL: base, addr: listeners[name].Addr().String()}
	}
	if o.IDP != nil {
		o.IDP(&cfg)
	}
	idp, err := idpmock.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.IDP = idp
	t.Cleanup(idp.Close)
	if o.Hold != nil {
		o.Hold(w)
	}
	serve(t, l, idp.Handler())
	for _, name := range o.Apps {
		w.Apps[name].start(listeners[name], o)
	}
	return w
}

func (a *App) start(l net.Listener, o Options) {
	t := a.w
	cfg := rp.Config{Issuer: a.w.IDP.Issuer(), ClientID: a.name, ClientSecret: rp.Secret(a.name + "-secret"),
		BaseURL: a.URL,
		Keys:    rp.Keys{rp.NewKey()}, Store: memstore.New(memstore.Options{}), IDTokenAlg: "ES256",
		HTTPClient: a.w.client, Logger: slog.New(slog.DiscardHandler), SkipSelfCheck: true} // the tests count requests
	cfg.Events.Stream = func(change int) { a.streams.Add(int64(change)) }
	if o.RP != nil {
		o.RP(&cfg)
	}
	auth, err := rp.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	a.Auth = auth
	a.front = a.handler(o)
	a.listen(l)
	t.Cleanup(func() {
		a.Down()
		if err := auth.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Down takes the app off the network: connections break, new ones are refused.
func (a *App) Down() {
	a.mu.Lock()
	s, served := a.server, a.served
	a.server = nil
	a.mu.Unlock()
	if s != nil {
		_ = s.Close()
		<-served
	}
}

// Up brings it back at the same address.
func (a *App) Up() { a.w.Helper(); a.listen(listen(a.w, a.addr)) }

func (a *App) listen(l net.Listener) {
	s, served := &http.Server{Handler: a.front}, make(chan struct{})
	a.mu.Lock()
	a.server, a.served = s, served
	a.mu.Unlock()
	go func() { defer close(served); _ = s.Serve(l) }()
}

func (a *App) handler(o Options) http.Handler {
	web := nethttpadapter.New(a.Auth)
	page := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			who := ""
			if s := rp.FromContext(r.Context()); s != nil {
				who = s.Subject()
			}
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Security-Policy", csp)
			if cache := r.URL.Query().Get("cache"); cache != "" {
				w.Header().Set("Cache-Control", cache)
			}
			body := strings.NewReplacer("{who}", who, "{app}", a.name, "{attributes}",
				r.URL.Query().Get("attributes")).Replace(pages[name])
			fmt.Fprint(w, body)
		})
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/", web.Endpoints())
	mux.Handle("GET /{$}", web.RequireLogin(page("home")))
	mux.Handle("GET /form", web.RequireLogin(page("form")))
	mux.Handle("GET /public", page("public"))
	mux.Handle("GET /bare", web.RequireLogin(page("bare")))
	mux.Handle("GET /plain", web.RequireLogin(http.HandlerFunc(plain)))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	mux.Handle("/data", web.RequireLogin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, rp.FromContext(r.Context()).Class())
	})))
	if o.Routes != nil {
		o.Routes(mux, web)
	}
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /probe.js", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(probe)
	})
	var front http.Handler = mux
	if o.Front != nil {
		front = o.Front(mux)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		if r.URL.Path == "/auth/backchannel-logout" {
			a.tokens = append(a.tokens, time.Now())
		}
		a.seen = append(a.seen, r.Method+" "+r.URL.Path)
		a.mu.Unlock()
		front.ServeHTTP(w, r)
	})
}

// Requests counts the requests for one path so far.
func (a *App) Requests(what string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for _, s := range a.seen {
		if s == what {
			n++
		}
	}
	return n
}

// LastToken is when the last logout token arrived.
func (a *App) LastToken() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.tokens[len(a.tokens)-1]
}

// Page returns the URL of one of the app's pages; attributes go into its
// <tandem-session>.
func (a *App) Page(path, attributes string) string {
	if attributes == "" {
		return a.URL + path
	}
	return a.URL + path + "?attributes=" + url.QueryEscape(attributes)
}

// Tab is a tab of any browser.
type Tab interface {
	browser.Viewer
	Go(url string)
	URL() string
	Click(css string)
	Type(css, text string)
	Text(css string) string
	Wait(condition string)
	WaitURL(prefix string)
	Screenshot(file string)
	Fail(format string, args ...any)
}

// SignIn opens a page and signs in at the IdP if that asks.
func (w *World) SignIn(tab Tab, who, url string) {
	w.Helper()
	tab.Go(url)
	if strings.HasPrefix(tab.URL(), w.IDP.Issuer()) {
		tab.Type("#username", who+"\r")
	}
	tab.WaitURL(url)
	Live(tab)
}

// EndAda ends the IdP session and waits until every app has answered its logout
// token.
func (w *World) EndAda() {
	w.Helper()
	w.IDP.EndUser("ada")
	ctx, cancel := context.WithTimeout(w.Context(), browser.Patience)
	defer cancel()
	if err := w.IDP.Settle(ctx); err != nil {
		w.Fatal(err)
	}
}

// Live waits until session.js has heard that the session lives.
func Live(tab Tab) { tab.Wait(`document.documentElement.dataset.tandem === "live"`) }

// Covered waits until nothing of the page can be seen any more.
func Covered(tab Tab, state string) { tab.Wait(IsCovered(state)) }

// IsCovered is the condition for it.
func IsCovered(state string) string {
	return fmt.Sprintf(`document.documentElement.dataset.tandem === %q && probe.hidden() && probe.dialog("cover")`,
		state)
}

// Ended waits for the end and checks its reason.
func Ended(tab Tab, reason reason.Reason) {
	Covered(tab, "ended")
	if got := browser.Eval[string](tab, "probe.session.reason"); got != string(reason) {
		tab.Fail("the page was ended for %q, want %q", got, reason)
	}
}

func listen(t testing.TB, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func port(l net.Listener) string {
	_, p, _ := net.SplitHostPort(l.Addr().String())
	return p
}

func serve(t testing.TB, l net.Listener, h http.Handler) {
	s, done := &http.Server{Handler: h}, make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); <-done })
}

// loopback does not depend on the machine's resolver for *.localhost.
func loopback(ctx context.Context, network, addr string) (net.Conn, error) {
	_, p, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	return d.DialContext(ctx, network, "127.0.0.1:"+p)
}
