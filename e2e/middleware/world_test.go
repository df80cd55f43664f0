package middleware_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
	"github.com/tandem-sso/tandem/idp-mock/memnet"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

const base = "https://notes.example"

// world is an IdP and one app, on a network in memory.
type world struct {
	*testing.T
	idp    *idpmock.IDP
	net    *memnet.Net
	config rp.Config
	auth   *rp.RelyingParty
}

func newWorld(t *testing.T) *world {
	t.Helper()
	n := memnet.New()
	t.Cleanup(n.Close)
	idp, err := idpmock.New(idpmock.Config{Issuer: "https://idp.example", SigningAlg: "ES256", HTTPClient: n.Client(),
		CoordinateClientLifetimes: true,
		Clients: []idpmock.Client{{ID: "notes", Secret: "s3cret", RefreshTokens: true,
			RedirectURIs:         []string{base + "/auth/callback"},
			BackchannelLogoutURI: base + "/auth/backchannel-logout"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(idp.Close)
	w := &world{T: t, idp: idp, net: n}
	w.serve("idp.example", idp.Handler())
	w.config = rp.Config{Issuer: "https://idp.example", ClientID: "notes", ClientSecret: "s3cret", BaseURL: base,
		Keys:  rp.Keys{rp.NewKey()},
		Store: memstore.New(memstore.Options{}), IDTokenAlg: "ES256", HTTPClient: n.Client(),
		Logger: slog.New(slog.DiscardHandler)}
	if w.auth, err = rp.New(t.Context(), w.config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.auth.Close() })
	return w
}

func (w *world) serve(host string, h http.Handler) {
	w.Helper()
	stop, err := w.net.Serve(host, h)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(stop)
}

// serveWatched serves the app and returns what net/http has complained of.
func (w *world) serveWatched(h http.Handler) (complaints func() string) {
	w.Helper()
	var (
		mu  sync.Mutex
		all bytes.Buffer
	)
	s := &http.Server{Handler: h, ErrorLog: log.New(writer(func(b []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return all.Write(b)
	}), "", 0)}
	l, served := w.listen(), make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	w.Cleanup(func() { s.Close(); <-served })
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return all.String()
	}
}

type writer func([]byte) (int, error)

func (f writer) Write(b []byte) (int, error) { return f(b) }

func (w *world) listen() net.Listener {
	w.Helper()
	l, err := w.net.Listen("notes.example")
	if err != nil {
		w.Fatal(err)
	}
	return l
}

// blocked returns what the app finds out about itself.
func (w *world) blocked() (codes string) {
	w.Helper()
	found, err := rp.Diagnose(w.Context(), w.config)
	if err != nil {
		w.Fatal(err)
	}
	for _, f := range found {
		if strings.HasSuffix(f.Code, "_blocked") || f.Code == "self_unreachable" {
			codes += f.Code + " "
		}
	}
	return strings.TrimSpace(codes)
}

func (w *world) told(code string) (texts []string) {
	for _, f := range w.auth.Findings() {
		if f.Code == code {
			texts = append(texts, f.Text)
		}
	}
	return texts
}

// person is somebody with a browser.
type person struct {
	*world
	*idptest.Browser
}

func (w *world) person(name string) *person {
	b := idptest.NewBrowser(w, w.net.Transport())
	b.Base, b.Fill = base, url.Values{"username": {name}}
	return &person{w, b}
}

// do sends a request whose answer may be a stream; h is more of its header: name, value, …
func (p *person) do(method, to string, h ...string) *http.Response {
	p.Helper()
	if strings.HasPrefix(to, "/") {
		to = base + to
	}
	r, err := http.NewRequestWithContext(p.Context(), method, to, nil)
	if err != nil {
		p.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for i := 0; i < len(h); i += 2 {
		r.Header.Set(h[i], h[i+1])
	}
	resp, err := p.Do(r)
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { resp.Body.Close() })
	return resp
}

var (
	navigate = []string{"Sec-Fetch-Mode", "navigate", "Accept", "text/html"}
	script   = []string{"Sec-Fetch-Mode", "cors", "Origin", base}
)

// lifecycle: a log-in, a report of activity, and the IdP's word that ends the session.
func (w *world) lifecycle() {
	w.Helper()
	p := w.person("ada")
	if page := p.Visit("/"); page.Status != http.StatusOK || page.Body != "hello ada" {
		w.Fatalf("the page: %s", page)
	}
	if page := p.Fetch("POST", "/auth/activity"); page.Status != http.StatusOK {
		w.Errorf("activity: %s", page)
	}
	if got := w.blocked(); got != "" {
		w.Errorf("the app finds %q", got)
	}
	w.idp.EndUser("ada")
	w.settle()
	if page := p.Fetch("GET", "/auth/session"); !strings.Contains(page.Body, `"backchannel_logout"`) {
		w.Errorf("after the logout token: %s", page)
	}
}

func text(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	body, err := decoded(resp)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(io.LimitReader(body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func decoded(resp *http.Response) (io.Reader, error) {
	if resp.Header.Get("Content-Encoding") == "gzip" {
		return gzip.NewReader(resp.Body)
	}
	return resp.Body, nil
}

// streams reports whether the first event arrives while the stream is open.
func (p *person) streams(h ...string) (bool, *http.Response) {
	p.Helper()
	resp := p.do("GET", "/auth/events", append(h, "Accept", "text/event-stream")...)
	if resp.StatusCode != http.StatusOK {
		return false, resp
	}
	first := make(chan string, 1)
	go func() {
		line := make([]byte, len("event: session"))
		body, err := decoded(resp)
		if err == nil {
			_, err = io.ReadFull(body, line)
		}
		first <- fmt.Sprint(string(line), err)
	}()
	select {
	case got := <-first:
		return got == "event: session<nil>", resp
	case <-time.After(10 * time.Second):
		return false, resp
	}
}

// hello is a page for who is logged in.
func hello(w http.ResponseWriter, r *http.Request) {
	fmt.Fprint(w, "hello ", rp.FromContext(r.Context()).Subject())
}

// settle waits until the IdP has delivered what it had to.
func (w *world) settle() {
	w.Helper()
	if err := w.idp.Settle(w.Context()); err != nil {
		w.Fatal(err)
	}
}
