// Package trial points one app at somebody's own IdP and writes down what that
// IdP honours, as far as it has been seen.
package trial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// Order is the form that a person fills in.
type Order struct {
	Issuer       string `json:"issuer"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"` // empty: a public client
	Kind         string `json:"kind"`          // refresh-token, reference-token or no-token
	// Window is the IdP's idle window, as far as the person knows it. 0: unknown.
	Window time.Duration `json:"window"`
	Scopes string        `json:"scopes"`   // with spaces between; empty: the app's choice
	Alg    string        `json:"alg"`      // of ID tokens; empty: RS256
	Base   string        `json:"base_url"` // where a tunnel leads here; empty: loopback
}

// FieldError says what is wrong in the form. Field is empty if it is none of them.
type FieldError struct{ Field, Text string }

func (e *FieldError) Error() string { return e.Text }

const startTimeout = 20 * time.Second

// Trial runs one app at a time. It is safe for concurrent use.
type Trial struct {
	now    func() time.Time
	logger *slog.Logger
	addr   string // kept from start to start: people register it

	starting sync.Mutex
	mu       sync.Mutex // guards all below
	held     net.Listener
	app      *apps.App
	seen     *journal
	running  Running
	more     chan struct{} // closed and renewed at every change
}

// New takes an address; the app serves there once Begin was called. now is the
// clock of the world, not one that a demo moves.
func New(listen string, now func() time.Time, logger *slog.Logger) (*Trial, error) {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, err
	}
	if now == nil {
		now = time.Now
	}
	return &Trial{now: now, logger: logger, addr: l.Addr().String(), held: l, more: make(chan struct{})}, nil
}

// More is closed when there is something new to show.
func (t *Trial) More() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.more
}

func (t *Trial) wake() {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.more)
	t.more = make(chan struct{})
}

// base is the address that every IdP takes for a client on somebody's own machine.
func (t *Trial) base() string {
	_, port, _ := net.SplitHostPort(t.addr)
	return "http://localhost:" + port
}

func kindOf(name string) (rp.Kind, bool) {
	for _, k := range []rp.Kind{rp.RefreshToken, rp.ReferenceToken, rp.NoToken} {
		if k.String() == name {
			return k, true
		}
	}
	return 0, false
}

// Begin diagnoses the IdP and starts the app, in place of the one before. What the
// person can cure is a *FieldError; no error repeats the secret.
func (t *Trial) Begin(ctx context.Context, o Order) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	o.Issuer, o.ClientID = strings.TrimSpace(o.Issuer), strings.TrimSpace(o.ClientID)
	o.Base = strings.TrimSuffix(strings.TrimSpace(o.Base), "/")
	if o.Base == "" {
		o.Base = t.base()
	}
	kind, ok := kindOf(o.Kind)
	switch {
	case !ok:
		return &FieldError{"kind", "Choose one of the three kinds."}
	case o.ClientID == "":
		return &FieldError{"client_id", "The id under which the IdP knows this app is missing."}
	case o.Window < 0 || o.Window > 365*24*time.Hour:
		return &FieldError{"window", "Write it as 15m or 1h30m; leave it empty if you do not know it."}
	}
	if bad := badOrigin(o.Base); bad != "" {
		return &FieldError{"base_url", bad}
	}

	t.starting.Lock()
	defer t.starting.Unlock()
	if err := discover(ctx, o.Issuer); err != nil {
		return err
	}
	transport := apps.LocalTransport()
	defer transport.CloseIdleConnections()
	found, err := rp.Diagnose(ctx, rp.Config{
		SkipSelfCheck: true, // the app is not there yet
		Issuer:        o.Issuer, ClientID: o.ClientID, ClientSecret: rp.Secret(o.ClientSecret), BaseURL: o.Base,
		Kind: kind, Scopes: strings.Fields("openid " + o.Scopes),
		IdPWindow: o.Window, IDTokenAlg: o.Alg, Keys: rp.Keys{rp.NewKey()}, Store: memstore.New(memstore.Options{}),
		HTTPClient: &http.Client{Transport: transport}, Now: t.now, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return inForm(err)
	}
	if err := t.end(); err != nil {
		return err
	}
	return t.start(ctx, o, kind, found)
}

func (t *Trial) start(ctx context.Context, o Order, kind rp.Kind, found []store.Finding) error {
	t.mu.Lock()
	l := t.held
	t.held = nil
	t.mu.Unlock()
	if l == nil {
		var err error
		if l, err = net.Listen("tcp", t.addr); err != nil {
			return &FieldError{"", fmt.Sprintf("The app's address is taken by another program: %v.", err)}
		}
	}
	seen := &journal{window: o.Window, now: t.now, wake: t.wake}
	w := &wire{next: apps.LocalTransport(), seen: seen, issuer: o.Issuer}
	a, err := apps.Start(ctx, apps.Spec{
		Name: "own", Title: "Your IdP", Tagline: "One app, at the IdP that you have given.", Kind: kind,
		Routes: routes(seen), Desk: desk,
	}, apps.Config{
		Issuer: o.Issuer, ClientID: o.ClientID, ClientSecret: rp.Secret(o.ClientSecret), Listener: l, BaseURL: o.Base,
		Scopes: scopes(o.Scopes), IdPWindow: o.Window, IDTokenAlg: o.Alg, CookieName: "tandem-own",
		// Every call is tried as if it were honoured, and prompt=none can be asked
		// for: else nothing is seen.
		Like: "generic", SilentCheck: true,
		Now: t.now, Logger: t.logger, Progress: io.Discard, Transport: w, Events: seen.events(),
	})
	if err != nil {
		w.next.CloseIdleConnections()
		return inForm(err)
	}
	defer t.wake()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.app, t.seen = a, seen
	t.running = Running{Issuer: o.Issuer, ClientID: o.ClientID, Kind: kind.String(), Window: o.Window, found: found,
		idle: w.next.CloseIdleConnections}
	return nil
}

// scopes leaves the choice to the app if the person has none.
func scopes(text string) []string {
	list := strings.Fields(text)
	if len(list) == 0 {
		return nil
	}
	return append([]string{"openid"}, list...)
}

// End stops the app and forgets the secret.
func (t *Trial) End() error {
	t.starting.Lock()
	defer t.starting.Unlock()
	return t.end()
}

func (t *Trial) end() error {
	t.mu.Lock()
	a, idle := t.app, t.running.idle
	t.app, t.seen, t.running = nil, nil, Running{}
	t.mu.Unlock()
	if a == nil {
		return nil
	}
	t.wake()
	err := a.Close()
	idle()
	return err
}

// Close ends everything.
func (t *Trial) Close() error {
	err := t.End()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held != nil {
		err = errors.Join(err, t.held.Close())
		t.held = nil
	}
	return err
}

// State is what the page shows. It carries no secret.
type State struct {
	Base    string   `json:"base_url"`
	URIs    []URI    `json:"uris"`
	Running *Running `json:"running,omitempty"`
}

// URI to register at the IdP.
type URI struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

// Running is the app that runs.
type Running struct {
	Issuer   string        `json:"issuer"`
	ClientID string        `json:"client_id"`
	Kind     string        `json:"kind"`
	Window   time.Duration `json:"window"`
	Findings []Finding     `json:"findings"`
	Answers  []Answer      `json:"answers"`
	Lines    []Line        `json:"lines"` // the latest last

	found []store.Finding
	idle  func()
}

// Finding as the library tells it.
type Finding struct {
	Code    string `json:"code"`
	Serious bool   `json:"serious"`
	Text    string `json:"text"`
}

// State of the trial now.
func (t *Trial) State() State {
	t.mu.Lock()
	a, seen, running := t.app, t.seen, t.running
	t.mu.Unlock()
	base := t.base()
	if a != nil {
		base = a.URL()
	}
	s := State{Base: base, URIs: []URI{{"Redirect", base + "/auth/callback"},
		{"After logout", base + "/auth/logged-out"},
		{"Back-channel logout", base + "/auth/backchannel-logout"},
		{"Front-channel logout", base + "/auth/frontchannel-logout"}}}
	if a == nil {
		return s
	}
	known := map[string]bool{}
	for _, f := range append(running.found, a.RP.Findings()...) {
		if !known[f.Code] {
			known[f.Code] = true
			running.Findings = append(running.Findings, Finding{f.Code, f.Serious, f.Text})
		}
	}
	running.Answers, running.Lines = seen.answers(), seen.latest()
	s.Running = &running
	return s
}

// inForm finds the field that a library's error is about.
func inForm(err error) error {
	var config *rp.ConfigError
	if !errors.As(err, &config) {
		return &FieldError{"issuer", "The IdP could not be asked: " + cut(err.Error())}
	}
	field := map[string]string{"Issuer": "issuer", "ClientID": "client_id", "ClientSecret": "client_secret",
		"BaseURL": "base_url", "IDTokenAlg": "alg",
		"Scopes": "scopes", "IdPWindow": "window", "SignalEvery": "window"}[config.Field]
	return &FieldError{field, "This " + cut(config.Cure) + "."}
}

func cut(s string) string {
	if len(s) > 300 {
		return s[:300] + " …"
	}
	return s
}

// badOrigin and badScheme say what is wrong in words for the form.
func badOrigin(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "Give scheme and host only, such as https://my-tunnel.example.com."
	}
	return badScheme(u)
}

func badScheme(u *url.URL) string {
	ip := net.ParseIP(u.Hostname())
	switch {
	case u.Scheme == "https":
		return ""
	case u.Scheme == "http" && (apps.IsLocal(u.Hostname()) || ip != nil && ip.IsLoopback()):
		return ""
	case u.Scheme == "http":
		return "Use https: secrets and tokens would travel in the clear. Plain http is for this machine only."
	}
	return "This is no web address. It begins with https://."
}
