// Package guideapp is the program around the config of a guide of docs/idp: the guides give
// config alone, and the lane's test writes the main package that has them all.
package guideapp

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/idps"
	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// Settings are what the lane changes of a guide's configuration: addresses, the client, and
// W, which is 15 minutes in the guides. They come as JSON in the variable SETTINGS.
type Settings struct {
	Guide, Issuer, ClientID, BaseURL, Listen string

	Kind   rp.Kind
	Window time.Duration
	// Bare leaves out what the guide's kind of client asks for beyond openid and profile:
	// a client without tokens has no use for offline_access.
	Bare bool
}

// Event is one line of what the app has seen, as GET /seen lists them.
type Event struct {
	At                        time.Time
	Begun                     time.Time // of a call; At is when its answer was there
	What                      string    // "idp", "login", "signal", "end" or "refused"
	How, Verdict, Reason, Err string
}

// Run serves until a signal comes.
func Run(guides map[string]func(rp.Keys, store.Store) rp.Config) error {
	var is Settings
	if err := json.Unmarshal([]byte(os.Getenv("SETTINGS")), &is); err != nil {
		return fmt.Errorf("SETTINGS: %w", err)
	}
	config, ok := guides[is.Guide]
	if !ok {
		return fmt.Errorf("there is no guide %q", is.Guide)
	}
	seen := &seen{}
	c := is.apply(config(rp.Keys{rp.NewKey()}, memstore.New(memstore.Options{})))
	c.HTTPClient = &http.Client{Transport: seen}
	c.Events = seen.events()
	c.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ctx, done := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer done()
	auth, err := rp.New(ctx, c)
	if err != nil {
		return err
	}
	server := &http.Server{Addr: is.Listen, Handler: routes(auth, seen, is.capabilities(c)),
		ReadHeaderTimeout: 10 * time.Second}
	server.RegisterOnShutdown(auth.CloseStreams)
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	soon, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(soon); err != nil {
		return err
	}
	return auth.Close()
}

func (is Settings) apply(c rp.Config) rp.Config {
	own := c.Kind == is.Kind
	c.Issuer, c.ClientID, c.BaseURL, c.Kind = is.Issuer, is.ClientID, is.BaseURL, is.Kind
	c.CookieName = "tandem-" + is.ClientID // cookies know no ports
	if c.IdPWindow > 0 {
		c.IdPWindow = is.Window
	}
	if c.Idle > 0 {
		c.Idle = is.Window
	}
	if is.Bare {
		c.Scopes = []string{"openid", "profile"}
	}
	can := is.capabilities(c)
	// What finding no_signal advises for the kinds of client that the guide does not have.
	if !own && c.Idle == 0 && (is.Kind == rp.NoToken || !can.Extends.Userinfo) {
		c.SilentCheck, c.IdPWindow = true, is.Window
	}
	return c
}

// capabilities are those that the guide's program has.
func (is Settings) capabilities(c rp.Config) idps.Capabilities {
	if c.Capabilities != nil {
		return *c.Capabilities
	}
	return idps.Guess(c.Issuer)
}

func routes(auth *rp.RelyingParty, seen *seen, can idps.Capabilities) http.Handler {
	web := nethttpadapter.New(auth)
	who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "subject=%s", rp.FromContext(r.Context()).Subject())
	})
	mux := http.NewServeMux()
	mux.Handle("/auth/", web.Endpoints())
	mux.Handle("GET /private", web.RequireLogin(who))
	mux.Handle("GET /watching", web.RequireLogin(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, watching)
	})))
	mux.Handle("GET /passive", web.RequireLogin(web.Passive(who)))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	mux.HandleFunc("GET /seen", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(seen.all())
	})
	// What calls an API with the person's token.
	mux.Handle("GET /token", web.RequireLogin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := rp.FromContext(r.Context()).TokenSource(r.Context()).Token(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "a token")
	})))
	mux.HandleFunc("GET /can", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(can) })
	mux.HandleFunc("GET /findings", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(auth.Findings())
	})
	return mux
}

// watching is a page that watches the IdP's session by the IdP's check_session_iframe, and
// keeps what that has said.
const watching = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>watching</title><script type="module" src="/auth/session.js"></script></head>
<body><tandem-session></tandem-session><p id="private" data-tandem-private>private</p>
<iframe id="check" src="/auth/check-session" hidden title="session"></iframe>
<script>
const heard = []
const check = document.getElementById("check")
check.addEventListener("load", () => check.contentWindow.addEventListener("message", e => heard.push(e.data)))
</script></body></html>`

// seen keeps what has happened, and is the way to the IdP, so that it counts calls.
type seen struct {
	mu   sync.Mutex
	list []Event
}

func (s *seen) add(e Event) {
	e.At = time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, e)
}

func (s *seen) all() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Event{}, s.list...)
}

// RoundTrip notes the path of a call, and of a token request the grant type alone; when it
// began, the status, and of a refusal the error code.
func (s *seen) RoundTrip(r *http.Request) (*http.Response, error) {
	begun := time.Now()
	how := r.Method + " " + r.URL.Path
	if r.Body != nil && r.GetBody != nil {
		if body, err := r.GetBody(); err == nil {
			text, _ := io.ReadAll(io.LimitReader(body, 1<<16))
			if strings.Contains(string(text), "grant_type=refresh_token") {
				how = Refresh
			}
		}
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	e := Event{Begun: begun, What: "idp", How: how}
	switch {
	case err != nil:
		e.Err = NoAnswer
	case how == Refresh:
		e.Verdict, e.Err = resp.Status, outcome(resp)
	default:
		e.Verdict = resp.Status
	}
	s.add(e)
	return resp, err
}

func (s *seen) events() event.Handlers {
	return event.Handlers{
		Login: func(event.Login) { s.add(Event{What: "login"}) },
		Signal: func(e event.Signal) {
			s.add(Event{What: "signal", How: e.How, Verdict: e.Verdict, Err: text(e.Err)})
		},
		End: func(e event.End) { s.add(Event{What: "end", Reason: string(e.Reason)}) },
		Refused: func(e event.Refused) {
			s.add(Event{What: "refused", How: string(e.What), Err: text(e.Err)})
		},
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
