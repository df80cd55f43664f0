package parties

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
	"github.com/tandem-sso/tandem/internal/servertest"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/idps"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/boltstore"
	"github.com/tandem-sso/tandem/rp/store/memstore"
	"github.com/tandem-sso/tandem/rp/store/pgstore"
	"github.com/tandem-sso/tandem/rp/store/redisstore"
)

const base = "http://127.0.0.1:9" // nobody listens there: the handlers are called

// stores opens one store for each party, on one back end.
var stores = map[string]func(t *testing.T, now func() time.Time) (one, two store.Store){
	"memory": func(_ *testing.T, now func() time.Time) (store.Store, store.Store) {
		s := memstore.New(memstore.Options{Now: now})
		return s, s
	},
	"bolt": func(t *testing.T, now func() time.Time) (store.Store, store.Store) {
		s, err := boltstore.Open(filepath.Join(t.TempDir(), "sessions.db"), boltstore.Options{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s, s
	},
	"redis": func(t *testing.T, now func() time.Time) (store.Store, store.Store) {
		server, err := servertest.StartRedis()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Close)
		open := func() store.Store {
			s, err := redisstore.New(t.Context(),
				redisstore.Options{Now: now, Client: rueidis.ClientOption{InitAddress: []string{server.Addr}}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			return s
		}
		return open(), open()
	},
	"postgres": func(t *testing.T, now func() time.Time) (store.Store, store.Store) {
		server, err := servertest.StartPostgres()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Close)
		open := func() store.Store {
			s, err := pgstore.Open(t.Context(), server.URL, pgstore.Options{Now: now, Migrate: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			return s
		}
		return open(), open()
	},
}

// party is one relying party with its IdP.
type party struct {
	t    *testing.T
	idp  *idptest.Server
	auth *rp.RelyingParty
	web  http.Handler

	mu   sync.Mutex
	ends []event.End
}

func newParty(t *testing.T, kept store.Store, keys rp.Keys, now func() time.Time) *party {
	p := &party{t: t}
	p.idp = idptest.Start(t, idptest.WithClients(idpmock.Client{ID: "notes", Secret: "s3cret", RefreshTokens: true,
		AccessTokenLifetime: 12 * time.Hour, RedirectURIs: []string{base + "/auth/callback"}}),
		idptest.WithConfig(func(c *idpmock.Config) { c.Now, c.IdleWindow = now, 12*time.Hour }))
	p.start(kept, keys, now)
	return p
}

// start starts the relying party, again perhaps.
func (p *party) start(kept store.Store, keys rp.Keys, now func() time.Time) {
	t := p.t
	t.Helper()
	can, _ := idps.Named("hydra") // a revocation takes one log-in's tokens
	can.Extends, can.Proves = idps.Calls{Refresh: true}, idps.Calls{Refresh: true}
	var err error
	p.auth, err = rp.New(t.Context(), rp.Config{
		Issuer: p.idp.URL, ClientID: "notes", ClientSecret: "s3cret", BaseURL: base, Keys: keys, Store: kept,
		Idle: time.Second, Now: now, Capabilities: &can, Logger: slog.New(slog.DiscardHandler),
		Events: event.Handlers{End: func(e event.End) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.ends = append(p.ends, e)
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.auth.Close() })
	web := nethttpadapter.New(p.auth)
	mux := http.NewServeMux()
	mux.Handle("/auth/", web.Endpoints())
	mux.Handle("/", web.RequireLogin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := rp.FromContext(r.Context())
		_, _ = io.WriteString(w, s.Issuer()+" "+s.Subject())
	})))
	p.web = mux
}

func (p *party) get(path string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	out := httptest.NewRecorder()
	p.web.ServeHTTP(out, r)
	return out
}

// login returns the cookie of a new session of ada's.
func (p *party) login() *http.Cookie {
	p.t.Helper()
	first := p.get("/auth/login")
	back, err := p.idp.Browser("ada").Authorize(p.t.Context(), first.Header().Get("Location"))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, c := range p.get(back, first.Result().Cookies()...).Result().Cookies() {
		if c.Name == "__Host-tandem" {
			return c
		}
	}
	p.t.Fatal("no session")
	return nil
}

func (p *party) serves(c *http.Cookie) bool {
	a := p.get("/", c)
	return a.Code == http.StatusOK && a.Body.String() == p.idp.URL+" ada"
}

func (p *party) reported() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.ends)
}

// clock is the time of both parties, their store and nobody else.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// C9, on every store: each party serves, lists and ends its own, and its sweeper
// claims, reports and revokes its own only.
func TestToEachItsOwn(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := &clock{now: time.Now()}
			first, second := open(t, now.Now)
			keys := rp.Keys{rp.NewKey()}
			one, two := newParty(t, first, keys, now.Now), newParty(t, second, keys, now.Now)
			mine, theirs := one.login(), two.login()
			if !one.serves(mine) || !two.serves(theirs) {
				t.Fatal("a party does not serve its own session")
			}
			for _, a := range []*httptest.ResponseRecorder{one.get("/", theirs), two.get("/", mine)} {
				if a.Code == http.StatusOK {
					t.Errorf("the cookie of the other party is served: %s", a.Body)
				}
			}
			if n, err := one.auth.EndSessions(t.Context(), rp.Whose{Subject: "ada"}); n != 1 || err != nil {
				t.Errorf("EndSubject: %d, %v; want the own session alone", n, err)
			}
			if one.serves(mine) || !two.serves(theirs) {
				t.Error("the wrong session has ended")
			}

			// The other one's session runs out while only the first party looks around.
			if err := two.auth.Close(); err != nil {
				t.Fatal(err)
			}
			now.advance(time.Hour)
			one.login()
			now.advance(time.Hour)
			eventually(t, "the first party sweeps", func() bool { return one.reported() == 2 })
			if n := two.reported(); n != 0 {
				t.Errorf("%d ends of a party that is closed", n)
			}
			two.idp.Expect(idpmock.EndpointRevoke, "", 0)
			two.start(second, keys, now.Now)
			eventually(t, "the second party reports its own", func() bool { return two.reported() == 1 })
			if e := two.ends[0]; e.Reason != reason.Idle || e.Subject != "ada" {
				t.Errorf("it reports %+v", e)
			}
			eventually(t, "its tokens are revoked at its own IdP", func() bool {
				return two.idp.Count(idpmock.EndpointRevoke, "notes") == 2
			})
			if one.reported() != 2 {
				t.Errorf("the first party reports %d ends", one.reported())
			}
		})
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not within 30 s: " + what)
		}
	}
}
