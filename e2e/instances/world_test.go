package instances

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
	"github.com/tandem-sso/tandem/internal/servertest"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/pgstore"
	"github.com/tandem-sso/tandem/rp/store/redisstore"
)

// closer is what the stores of several instances have beside store.Store.
type closer interface {
	store.Store
	Close() error
}

// backends opens a store on one server, as often as there are instances.
var backends = []struct {
	name  string
	start func(t *testing.T) func() closer
}{
	{"redis", func(t *testing.T) func() closer {
		server, err := servertest.StartRedis()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Close)
		return func() closer { return openRedis(t, server) }
	}},
	{"postgres", func(t *testing.T) func() closer {
		server, err := servertest.StartPostgres()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Close)
		return func() closer {
			s, err := pgstore.Open(t.Context(), server.URL, pgstore.Options{Migrate: true})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	}},
}

func openRedis(t *testing.T, server *servertest.Redis) closer {
	t.Helper()
	s, err := redisstore.New(t.Context(),
		redisstore.Options{Client: rueidis.ClientOption{InitAddress: []string{server.Addr}}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const base = "http://127.0.0.1:9" // nobody listens there: the handlers are called

// world is an IdP and instances of one app. The IdP rotates refresh tokens with
// strict reuse detection. The apps' clock is the mock's and stands still until it
// is moved.
type world struct {
	*testing.T
	idp  *idptest.Server
	keys rp.Keys
	open func() closer
}

// instance is one process of the app, as far as the store and the IdP can tell.
type instance struct {
	auth  *rp.RelyingParty
	web   http.Handler
	store *mortal
	net   *severed
	ends  atomic.Int32 // events
}

func newWorld(t *testing.T, open func() closer) *world {
	w := &world{T: t, keys: rp.Keys{rp.NewKey()}, open: open}
	w.idp = idptest.Start(t, idptest.WithClients(idpmock.Client{ID: "notes", Secret: "s3cret", RefreshTokens: true,
		AccessTokenLifetime: time.Hour, RedirectURIs: []string{base + "/auth/callback"}}))
	return w
}

func (w *world) instance() *instance {
	w.Helper()
	kept := w.open()
	in := &instance{store: &mortal{Store: kept}, net: &severed{next: http.DefaultTransport}}
	auth, err := rp.New(w.Context(), rp.Config{
		Issuer: w.idp.URL, ClientID: "notes", ClientSecret: "s3cret", BaseURL: base, Keys: w.keys, Store: in.store,
		IdPWindow: 15 * time.Minute, TrustFor: 5 * time.Minute, Now: w.idp.Now,
		HTTPClient: &http.Client{Transport: in.net},
		Logger:     slog.New(slog.DiscardHandler),
		Events:     event.Handlers{End: func(event.End) { in.ends.Add(1) }},
	})
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		_ = auth.Close()
		_ = kept.Close()
	})
	web := nethttpadapter.New(auth)
	mux := http.NewServeMux()
	mux.Handle("/auth/", web.Endpoints())
	mux.Handle("/", web.RequireLogin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, rp.FromContext(r.Context()).Subject())
	})))
	in.auth, in.web = auth, mux
	return in
}

// login returns the cookie of a new session.
func (w *world) login(in *instance) *http.Cookie {
	w.Helper()
	first := in.get(context.Background(), "/auth/login")
	back, err := w.idp.Browser("ada").Authorize(w.Context(), first.Header().Get("Location"))
	if err != nil {
		w.Fatal(err)
	}
	done := in.get(context.Background(), back, first.Result().Cookies()...)
	for _, c := range done.Result().Cookies() {
		if c.Name == "__Host-tandem" {
			return c
		}
	}
	w.Fatalf("no session: %d %s", done.Code, done.Body)
	return nil
}

func (in *instance) get(ctx context.Context, path string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	r.Header.Set("Accept", "text/html") // a browser that asks for a page
	for _, c := range cookies {
		r.AddCookie(c)
	}
	out := httptest.NewRecorder()
	in.web.ServeHTTP(out, r)
	return out
}

// eventually waits for a condition, with a deadline.
func (w *world) eventually(what string, ok func() bool) {
	w.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			w.Fatal("not within 20 s: " + what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

// mortal is a store whose process can die: from then on it does nothing any more.
type mortal struct {
	store.Store
	dead    atomic.Bool
	settled atomic.Int32
}

var errDead = fmt.Errorf("this process is dead")

func (m *mortal) Replace(ctx context.Context, rec store.Record) error {
	if m.dead.Load() {
		return errDead
	}
	return m.Store.Replace(ctx, rec)
}

func (m *mortal) Renew(ctx context.Context, l store.Lease, ttl time.Duration) error {
	if m.dead.Load() {
		return errDead
	}
	return m.Store.Renew(ctx, l, ttl)
}

func (m *mortal) Release(ctx context.Context, l store.Lease) error {
	if m.dead.Load() {
		return errDead
	}
	return m.Store.Release(ctx, l)
}

func (m *mortal) End(ctx context.Context, sel store.Selector, end store.End) ([]store.Record, error) {
	if m.dead.Load() {
		return nil, errDead
	}
	return m.Store.End(ctx, sel, end)
}

func (m *mortal) Settle(ctx context.Context, key store.Key, sealed []byte, due time.Time) error {
	err := m.Store.Settle(ctx, key, sealed, due)
	if err == nil {
		m.settled.Add(1)
	}
	return err
}

// severed is a network whose machine can lose its power: requests that are under
// way have been sent, but their answers never come.
type severed struct {
	next http.RoundTripper
	dead atomic.Bool
}

func (s *severed) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.dead.Load() {
		return nil, errDead
	}
	resp, err := s.next.RoundTrip(r)
	if s.dead.Load() && err == nil {
		_ = resp.Body.Close()
		return nil, errDead
	}
	return resp, err
}

// storm sends n requests at once, in turn to the instances, and returns their
// answers.
func storm(n int, cookie *http.Cookie, instances ...*instance) []*httptest.ResponseRecorder {
	out := make([]*httptest.ResponseRecorder, n)
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() { out[i] = instances[i%len(instances)].get(context.Background(), "/", cookie) })
	}
	wait.Wait()
	return out
}
