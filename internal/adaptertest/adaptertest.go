// Package adaptertest is the suite that every adapter passes: the same browser
// meets the same answers whatever framework stands between.
package adaptertest

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// Mark is how a route is marked.
type Mark uint8

// The marks.
const (
	Unmarked Mark = iota
	Passive
	Active
)

// Route is to be mounted behind the adapter's RequireLogin.
type Route struct {
	Method, Path string
	Mark         Mark
	Handler      http.HandlerFunc
	Options      []rp.LoginOption // of RequireLogin
}

// Build makes an application with the adapter under test: the library's endpoints
// at auth.Prefix(), the routes behind RequireLogin, and GET / with Home behind
// OptionalLogin.
type Build func(auth *rp.RelyingParty, routes []Route) http.Handler

// Home is a public page that shows who is logged in.
func Home(w http.ResponseWriter, r *http.Request) {
	io.WriteString(w, "welcome")
	if s := rp.FromContext(r.Context()); s != nil {
		fmt.Fprintf(w, " %s %s", s.Subject(), s.Class())
	}
}

// Run runs the suite.
func Run(t *testing.T, build Build) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *app)
	}{
		{"Life", testLife}, {"Endpoints", testEndpoints}, {"MethodNotAllowed", testMethodNotAllowed},
		{"Head", testHead},
		{"RequireLogin", testRequireLogin}, {"CrossOrigin", testCrossOrigin}, {"Keeps", testKeeps},
		{"WebSocket", testWebSocket}, {"Outage", testOutage}, {"LoginPage", testLoginPage},
		{"Marks", testMarks}, {"OptionalLogin", testOptionalLogin}, {"Stream", testStream}, {"Events", testEvents},
		{"Backchannel", testBackchannel}, {"Panic", testPanic},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test.run(t, newApp(t, build, nil)) })
		})
	}
	t.Run("Classify", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { testClassify(t, build) })
	})
	for name, run := range map[string]func(*testing.T, Build){"OnLogin": testOnLogin, "RequireClaim": testRequireClaim,
		"Forbidden": testForbidden, "Forms": testForms} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { run(t, build) })
		})
	}
	t.Run("BelowAPath", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { testBelowAPath(t, build) })
	})
	for name, guarded := range map[string]bool{"SelfCheck": false, "SelfCheckGuarded": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testSelfCheck(t, build, guarded) })
		})
	}
	t.Run("Prefix", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { testPrefix(t, build) })
	})
}

const base = "https://notes.example"

// app is the application under test, its IdP and the network between.
type app struct {
	*testing.T
	idp  *idptest.Server
	auth *rp.RelyingParty
	gone chan struct{} // /stream has noticed the end of its session

	streams atomic.Int64 // event streams that are open
}

func newApp(t *testing.T, build Build, change func(*rp.Config)) *app {
	t.Cleanup(func() { time.Sleep(time.Second) }) // net/http lingers on connections that it closes early
	a := &app{T: t, gone: make(chan struct{})}
	a.idp = idptest.StartMem(t, idptest.WithClients(idpmock.Client{
		ID: "notes", Secret: "s3cret", RefreshTokens: true, AccessTokenLifetime: time.Hour,
		RedirectURIs: []string{base + "/auth/callback", base + "/account/sso/callback", base +
			"/app/auth/callback"},
		BackchannelLogoutURI: base + "/auth/backchannel-logout",
	}), idptest.WithConfig(func(c *idpmock.Config) {
		c.SigningAlg, c.IdleWindow = "ES256", 4*time.Hour
	}))
	c := rp.Config{
		Issuer: a.idp.URL, ClientID: "notes", ClientSecret: "s3cret", BaseURL: base, Keys: rp.Keys{rp.NewKey()},
		Store: memstore.New(memstore.Options{}), IDTokenAlg: "ES256", Idle: 30 * time.Minute,
		HTTPClient: a.idp.Net.Client(), Logger: slog.New(slog.DiscardHandler),
	}
	c.Events.Stream = func(change int) { a.streams.Add(int64(change)) }
	if change != nil {
		change(&c)
	}
	var err error
	if a.auth, err = rp.New(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	stop, err := a.idp.Net.Serve("notes.example", build(a.auth, a.routes()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		if err := a.auth.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// routes of the application.
func (a *app) routes() []Route {
	tell := func(w http.ResponseWriter, r *http.Request) {
		s := rp.FromContext(r.Context())
		fmt.Fprintf(w, "%s %s", s.Subject(), s.Class())
	}
	return []Route{
		{Method: "GET", Path: "/private", Handler: tell},
		{Method: "HEAD", Path: "/private", Handler: tell},
		{Method: "POST", Path: "/private", Handler: tell},
		{Method: "GET", Path: "/feed", Mark: Passive, Handler: tell},
		{Method: "GET", Path: "/image", Mark: Active, Handler: tell},
		{Method: "GET", Path: "/kept", Handler: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "private, max-age=60")
			tell(w, r)
		}},
		{Method: "GET", Path: "/stream", Handler: a.stream},
		{Method: "GET", Path: "/panic", Handler: func(http.ResponseWriter, *http.Request) {
			panic(http.ErrAbortHandler)
		}},
		{Method: "GET", Path: "/ada", Handler: tell, Options: []rp.LoginOption{rp.RequireClaim("sub", "ada")}},
		{Method: "GET", Path: "/admin", Handler: tell, Options: []rp.LoginOption{rp.RequireClaim("groups", "admins")}},
	}
}

// stream writes one line at once and another one when the session has ended.
func (a *app) stream(w http.ResponseWriter, r *http.Request) {
	done := rp.FromContext(r.Context()).Done()
	io.WriteString(w, "first\n")
	if err := http.NewResponseController(w).Flush(); err != nil {
		a.Errorf("Flush: %v", err)
	}
	select {
	case <-done:
		io.WriteString(w, "last\n")
	case <-r.Context().Done():
	}
	close(a.gone)
}
