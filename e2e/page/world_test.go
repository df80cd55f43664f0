// Package page tests session.js in a real browser, against real apps on real
// sockets.
package page

import (
	"context"
	_ "embed"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/tandem-sso/tandem/e2e/browser"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/memstore"
)

var chromium browser.Process

func TestMain(m *testing.M) {
	code := m.Run()
	chromium.Close()
	os.Exit(code)
}

// csp is as strict as a policy can be: a page with session.js needs no more.
const csp = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

//go:embed probe.js
var probe []byte

// world is an IdP and apps around it, each on a site of its own.
type world struct {
	testing.TB
	idp    *idpmock.IDP
	client *http.Client
	apps   map[string]*app
}

// app is one relying party.
type app struct {
	w     *world
	name  string
	url   string
	addr  string
	auth  *rp.RelyingParty
	front http.Handler

	mu     sync.Mutex
	server *http.Server
	served chan struct{}
	tokens []time.Time // when logout tokens arrived
	seen   []string    // requests, as "GET /path class"
}

type options struct {
	idp    func(*idpmock.Config)
	client func(*idpmock.Client)
	rp     func(*rp.Config)
	apps   []string
	hold   func(*world) // called when the IdP runs and no app does yet
}

func newWorld(t testing.TB, o options) *world {
	t.Helper()
	if len(o.apps) == 0 {
		o.apps = []string{"notes"}
	}
	w := &world{TB: t, apps: map[string]*app{}}
	transport := &http.Transport{DialContext: loopback}
	t.Cleanup(transport.CloseIdleConnections)
	w.client = &http.Client{Transport: transport}
	l := listen(t, "127.0.0.1:0")
	cfg := idpmock.Config{Issuer: "http://idp.localhost:" + port(l), SigningAlg: "ES256", IdleWindow: time.Hour,
		CoordinateClientLifetimes: true, ExpiredSessionsTriggerBackchannelLogout: true, SweepEvery: 100 * time.Millisecond}
	listeners := map[string]net.Listener{}
	for _, name := range o.apps {
		listeners[name] = listen(t, "127.0.0.1:0")
		base := "http://" + name + ".localhost:" + port(listeners[name])
		c := idpmock.Client{ID: name, Secret: name + "-secret", RefreshTokens: true,
			RedirectURIs: []string{base + "/auth/callback"}, PostLogoutRedirectURIs: []string{base + "/auth/logged-out"},
			BackchannelLogoutURI: base + "/auth/backchannel-logout"}
		if o.client != nil {
			o.client(&c)
		}
		cfg.Clients = append(cfg.Clients, c)
		w.apps[name] = &app{w: w, name: name, url: base, addr: listeners[name].Addr().String()}
	}
	if o.idp != nil {
		o.idp(&cfg)
	}
	idp, err := idpmock.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.idp = idp
	t.Cleanup(idp.Close)
	if o.hold != nil {
		o.hold(w)
	}
	serve(t, l, idp.Handler())
	for _, name := range o.apps {
		w.apps[name].start(listeners[name], o.rp)
	}
	return w
}

func (a *app) start(l net.Listener, tune func(*rp.Config)) {
	t := a.w
	cfg := rp.Config{Issuer: a.w.idp.Issuer(), ClientID: a.name, ClientSecret: rp.Secret(a.name + "-secret"), BaseURL: a.url,
		Keys: rp.Keys{rp.NewKey()}, Store: memstore.New(memstore.Options{}), IDTokenAlg: "ES256",
		HTTPClient: a.w.client, Logger: slog.New(slog.DiscardHandler)}
	if tune != nil {
		tune(&cfg)
	}
	auth, err := rp.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	a.auth = auth
	a.front = a.handler()
	a.listen(l)
	t.Cleanup(func() {
		a.down()
		if err := auth.Close(); err != nil {
			t.Error(err)
		}
	})
}

// down takes the app off the network: connections break, new ones are refused.
func (a *app) down() {
	a.mu.Lock()
	s, served := a.server, a.served
	a.server = nil
	a.mu.Unlock()
	if s != nil {
		_ = s.Close()
		<-served
	}
}

// up brings it back at the same address.
func (a *app) up() { a.w.Helper(); a.listen(listen(a.w, a.addr)) }

func (a *app) listen(l net.Listener) {
	s, served := &http.Server{Handler: a.front}, make(chan struct{})
	a.mu.Lock()
	a.server, a.served = s, served
	a.mu.Unlock()
	go func() { defer close(served); _ = s.Serve(l) }()
}

func (a *app) handler() http.Handler {
	web := nethttpadapter.New(a.auth)
	page := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			who := ""
			if s := rp.FromContext(r.Context()); s != nil {
				who = s.Subject()
			}
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Security-Policy", csp)
			body := strings.NewReplacer("{who}", who, "{app}", a.name, "{attributes}", r.URL.Query().Get("attributes")).Replace(pages[name])
			fmt.Fprint(w, body)
		})
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/", web.Endpoints())
	mux.Handle("GET /{$}", web.RequireLogin(page("home")))
	mux.Handle("GET /form", web.RequireLogin(page("form")))
	mux.Handle("GET /public", page("public"))
	mux.Handle("GET /bare", web.RequireLogin(page("bare")))
	mux.Handle("/data", web.RequireLogin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, rp.FromContext(r.Context()).Class())
	})))
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /probe.js", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(probe)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		if r.URL.Path == "/auth/backchannel-logout" {
			a.tokens = append(a.tokens, time.Now())
		}
		a.seen = append(a.seen, r.Method+" "+r.URL.Path)
		a.mu.Unlock()
		mux.ServeHTTP(w, r)
	})
}

// requests counts the requests for one path so far.
func (a *app) requests(what string) int {
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

// page returns the URL of one of the app's pages; attributes go into its
// <tandem-session>.
func (a *app) page(path, attributes string) string {
	if attributes == "" {
		return a.url + path
	}
	return a.url + path + "?attributes=" + url.QueryEscape(attributes)
}

// signIn opens a page and signs in at the IdP if that asks.
func (w *world) signIn(tab *browser.Tab, who, url string) {
	w.Helper()
	tab.Go(url)
	if strings.HasPrefix(tab.URL(), w.idp.Issuer()) {
		tab.Type("#username", who+"\r")
	}
	tab.WaitURL(url)
	live(tab)
}

// endAda ends the IdP session and waits until every app has answered its logout
// token.
func (w *world) endAda() {
	w.Helper()
	w.idp.EndUser("ada")
	ctx, cancel := context.WithTimeout(w.Context(), browser.Patience)
	defer cancel()
	if err := w.idp.Settle(ctx); err != nil {
		w.Fatal(err)
	}
}

// live waits until session.js has heard that the session lives.
func live(tab *browser.Tab) { tab.Wait(`document.documentElement.dataset.tandem === "live"`) }

// covered waits until nothing of the page can be seen any more.
func covered(tab *browser.Tab, state string) { tab.Wait(isCovered(state)) }

func isCovered(state string) string {
	return fmt.Sprintf(`document.documentElement.dataset.tandem === %q && probe.hidden() && probe.dialog("cover")`, state)
}

// ended waits for the end and checks its reason.
func ended(tab *browser.Tab, reason rp.Reason) {
	covered(tab, "ended")
	if got := browser.Eval[string](tab, "probe.session.reason"); got != string(reason) {
		tab.Fail("the page was ended for %q, want %q", got, reason)
	}
}

// press presses a key, wherever the focus is.
func press(tab *browser.Tab, key string) {
	browser.Act(tab, "press a key", chromedp.KeyEvent(key))
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
