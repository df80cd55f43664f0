package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/memstore"
	"github.com/tandem-sso/tandem/rp/store/redisstore"
)

// A storm is many requests of one session at the moment when a refresh has to
// come first. The IdP rotates refresh tokens and knows no mercy for an old one.
type storm struct {
	name     string
	stores   func() ([]store.Store, error) // one per instance; they share what is stored
	requests int
	idpTakes time.Duration
	hangUps  int // so many browsers leave half-way
}

func storms(ctx context.Context, redis string) error {
	memory := func() ([]store.Store, error) { return []store.Store{memstore.New(memstore.Options{})}, nil }
	all := []storm{
		{"memstore, 200 requests, IdP 100 ms", memory, 200, 100 * time.Millisecond, 0},
		{"memstore, 200 requests, IdP 2.5 s", memory, 200, 2500 * time.Millisecond, 0},
		{"memstore, the first 50 hang up", memory, 200, 100 * time.Millisecond, 50},
		{"memstore, 1,000 requests, IdP 100 ms", memory, 1000, 100 * time.Millisecond, 0},
	}
	if redis == "" {
		if server, err := startRedis(); err == nil {
			defer server.Close()
			redis = server.Addr
		}
	}
	if redis != "" {
		n := 0
		two := func() ([]store.Store, error) {
			n++
			var both []store.Store
			for range 2 {
				s, err := redisstore.New(ctx,
					redisstore.Options{Client: rueidis.ClientOption{InitAddress: []string{redis}},
						Prefix: fmt.Sprintf("storm%d:", n)})
				if err != nil {
					return nil, err
				}
				both = append(both, s)
			}
			return both, nil
		}
		all = append(all,
			storm{"redisstore, 2 instances, IdP 100 ms", two, 200, 100 * time.Millisecond, 0},
			storm{"redisstore, 2 instances, IdP 2.5 s", two, 200, 2500 * time.Millisecond, 0})
	}
	fmt.Printf("\n%-48s %8s %8s %12s %12s %9s\n", "a refresh is due: one session's requests", "token r.", "failed",
		"later, med.", "later, most", "session")
	for _, s := range all {
		if err := s.rage(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	fmt.Println("later: served so long after the IdP's answer")
	return nil
}

func (s storm) rage(ctx context.Context) error {
	var (
		ahead    atomic.Int64 // of everybody's clock
		answered atomic.Int64 // when the IdP answered the refresh
		now      = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	)
	idp, err := idpmock.New(idpmock.Config{Issuer: "http://127.0.0.1:8", Now: now,
		Clients: []idpmock.Client{{ID: "bench", Secret: "bench", RefreshTokens: true,
			RedirectURIs: []string{origin + "/auth/callback"}}}})
	if err != nil {
		return err
	}
	defer idp.Close()
	stores, err := s.stores()
	if err != nil {
		return err
	}
	var (
		pages     []http.Handler
		endpoints http.Handler
		keys      = rp.Keys{rp.NewKey()}
	)
	for _, kept := range stores {
		auth, err := rp.New(ctx, rp.Config{
			Issuer: idp.Issuer(), ClientID: "bench", ClientSecret: "bench", BaseURL: origin, Keys: keys, Store: kept,
			Logger: slog.New(slog.DiscardHandler), Now: now,
			HTTPClient: &http.Client{Transport: clocked{direct{idp.Handler()}, &answered}},
		})
		if err != nil {
			return err
		}
		if c, ok := kept.(interface{ Close() error }); ok {
			defer func() { _ = c.Close() }()
		}
		defer func() { _ = auth.Close() }()
		web := nethttpadapter.New(auth)
		endpoints, pages = web.Endpoints(), append(pages, web.RequireLogin(bare))
	}
	cookie, err := signIn(ctx, idp, endpoints)
	if err != nil {
		return err
	}
	idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Times: idpmock.Always, DelayAfter: s.idpTakes})
	ahead.Store(int64(6 * time.Minute)) // beyond TrustFor

	var (
		wait   sync.WaitGroup
		mu     sync.Mutex
		failed int
		served []time.Time
	)
	for n := range s.requests {
		wait.Go(func() {
			ctx := ctx
			if n < s.hangUps {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, s.idpTakes/2)
				defer cancel()
			}
			r := httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx)
			r.AddCookie(cookie)
			w := httptest.NewRecorder()
			pages[n%len(pages)].ServeHTTP(w, r)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case n < s.hangUps: // nobody is there to be served
			case w.Code == http.StatusOK:
				served = append(served, time.Now())
			default:
				failed++
			}
		})
	}
	wait.Wait()
	at := time.Unix(0, answered.Load())
	calls := idp.Count(idpmock.EndpointRefresh, "bench")
	state := "lives"
	ahead.Add(int64(6 * time.Minute)) // the next refresh shows the new token
	r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
	r.AddCookie(cookie)
	if pages[0].ServeHTTP(w, r); w.Code != http.StatusOK {
		state = "is lost"
	}
	median, most := time.Duration(0), time.Duration(0)
	if len(served) > 0 {
		slices.SortFunc(served, time.Time.Compare)
		median, most = served[len(served)/2].Sub(at), served[len(served)-1].Sub(at)
	}
	fmt.Printf("%-48s %8d %8d %12v %12v %9s\n", s.name, calls, failed, median.Round(100*time.Microsecond),
		most.Round(100*time.Microsecond), state)
	return nil
}

// clocked notes when a refresh was answered.
type clocked struct {
	http.RoundTripper
	answered *atomic.Int64
}

func (c clocked) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.RoundTripper.RoundTrip(r)
	if strings.HasSuffix(r.URL.Path, "/token") {
		c.answered.Store(time.Now().UnixNano())
	}
	return resp, err
}
