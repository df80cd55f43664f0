package rp_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/idps"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// Where everybody is on the in-memory network.
const (
	base   = "https://notes.example"
	issuer = "https://idp.example"
	cookie = "__Host-tandem"
)

// setup is what a test changes of the world. All fields may be nil.
type setup struct {
	kind      rp.Kind
	config    func(*rp.Config)
	client    func(*idpmock.Client)
	idp       func(*idpmock.Config)
	api       http.Handler // at https://api.example
	instances int          // default 1; they share one store
}

// world is an IdP and one app, "notes", in a synctest bubble: virtual time, and
// a network in memory.
type world struct {
	*testing.T
	idp   *idptest.Server
	store *memstore.Store
	keys  rp.Keys
	auth  []*rp.RelyingParty // one per instance
	apps  []http.Handler     // as the instances serve it
	log   *syncBuffer
	run   func(http.ResponseWriter, *http.Request, *rp.Session) // serves /run and /run-passive

	mu      sync.Mutex
	logins  []event.Login
	signals []event.Signal
	ends    []event.End
}

// inBubble runs f in a world of its own.
func inBubble(t *testing.T, s setup, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newWorld(t, s)) })
}

func newWorld(t *testing.T, s setup) *world {
	t.Cleanup(func() { time.Sleep(time.Second) }) // net/http lingers on connections that it closes early
	w := &world{T: t, keys: rp.Keys{rp.NewKey()}, log: &syncBuffer{}}
	client := idpmock.Client{
		ID: "notes", Secret: "s3cret", RedirectURIs: []string{base + "/auth/callback"},
		PostLogoutRedirectURIs: []string{base + "/auth/logged-out"}, BackchannelLogoutURI: base +
			"/auth/backchannel-logout",
		RefreshTokens: s.kind == rp.RefreshToken,
	}
	if s.kind == rp.ReferenceToken {
		client.AccessTokenType, client.AccessTokenLifetime = idpmock.Reference, 8*time.Hour
	}
	if s.client != nil {
		s.client(&client)
	}
	w.idp = idptest.StartMem(t, idptest.WithClients(client, idpmock.Client{ID: "api", Secret: "api"}, other()),
		idptest.WithConfig(func(c *idpmock.Config) {
			c.SigningAlg = "ES256"
			if s.idp != nil {
				s.idp(c)
			}
		}))
	w.store = memstore.New(memstore.Options{})
	if s.api != nil {
		w.serve("api.example", s.api)
	}
	for range max(1, s.instances) {
		w.auth = append(w.auth, w.relyingParty(s))
	}
	for _, a := range w.auth {
		w.apps = append(w.apps, w.app(a))
	}
	// The load balancer: a header chooses the instance.
	w.serve("notes.example", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.Header.Get("X-Instance"))
		w.apps[n].ServeHTTP(rw, r)
	}))
	return w
}

// other is another app in the person's browser.
func other() idpmock.Client {
	return idpmock.Client{ID: "photos", Secret: "s3cret", RedirectURIs: []string{"https://photos.example/cb"},
		RefreshTokens: true}
}

func (w *world) serve(host string, h http.Handler) {
	w.Helper()
	stop, err := w.idp.Net.Serve(host, h)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(stop)
}

func (w *world) config(s setup) rp.Config {
	can := like("generic")
	can.Revocation = idps.RevokesFamily // as idp-mock does it
	c := rp.Config{
		Capabilities: &can,
		Issuer:       w.idp.URL, ClientID: "notes", ClientSecret: "s3cret", BaseURL: base, Kind: s.kind,
		Keys: w.keys, Store: w.store, IDTokenAlg: "ES256", APIs: []rp.API{{Origin: "https://api.example"}},
		SkipSelfCheck: true, // tests change the app while it serves
		HTTPClient:    w.idp.Net.Client(),
		Logger:        slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Events: event.Handlers{
			Login:  func(e event.Login) { w.note(func() { w.logins = append(w.logins, e) }) },
			Signal: func(e event.Signal) { w.note(func() { w.signals = append(w.signals, e) }) },
			End:    func(e event.End) { w.note(func() { w.ends = append(w.ends, e) }) },
		},
	}
	if s.config != nil {
		s.config(&c)
	}
	return c
}

func (w *world) note(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func (w *world) relyingParty(s setup) *rp.RelyingParty {
	w.Helper()
	a, err := rp.New(w.Context(), w.config(s))
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		if err := a.Close(); err != nil {
			w.Errorf("Close: %v", err)
		}
	})
	return a
}

// app is a small application as its author would write it.
func (w *world) app(auth *rp.RelyingParty) http.Handler {
	web := nethttpadapter.New(auth)
	mux := http.NewServeMux()
	mux.Handle("/auth/", web.Endpoints())
	private := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		s := rp.FromContext(r.Context())
		fmt.Fprintf(rw, "hello %s", s.Subject())
	})
	mux.HandleFunc("/", func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, "welcome") })
	mux.Handle("/private", web.RequireLogin(private))
	mux.Handle("/private/", web.RequireLogin(private))
	mux.Handle("/passive", web.RequireLogin(web.Passive(private)))
	run := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.run(rw, r, rp.FromContext(r.Context())) })
	mux.Handle("/run", web.RequireLogin(run))
	mux.Handle("/run-passive", web.RequireLogin(web.Passive(run)))
	return mux
}

// reasons returns the reasons for which sessions have ended so far, in order.
func (w *world) reasons() []reason.Reason {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []reason.Reason
	for _, e := range w.ends {
		out = append(out, e.Reason)
	}
	return out
}

// expectEnds fails unless exactly these sessions have ended, each once (C8).
func (w *world) expectEnds(want ...reason.Reason) {
	w.Helper()
	synctest.Wait()
	if got := w.reasons(); fmt.Sprint(got) != fmt.Sprint(want) {
		w.Errorf("sessions ended for %v, want %v", got, want)
	}
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func (s *syncBuffer) has(text string) bool { return strings.Contains(s.String(), text) }

func readAll(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var (
	errRefused     = &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	errCertificate = &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}
)
