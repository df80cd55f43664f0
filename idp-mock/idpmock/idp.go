package idpmock

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const maxToken = 16 << 10 // bytes; nothing we issue or read as a token is longer

var (
	errTokenTooLong = errors.New("idpmock: token is too long")
	errBadSignature = errors.New("idpmock: no key of the set verifies the signature")
	// ErrNoSession: there is no such session, or it has ended.
	ErrNoSession = errors.New("idpmock: no such session")
	// ErrUnknownClient: no client of that id is configured.
	ErrUnknownClient = errors.New("idpmock: no such client")
	// ErrUnknownUser: no user of that name is configured.
	ErrUnknownUser = errors.New("idpmock: no such user")
)

// IDP is an OpenID Provider in memory. Make one with [New]; it is safe for
// concurrent use.
type IDP struct {
	set    atomic.Pointer[settings]
	began  *settings    // what New was given, for Reset
	offset atomic.Int64 // what Advance has added to the clock
	keys   *keyring
	secret string // of this provider, for what it derives
	origin string // of the issuer
	port   string // of the issuer, its scheme's where it names none
	path   string // of the issuer
	secure bool   // cookies

	handler http.Handler
	journal journal
	faults  faults

	mu       sync.Mutex // guards all below; never held over I/O or signing
	sessions map[string]*session
	cookies  map[tokenKey]*session
	grants   map[string][]*grant // by sid of the session
	codes    map[tokenKey]*code
	refresh  map[tokenKey]*refreshToken
	access   map[tokenKey]*accessToken
	requests map[tokenKey]*interaction // authorization requests in progress
	pushed   map[tokenKey]*pushedRequest
	logouts  map[tokenKey]*logoutRequest
	seen     map[string]time.Time // jti of client assertions and DPoP proofs, until
	outbox   []*Delivery
	selfMade map[string]*registered // clients that registered themselves
	spoilt   deliveryFaults
	quiet    chan struct{}
	subs     map[chan Event]*subscriber
	history  []Event
	earliest time.Time // no session expires before it; zero: unknown
	gc       time.Time // when tokens were last cleared out

	closed bool
	cancel context.CancelFunc
	ctx    context.Context // of deliveries and the sweeper; ends with Close
	wg     sync.WaitGroup
	out    *http.Client
}

// settings is the immutable view of a Config; changes replace it whole.
type settings struct {
	Config
	clients map[string]*Client
	users   map[string]User
}

func newSettings(c Config) (*settings, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &settings{Config: c, clients: map[string]*Client{}, users: map[string]User{}}
	for i := range c.Clients {
		s.clients[c.Clients[i].ID] = &c.Clients[i]
	}
	for _, u := range c.Users {
		s.users[u.Username] = u
	}
	return s, nil
}

func (s *settings) user(name string) (User, bool) {
	if len(s.Users) == 0 && name != "" {
		return User{Username: name, Subject: name}, true
	}
	u, ok := s.users[name]
	return u, ok
}

func (s *settings) clientWindow(id string) time.Duration {
	if c := s.clients[id]; c != nil && c.IdleWindow > 0 {
		return c.IdleWindow
	}
	return s.IdleWindow
}

func (s *settings) coordinated(id string) bool {
	c := s.clients[id]
	switch {
	case c == nil || c.Exempt:
		return false
	case c.CoordinateLifetime != nil:
		return *c.CoordinateLifetime
	}
	return s.CoordinateClientLifetimes
}

func (s *settings) sidPerClient() bool { return s.SIDPerClient || s.Temperament.SIDPerClient }
func (s *settings) sidOnlyIfRequired() bool {
	return s.SIDOnlyIfRequired || s.Temperament.SIDOnlyIfRequired
}

// New makes a provider and starts its sweeper. Close it when done. It opens no
// socket: mount [IDP.Handler] where the issuer points.
func New(c Config) (*IDP, error) {
	set, err := newSettings(c)
	if err != nil {
		return nil, err
	}
	keys, err := newKeyring(c.Keys)
	if err != nil {
		return nil, err
	}
	issuer, _ := url.Parse(set.Issuer) // checked by withDefaults
	host := issuer.Hostname()
	p := &IDP{
		keys: keys, secret: newSecret(), origin: issuer.Scheme + "://" + issuer.Host, port: portOf(issuer),
		path: issuer.Path,
		// Browsers and Go's cookie jar take Secure cookies from http on loopback.
		secure: issuer.Scheme == "https" || host == "localhost" || strings.HasSuffix(host, ".localhost") ||
			host == "127.0.0.1" || host == "::1",
		sessions: map[string]*session{}, cookies: map[tokenKey]*session{}, grants: map[string][]*grant{},
		codes: map[tokenKey]*code{}, refresh: map[tokenKey]*refreshToken{}, access: map[tokenKey]*accessToken{},
		requests: map[tokenKey]*interaction{}, pushed: map[tokenKey]*pushedRequest{},
		logouts:  map[tokenKey]*logoutRequest{},
		selfMade: map[string]*registered{}, seen: map[string]time.Time{}, subs: map[chan Event]*subscriber{},
		out: deliveryClient(set.HTTPClient),
	}
	p.began = set
	p.set.Store(set)
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.handler = p.routes()
	if set.SigningAlg != "ES256" {
		// ready by the time the first token is asked for, which tells of errors
		p.wg.Go(func() { _, _ = p.keys.key(set.SigningAlg) })
	}
	if set.SweepEvery > 0 {
		p.wg.Go(p.sweeper)
	}
	return p, nil
}

// Handler serves the provider's endpoints under the issuer's path.
func (p *IDP) Handler() http.Handler { return p.handler }

// Close stops the sweeper and the deliveries and waits for them.
func (p *IDP) Close() {
	p.mu.Lock()
	p.closed = true
	for ch, s := range p.subs {
		delete(p.subs, ch)
		s.stop()
	}
	p.mu.Unlock()
	p.cancel()
	p.wg.Wait()
	p.out.CloseIdleConnections()
}

// Issuer of the provider.
func (p *IDP) Issuer() string { return p.settings().Issuer }

func (p *IDP) settings() *settings { return p.set.Load() }

// Now is the provider's clock. Give it to the apps under test, so that
// [IDP.Advance] moves everybody.
func (p *IDP) Now() time.Time {
	return p.settings().Now().Add(time.Duration(p.offset.Load()))
}

// Advance moves the provider's clock by d, then sweeps: sessions that have run
// out are gone and their logout tokens are under way when it returns. Wait for
// those with [IDP.Settle].
func (p *IDP) Advance(d time.Duration) {
	p.offset.Add(int64(d))
	p.Sweep()
}

// Update changes the settings at run time: f gets a copy of the current ones and
// must not call the provider.
// Issuer, Keys, Now, HTTPClient and SweepEvery stay as they were. Deadlines of
// sessions follow at their next touch.
func (p *IDP) Update(f func(*Config)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.settings()
	c := old.Config
	c.Clients, c.Users = slices.Clone(c.Clients), slices.Clone(c.Users)
	f(&c)
	c.Issuer, c.Keys, c.Now, c.HTTPClient, c.SweepEvery = old.Issuer, old.Keys, old.Now, old.HTTPClient, old.SweepEvery
	set, err := newSettings(c)
	if err != nil {
		return err
	}
	p.set.Store(set)
	return nil
}

// SetClient adds a client or replaces the one with its ID.
func (p *IDP) SetClient(c Client) error {
	return p.Update(func(cfg *Config) {
		i := slices.IndexFunc(cfg.Clients, func(old Client) bool { return old.ID == c.ID })
		if i < 0 {
			cfg.Clients = append(cfg.Clients, c)
		} else {
			cfg.Clients[i] = c
		}
	})
}

// RotateKeys signs with a new key from now on. With keepOld the old one stays
// in the JWKS, as a careful provider does.
func (p *IDP) RotateKeys(keepOld bool) error {
	return p.keys.rotate(p.settings().SigningAlg, keepOld)
}

// HideKeyIDs drops or restores kid in the JWKS.
func (p *IDP) HideKeyIDs(hide bool) {
	p.keys.mu.Lock()
	defer p.keys.mu.Unlock()
	p.keys.noKids = hide
}

// tokenKey is the SHA-256 of a secret: lookups by it need no constant time.
type tokenKey [32]byte

func keyOf(secret string) tokenKey { return sha256.Sum256([]byte(secret)) }

// newSecret is 256 bits for tokens, codes, cookies and ids.
func newSecret() string {
	var b [32]byte
	rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (p *IDP) endpoint(path string) string { return p.settings().Issuer + path }

// goLocked runs f in a goroutine that Close waits for. The caller holds mu.
func (p *IDP) goLocked(f func()) {
	if !p.closed {
		p.wg.Go(f)
	}
}

// String names the provider in logs.
func (p *IDP) String() string { return fmt.Sprintf("idpmock(%s)", p.Issuer()) }
