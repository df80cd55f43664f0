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
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
)

// The lanes of the timeline; those of the apps are their client ids.
const (
	Person  = "person"
	Notes   = "notes"
	Reports = "reports"
	Wiki    = "wiki"
	Naive   = "naive" // for comparison
	API     = "api"
	IdP     = "idp"
)

// Names of the lanes for people.
var names = map[string]string{Person: "Person", Notes: "Notes", Reports: "Reports", Wiki: "Wiki", Naive: "Homemade",
	API: "API", IdP: "IdP"}

// Name of a lane for people.
func Name(lane string) string {
	if n, ok := names[lane]; ok {
		return n
	}
	return lane
}

// Lanes lists all lanes from top to bottom.
func Lanes() []string { return []string{Person, Notes, Reports, Wiki, Naive, API, IdP} }

// Apps lists the lanes of the apps that keep the contract.
func Apps() []string { return []string{Notes, Reports, Wiki} }

// System is a running system.
type System struct {
	IDP *idpmock.IDP
	API *apps.API
	// Naive is an app as many write it, without the library.
	Naive *apps.NaiveApp
	Log   *Log
	// Room is a listener for the control room, whose URL is RoomURL.
	Room    net.Listener
	RoomURL string

	progress  io.Writer
	logger    *slog.Logger
	transport *counted // of the apps' calls
	idp       *apps.Server
	unwatch   func()
	watched   chan struct{}

	changing sync.Mutex // one change of settings at a time
	mu       sync.Mutex // guards apps and settings
	apps     map[string]*apps.App
	settings Settings
	naively  NaiveSession

	site   func(lane string) string
	tokens tokens
	down   downSwitch
	losing atomic.Bool
	broken atomic.Bool // the API
	like   string      // Config.Like
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
	if c.Settings.Like == "" {
		c.Settings.Like = c.Like
	}
	temperament, err := temperamentOf(c.Settings.Like)
	if err != nil {
		return nil, err
	}
	listeners, err := listen(c.PortBase)
	if err != nil {
		return nil, err
	}
	site := func(lane string) string {
		_, port, _ := net.SplitHostPort(listeners[lane].Addr().String())
		return "http://" + lane + ".localhost:" + port
	}
	s = &System{Log: NewLog(), Room: listeners[room], RoomURL: site(room), progress: c.Progress, logger: c.Logger,
		transport: &counted{next: apps.LocalTransport()}, apps: map[string]*apps.App{}, settings: c.Settings,
		like: c.Like, watched: make(chan struct{}), site: site}
	s.IDP, err = idpmock.New(idpmock.Config{
		Issuer: site(IdP), Now: c.Now, Clients: clients(c.Settings, site),
		IdleWindow: c.Settings.IdPIdle, AbsoluteLifetime: c.Settings.IdPAbsolute,
		Temperament: temperament, CoordinateClientLifetimes: true, ExpiredSessionsTriggerBackchannelLogout: true,
		Users: []idpmock.User{{Username: "ada", Name: "Ada Lovelace"}, {Username: "grace", Name: "Grace Hopper"},
			{Username: "alan", Name: "Alan Turing"}},
		SweepEvery: 250 * time.Millisecond,
	})
	if err != nil {
		for _, l := range listeners {
			l.Close()
		}
		return nil, err
	}
	s.watch()
	s.idp = apps.StartServer(listeners[IdP], c.Logger)
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
	for i, lane := range []string{room, IdP, Notes, Reports, Wiki, API, Naive} {
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
			PostLogoutRedirectURIs: []string{site(id) + "/auth/logged-out"}, BackchannelLogoutURI: site(id) +
				"/auth/backchannel-logout",
			BackchannelSessionRequired: true, AccessTokenType: idpmock.Reference}
	}
	notes, reports, wiki := client(Notes), client(Reports), client(Wiki)
	notes.RefreshTokens, notes.AccessTokenLifetime, notes.RefreshTokenLifetime = true, s.TokenLife, s.IdPAbsolute
	// It has nothing to renew the token with, so the token lasts as long as the
	// session may; the session, not the token's lifetime, is the limit.
	reports.AccessTokenLifetime = s.IdPAbsolute
	plain := idpmock.Client{ID: Naive, Secret: Naive + "-secret", RedirectURIs: []string{site(Naive) + "/callback"},
		AccessTokenType: idpmock.Reference,
		RefreshTokens:   true, AccessTokenLifetime: s.TokenLife, RefreshTokenLifetime: s.IdPAbsolute}
	return []idpmock.Client{notes, reports, wiki, plain, {ID: API, Secret: API + "-secret"}}
}

func (s *System) startApps(ctx context.Context, c Config, listeners map[string]net.Listener,
	site func(string) string) (err error) {
	s.API, err = apps.StartAPI(ctx, apps.APIConfig{Issuer: site(IdP), ClientID: API, ClientSecret: API + "-secret",
		Listener: listeners[API], BaseURL: site(API),
		// As the IdP's tokens have it: for itself and for those who ask it about them. Some IdPs bind a
		// token to the API alone.
		Audience: []string{site(IdP), site(API)},
		Cache:    c.Settings.APICache, Logger: c.Logger, Now: s.Now, Transport: s.transport, Watch: s.apiCalled,
		Refuse: s.broken.Load})
	if err != nil {
		return err
	}
	start := map[string]func(context.Context, apps.Config) (*apps.App, error){Notes: apps.StartRefreshToken,
		Reports: apps.StartReferenceToken, Wiki: apps.StartNoToken}
	for _, id := range Apps() {
		conf := apps.Config{Issuer: site(IdP), ClientID: id, ClientSecret: rp.Secret(id + "-secret"),
			Listener: listeners[id], BaseURL: site(id),
			Store: storeOf(c.Store, id), Instances: c.Instances, Measure: c.Measure, Logger: c.Logger, Now: s.Now,
			Transport: s.transport, Events: s.events(id), Watch: s.visited(id), IdPSessionEnd: s.sessionEnd(id)}
		if id != Wiki {
			conf.APIURL = site(API)
		}
		for _, other := range Apps() {
			if other != id {
				conf.Siblings = append(conf.Siblings, apps.Link{Name: Name(other), URL: site(other)})
			}
		}
		conf.Siblings = append(conf.Siblings, apps.Link{Name: "Control room", URL: site(room)})
		c.Settings.apply(&conf)
		a, err := start[id](ctx, conf)
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		s.apps[id] = a
	}
	s.Naive, err = apps.StartNaive(ctx, apps.NaiveConfig{Issuer: site(IdP), ClientID: Naive, ClientSecret: Naive +
		"-secret", Listener: listeners[Naive], BaseURL: site(Naive),
		Logger: c.Logger, Now: s.Now, Transport: s.transport, Watch: s.naiveSaid, Offline: s.wantsOffline})
	return err
}

// wantsOffline: the IdP gives a refresh token for the scope offline_access only.
func (s *System) wantsOffline() bool {
	t, err := temperamentOf(s.Settings().Like)
	return err == nil && t.RefreshToken == idpmock.RefreshOffline
}

// storeOf keeps the apps apart where a store is a file.
func storeOf(store, id string) string {
	if file, ok := strings.CutPrefix(store, "bolt:"); ok && file != "" {
		return "bolt:" + file + "." + id
	}
	return store
}

// Now is the clock of everything here.
func (s *System) Now() time.Time { return s.IDP.Now() }

// App returns an app by its lane, nil if there is none.
func (s *System) App(id string) *apps.App {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.apps[id]
}

// HTTP reaches everything here, as programs do.
func (s *System) HTTP() *http.Client {
	return &http.Client{Transport: s.transport, Timeout: 20 * time.Second}
}

// URL of a lane's program.
func (s *System) URL(lane string) string { return s.site(lane) }

// Close ends everything.
func (s *System) Close() error {
	var errs []error
	s.down.set(idpServes)                        // nobody waits for one that hangs
	for _, id := range slices.Backward(Apps()) { // Reports may use Notes' store
		if a := s.App(id); a != nil {
			errs = append(errs, a.Close())
		}
	}
	if s.Naive != nil {
		errs = append(errs, s.Naive.Close())
	}
	if s.API != nil {
		errs = append(errs, s.API.Close())
	}
	errs = append(errs, s.idp.Close())
	s.IDP.Close()
	s.unwatch()
	<-s.watched
	s.transport.next.CloseIdleConnections()
	return errors.Join(errs...)
}
