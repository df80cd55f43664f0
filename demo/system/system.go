// Package system is the whole demo without its page: the IdP, three apps and the
// API, in one process, on loopback, on one clock that can be moved, with a log of
// everything that tells, asks, refuses or ends.
package system

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandem-sso/tandem/demo/api"
	"github.com/tandem-sso/tandem/demo/app"
	"github.com/tandem-sso/tandem/demo/localhost"
	"github.com/tandem-sso/tandem/demo/notoken"
	"github.com/tandem-sso/tandem/demo/referencetoken"
	"github.com/tandem-sso/tandem/demo/refreshtoken"
	"github.com/tandem-sso/tandem/demo/server"
	"github.com/tandem-sso/tandem/demo/timeline"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
)

// The lanes of the timeline; those of the apps are their client ids.
const (
	Person  = "person"
	Notes   = "notes"
	Reports = "reports"
	Wiki    = "wiki"
	API     = "api"
	IdP     = "idp"
)

// Names of the lanes for people.
var names = map[string]string{Person: "Person", Notes: "Notes", Reports: "Reports", Wiki: "Wiki", API: "API", IdP: "IdP"}

// Name of a lane for people.
func Name(lane string) string {
	if n, ok := names[lane]; ok {
		return n
	}
	return lane
}

// Apps lists the lanes of the apps.
func Apps() []string { return []string{Notes, Reports, Wiki} }

// System is a running system.
type System struct {
	IDP *idpmock.IDP
	API *api.API
	Log *timeline.Log
	// Room is a listener for the control room, whose URL is RoomURL.
	Room    net.Listener
	RoomURL string

	progress  io.Writer
	logger    *slog.Logger
	transport *http.Transport // of the apps' calls
	idp       *server.Server
	unwatch   func()
	watched   chan struct{}

	changing sync.Mutex // one change of settings at a time
	mu       sync.Mutex // guards apps and settings
	apps     map[string]*app.App
	settings Settings

	tokens tokens
	down   downSwitch
	losing atomic.Bool
}

// Start starts everything and returns once all of it serves.
func Start(ctx context.Context, c Config) (s *System, err error) {
	c.Settings = c.Settings.withDefaults()
	if err := c.Settings.check(); err != nil {
		return nil, err
	}
	if c.Progress == nil {
		c.Progress = io.Discard
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	listeners, err := listen(c.PortBase)
	if err != nil {
		return nil, err
	}
	site := func(lane string) string {
		_, port, _ := net.SplitHostPort(listeners[lane].Addr().String())
		return "http://" + lane + ".localhost:" + port
	}
	s = &System{Log: timeline.New(), Room: listeners[room], RoomURL: site(room), progress: c.Progress, logger: c.Logger,
		transport: localhost.Transport(), apps: map[string]*app.App{}, settings: c.Settings, watched: make(chan struct{})}
	s.IDP, err = idpmock.New(idpmock.Config{
		Issuer: site(IdP), Now: c.Now, Clients: clients(c.Settings, site),
		IdleWindow: c.Settings.IdPIdle, AbsoluteLifetime: c.Settings.IdPAbsolute,
		CoordinateClientLifetimes: true, ExpiredSessionsTriggerBackchannelLogout: true,
		Users:      []idpmock.User{{Username: "ada", Name: "Ada Lovelace"}, {Username: "grace", Name: "Grace Hopper"}, {Username: "alan", Name: "Alan Turing"}},
		SweepEvery: 250 * time.Millisecond,
	})
	if err != nil {
		for _, l := range listeners {
			l.Close()
		}
		return nil, err
	}
	s.watch()
	s.idp = server.Start(listeners[IdP], c.Logger)
	s.idp.Use(s.down.guard(s.IDP.Handler()))
	if err := s.startApps(ctx, c, listeners, site); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

const room = "room"

// listen opens the ports of all programs.
func listen(base int) (map[string]net.Listener, error) {
	out := map[string]net.Listener{}
	for i, lane := range []string{room, IdP, Notes, Reports, Wiki, API} {
		port := 0
		if base != 0 {
			port = base + i
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			for _, l := range out {
				l.Close()
			}
			return nil, err
		}
		out[lane] = l
	}
	return out, nil
}

// clients of the IdP.
func clients(s Settings, site func(string) string) []idpmock.Client {
	client := func(id string) idpmock.Client {
		return idpmock.Client{ID: id, Secret: id + "-secret", RedirectURIs: []string{site(id) + "/auth/callback"},
			PostLogoutRedirectURIs: []string{site(id) + "/auth/logged-out"}, BackchannelLogoutURI: site(id) + "/auth/backchannel-logout",
			BackchannelSessionRequired: true, AccessTokenType: idpmock.Reference}
	}
	notes, reports, wiki := client(Notes), client(Reports), client(Wiki)
	notes.RefreshTokens, notes.AccessTokenLifetime, notes.RefreshTokenLifetime = true, s.TokenLife, s.IdPAbsolute
	// It has nothing to renew the token with, so the token lasts as long as the
	// session may; the session, not the token's lifetime, is the limit.
	reports.AccessTokenLifetime = s.IdPAbsolute
	return []idpmock.Client{notes, reports, wiki, {ID: API, Secret: API + "-secret"}}
}

func (s *System) startApps(ctx context.Context, c Config, listeners map[string]net.Listener, site func(string) string) (err error) {
	s.API, err = api.Start(ctx, api.Config{Issuer: site(IdP), ClientID: API, ClientSecret: API + "-secret", Listener: listeners[API], BaseURL: site(API),
		Cache: c.Settings.APICache, Logger: c.Logger, Now: s.Now, Transport: s.transport, Watch: s.apiCalled})
	if err != nil {
		return err
	}
	start := map[string]func(context.Context, app.Config) (*app.App, error){Notes: refreshtoken.Start, Reports: referencetoken.Start, Wiki: notoken.Start}
	for _, id := range Apps() {
		conf := app.Config{Issuer: site(IdP), ClientID: id, ClientSecret: rp.Secret(id + "-secret"), Listener: listeners[id], BaseURL: site(id),
			Store: storeOf(c.Store, id), Logger: c.Logger, Now: s.Now, Transport: s.transport, Events: s.events(id), Watch: s.visited(id),
			Profile: "duende"} // which the mock behaves like
		if id != Wiki {
			conf.APIURL = site(API)
		}
		for _, other := range Apps() {
			if other != id {
				conf.Siblings = append(conf.Siblings, app.Link{Name: Name(other), URL: site(other)})
			}
		}
		conf.Siblings = append(conf.Siblings, app.Link{Name: "Control room", URL: site(room)})
		c.Settings.apply(&conf)
		a, err := start[id](ctx, conf)
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		s.apps[id] = a
	}
	return nil
}

// storeOf keeps the apps apart where a store is a file.
func storeOf(store, id string) string {
	if file, ok := strings.CutPrefix(store, "bolt:"); ok && file != "" {
		return "bolt:" + file + "." + id
	}
	return store
}

// apply sets what concerns an app.
func (s Settings) apply(c *app.Config) {
	c.SignalEvery, c.TrustFor, c.Idle, c.Absolute, c.Trailing = s.SignalEvery, s.TrustFor, s.Idle, s.Absolute, s.Trailing
	c.IdPWindow = s.IdPIdle
	c.SilentCheck = s.SilentCheck && c.ClientID == Wiki
}

// Now is the clock of everything here.
func (s *System) Now() time.Time { return s.IDP.Now() }

// App returns an app by its lane, nil if there is none.
func (s *System) App(id string) *app.App {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.apps[id]
}

// Settings as they are now.
func (s *System) Settings() Settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.settings
}

// Change applies other settings to the running system; sessions go on. At the
// IdP a deadline follows at its next touch.
func (s *System) Change(ctx context.Context, to Settings) error {
	to = to.withDefaults()
	if err := to.check(); err != nil {
		return err
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := s.IDP.Update(func(c *idpmock.Config) {
		c.IdleWindow, c.AbsoluteLifetime = to.IdPIdle, to.IdPAbsolute
		for i := range c.Clients {
			switch c.Clients[i].ID {
			case Notes:
				c.Clients[i].AccessTokenLifetime, c.Clients[i].RefreshTokenLifetime = to.TokenLife, to.IdPAbsolute
			case Reports:
				c.Clients[i].AccessTokenLifetime = to.IdPAbsolute
			}
		}
	}); err != nil {
		return err
	}
	for _, id := range Apps() {
		next, err := s.App(id).Again(ctx, to.apply)
		if next != nil {
			s.mu.Lock()
			s.apps[id] = next
			s.mu.Unlock()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
	}
	s.mu.Lock()
	s.settings = to
	s.mu.Unlock()
	s.note(timeline.Event{Kind: timeline.Control, From: IdP, Title: "Settings changed"})
	return nil
}

// Advance moves the clock of everything forward.
func (s *System) Advance(d time.Duration) { s.IDP.Advance(d) }

// Close ends everything.
func (s *System) Close() error {
	var errs []error
	for _, id := range Apps() {
		if a := s.App(id); a != nil {
			errs = append(errs, a.Close())
		}
	}
	if s.API != nil {
		errs = append(errs, s.API.Close())
	}
	s.down.set(false)
	errs = append(errs, s.idp.Close())
	s.IDP.Close()
	s.unwatch()
	<-s.watched
	s.transport.CloseIdleConnections()
	return errors.Join(errs...)
}
