package apps

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/activity"
	"github.com/tandem-sso/tandem/rp/idps"
	"github.com/tandem-sso/tandem/rp/store"
)

// Spec says which app it is.
type Spec struct {
	Name  string // as in the flag -app
	Title string // for people
	// Tagline is what the app is for, in a sentence.
	Tagline string
	Kind    rp.Kind
	Listen  string // default
	// APIIntrospects as in rp.Config.
	APIIntrospects bool
	// Routes builds the app once its relying party is there.
	Routes func(*App) http.Handler
	// Desk is what the private page is for.
	Desk func(*App, *http.Request, Person) (templ.Component, error)
}

// App is a running app.
type App struct {
	Spec
	RP *rp.RelyingParty // of the first instance

	all      []*rp.RelyingParty // of all instances
	cfg      Config
	server   *Server
	stores   []store.Store // one for each instance
	release  func() error  // of the stores
	keys     rp.Keys
	visitors *visitors
	number   int // of the instance that serves a request, from 1
}

// Start starts an app and returns once it serves. ctx bounds the start only;
// Close ends the app. Errors that the person at the terminal can cure are
// *FlagError or *rp.ConfigError.
func Start(ctx context.Context, spec Spec, c Config) (*App, error) {
	c, err := spec.complete(c)
	if err != nil {
		return nil, err
	}
	a := &App{Spec: spec, cfg: c, server: StartServer(c.Listener, c.Logger), release: func() error {
		return nil
	}, visitors: &visitors{}}
	if err := a.start(ctx); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *App) start(ctx context.Context) error {
	config, err := a.cfg.relyingParty(a.Kind)
	if err != nil {
		return err
	}
	if a.keys, err = a.cfg.keys(); err != nil {
		return err
	}
	if a.stores, a.release, err = openStores(ctx, a.cfg); err != nil {
		return err
	}
	return a.serve(ctx, config)
}

// serve starts the instances and lets them take turns.
func (a *App) serve(ctx context.Context, config rp.Config) error {
	stores, keys := a.sessions()
	config.Keys = keys
	config.APIIntrospects = a.APIIntrospects && a.cfg.APIURL != ""
	var all []*rp.RelyingParty
	var turns []http.Handler
	for i, kept := range stores {
		config.Store = kept
		one := *a
		measured, err := config, error(nil)
		if measure := a.cfg.Measure; measure != nil {
			measured, err = measure(config)
		}
		if err == nil {
			one.RP, err = a.connect(ctx, measured)
		}
		if err != nil {
			return errors.Join(err, closeAll(all))
		}
		one.number = a.number + i + 1
		all = append(all, one.RP)
		turns = append(turns, one.own(one.Routes(&one)))
	}
	a.RP, a.all = all[0], all
	a.server.Use(roundRobin(turns))
	_, _ = fmt.Fprintf(a.cfg.Progress, "%s serves on %s (client %q of %s%s)\n", a.Name, a.URL(), a.cfg.ClientID,
		a.cfg.Issuer, a.asInstances())
	return nil
}

// sessions are where they are kept, and what they are sealed with.
func (a *App) sessions() ([]store.Store, rp.Keys) {
	if other := a.cfg.ShareWith; other != nil {
		return other.stores, other.keys
	}
	return a.stores, a.keys
}

// Again returns the app with another configuration: on the same listener and
// with the same sessions, whatever Listen, Store and SealKey say now. Keys and
// ShareWith count. The old one must not be used any more; if there is an error, it
// serves on.
func (a *App) Again(ctx context.Context, change func(*Config)) (*App, error) {
	next := *a
	next.reconfigure(change)
	config, err := next.cfg.relyingParty(a.Kind)
	if err != nil {
		return nil, err
	}
	if err := next.serve(ctx, config); err != nil {
		return nil, err
	}
	return &next, closeAll(a.all)
}

func (a *App) reconfigure(change func(*Config)) {
	change(&a.cfg)
	if a.cfg.Keys != nil {
		a.keys = a.cfg.Keys
	}
}

// Keys that seal what this app keeps.
func (a *App) Keys() rp.Keys { return a.keys }

// Twin starts one more instance of the app, with the same sessions, that can be
// spoken to alone: it answers for the same BaseURL, on another listener. change may be
// nil. Close the twin first; the sessions are the first one's.
func (a *App) Twin(ctx context.Context, l net.Listener, change func(*Config)) (*App, error) {
	twin := *a
	if change != nil {
		twin.reconfigure(change)
	}
	twin.cfg.Listener, twin.server, twin.RP, twin.all = l, StartServer(l, a.cfg.Logger), nil, nil
	twin.stores, twin.number = a.stores[:1], len(a.stores)
	twin.release = func() error { return nil }
	config, err := twin.cfg.relyingParty(a.Kind)
	if err == nil {
		err = twin.serve(ctx, config)
	}
	if err != nil {
		return nil, errors.Join(err, twin.Close())
	}
	return &twin, nil
}

// AccessTokenOf hands out the token of a session, as a thief of tokens might get
// hold of it. For demos.
func (a *App) AccessTokenOf(ctx context.Context, session string) (string, error) {
	cookies, ok := a.CookieOf(session)
	if !ok {
		return "", errors.New("there is no such session")
	}
	r := (&http.Request{Method: http.MethodGet, Header: http.Header{"Cookie": {cookies}}}).WithContext(
		activity.Mark(ctx, activity.Active))
	s, err := a.RP.Authenticate(r)
	if err != nil {
		return "", err
	}
	token, err := s.TokenSource(ctx).Token()
	if err != nil {
		return "", err
	}
	return token.AccessToken, nil
}

// complete fills in the defaults and opens the listener.
func (spec *Spec) complete(c Config) (Config, error) {
	if c.Progress == nil {
		c.Progress = io.Discard
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	c.storeNow = c.Now
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Transport == nil {
		c.Transport = LocalTransport()
	}
	if c.CookieName == "" {
		c.CookieName = CookieNameFor(c.ClientID)
	}
	var faults []error
	if c.Issuer == "" {
		faults = append(faults, &FlagError{"issuer", "is missing; set it to the issuer identifier of the IdP, such " +
			"as http://127.0.0.1:9000"})
	}
	if c.ClientID == "" {
		faults = append(faults, &FlagError{"client-id", "is missing; set it to the id under which the IdP knows this " +
			"app"})
	}
	if c.Instances < 0 || c.Instances > MaxInstances {
		faults = append(faults, &FlagError{"instances", fmt.Sprintf("is %d; use 1 to %d", c.Instances, MaxInstances)})
	}
	if err := errors.Join(faults...); err != nil {
		return c, err
	}
	if c.Listener == nil {
		if c.Listen == "" {
			c.Listen = spec.Listen
		}
		l, err := net.Listen("tcp", c.Listen)
		if err != nil {
			return c, fmt.Errorf("-listen %s: %w", c.Listen, err)
		}
		c.Listener = l
	}
	if c.BaseURL == "" {
		c.BaseURL = URLOf(c.Listener)
	}
	c.BaseURL = strings.TrimSuffix(c.BaseURL, "/")
	return c, nil
}

// connect makes the relying party; while the IdP cannot be reached it tries
// again for as long as -wait says. Wrong configuration is not waited for.
func (a *App) connect(ctx context.Context, config rp.Config) (*rp.RelyingParty, error) {
	return Await(ctx, a.cfg.Wait, a.cfg.Progress, "the IdP at "+a.cfg.Issuer,
		func(ctx context.Context) (*rp.RelyingParty, error) {
			c := config
			if len(c.Scopes) == 0 {
				scopes, unreachable := a.defaultScopes(ctx)
				c.Scopes = scopes
				if unreachable != nil {
					p, err := rp.New(ctx, c) // says it better, and knows what will not pass
					if err != nil {
						return nil, err
					}
					return nil, errors.Join(unreachable, p.Close()) // it came up this moment
				}
			}
			return rp.New(ctx, c)
		})
}

// defaultScopes asks for a refresh token where the app needs one and the IdP
// lists the scope for it. Not on Keycloak: there it makes an offline session,
// which is not the person's and outlives it.
func (a *App) defaultScopes(ctx context.Context) ([]string, error) {
	scopes := []string{"openid", "profile"}
	if a.Kind != rp.RefreshToken || a.cfg.Like == "keycloak" || idps.Guess(a.cfg.Issuer).Name == "keycloak" {
		return scopes, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet,
		strings.TrimSuffix(a.cfg.Issuer, "/")+"/.well-known/openid-configuration", nil)
	if err != nil {
		return scopes, nil // rp.New says what is wrong with the issuer
	}
	resp, err := a.cfg.Transport.RoundTrip(req)
	if err != nil {
		return scopes, fmt.Errorf("%s cannot be reached: %w", a.cfg.Issuer, err)
	}
	defer resp.Body.Close()
	var found struct {
		Scopes []string `json:"scopes_supported"`
	}
	// Whatever is wrong with the document, rp.New says it better.
	_ = json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&found)
	if slices.Contains(found.Scopes, "offline_access") {
		scopes = append(scopes, "offline_access")
	}
	return scopes, nil
}

// own adds what every app serves.
func (a *App) own(next http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", a.ready)
	mux.Handle("GET /static/", Static())
	mux.Handle("POST "+a.RP.Prefix()+"/activity", a.seenOnPage(next))
	mux.Handle("/", next)
	return markPages(mux)
}

// ready is for load balancers: not ready while the store does not answer. Whether the
// program serves at all is at /healthz.
func (a *App) ready(w http.ResponseWriter, r *http.Request) {
	health, status := a.RP.Healthy(r.Context()), http.StatusOK
	if !health.Ready {
		status = http.StatusServiceUnavailable
	}
	JSON(w, status, health)
}

type pageKey struct{}

// markPages marks the requests of session.js, for whose sake the app may ask how
// the IdP session stands. The control room and the stories, which look at sessions
// as well, show what the app knows by itself.
func markPages(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(activity.Header) != "" {
			r = r.WithContext(context.WithValue(r.Context(), pageKey{}, true))
		}
		next.ServeHTTP(w, r)
	})
}

// Diagnose is what rp.Diagnose finds for this app.
func (a *App) Diagnose(ctx context.Context) ([]store.Finding, error) {
	config, err := a.cfg.relyingParty(a.Kind)
	if err != nil {
		return nil, err
	}
	stores, keys := a.sessions()
	config.Keys, config.Store = keys, stores[0]
	return rp.Diagnose(ctx, config)
}

// URL is how browsers reach the app.
func (a *App) URL() string { return a.cfg.BaseURL }

// Addr is where it listens.
func (a *App) Addr() string { return a.server.Addr() }

// Run serves until ctx ends, then closes the app.
func (a *App) Run(ctx context.Context) error {
	return errors.Join(a.server.Wait(ctx), a.Close())
}

// Close ends the app: running requests get a moment to finish.
func (a *App) Close() error {
	err := a.server.Close()
	err = errors.Join(err, closeAll(a.all))
	release := a.release
	a.release = func() error { return nil }
	return errors.Join(err, release())
}
