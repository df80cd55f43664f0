package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// drain is the end of an outage of the IdP: every session is overdue, everybody clicks,
// gets 503, and clicks again after Retry-After until they are served. It tells how long
// that takes, and what the IdP sees of it: connections, calls at once, calls in all.
func drain(ctx context.Context, people int) error {
	var (
		ahead  atomic.Int64 // of everybody's clock
		now    = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		opened atomic.Int64
		under  high
	)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	idp, err := idpmock.New(idpmock.Config{Issuer: "http://" + listener.Addr().String(), Now: now, SigningAlg: "ES256",
		Clients: []idpmock.Client{{ID: "bench", Secret: "bench", RefreshTokens: true,
			RedirectURIs: []string{origin + "/auth/callback"}}}})
	if err != nil {
		return err
	}
	defer idp.Close()
	server := &http.Server{Handler: under.during(idp.Handler()), ConnState: func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}}
	go func() { _ = server.Serve(listener) }()
	defer func() { _ = server.Close() }()

	auth, err := rp.New(ctx, rp.Config{
		Issuer: idp.Issuer(), ClientID: "bench", ClientSecret: "bench", BaseURL: origin, Keys: rp.Keys{rp.NewKey()},
		Store:      memstore.New(memstore.Options{}),
		IDTokenAlg: "ES256", InsecureAllowHTTP: true, Logger: slog.New(slog.DiscardHandler), Now: now,
	})
	if err != nil {
		return err
	}
	defer func() { _ = auth.Close() }()
	web := nethttpadapter.New(auth)
	page := web.RequireLogin(bare)
	cookies := make([]*http.Cookie, people)
	for i := range cookies {
		if cookies[i], err = signIn(ctx, idp, web.Endpoints()); err != nil {
			return err
		}
	}

	opened.Store(0)
	outage := idp.Fault(idpmock.Fault{Times: idpmock.Always, Status: http.StatusServiceUnavailable})
	ahead.Store(int64(6 * time.Minute)) // beyond TrustFor
	refused := each(cookies, func(c *http.Cookie) bool {
		status, _ := click(page, c)
		return status == http.StatusServiceUnavailable
	})
	outage.Remove()
	under.reset()
	before := idp.Count(idpmock.EndpointRefresh, "bench")
	var again, lost atomic.Int64
	began := time.Now()
	each(cookies, func(c *http.Cookie) bool {
		for {
			status, wait := click(page, c)
			switch status {
			case http.StatusOK:
				return true
			case http.StatusServiceUnavailable:
				again.Add(1)
				time.Sleep(wait)
				continue
			}
			lost.Add(1)
			return false
		}
	})
	took := time.Since(began)
	fmt.Printf("\nThe end of an outage: %s sessions are overdue, and all of them click "+
		"(503 before it: %d, after it: %d, calls: %d):\n\n",
		thousands(int64(people), 1), refused, again.Load(), idp.Count(idpmock.EndpointRefresh, "bench")-before)
	fmt.Printf("%s\n|---|---|---|---|\n| %v | %d | %d | %d |\n", outageHead, took.Round(100*time.Millisecond),
		under.most(), opened.Load(), lost.Load())
	return nil
}

// each runs f for all at once and counts how often it is true.
func each(cookies []*http.Cookie, f func(*http.Cookie) bool) int64 {
	var (
		wait sync.WaitGroup
		n    atomic.Int64
	)
	for _, c := range cookies {
		wait.Go(func() {
			if f(c) {
				n.Add(1)
			}
		})
	}
	wait.Wait()
	return n.Load()
}

func click(page http.Handler, c *http.Cookie) (status int, retryAfter time.Duration) {
	r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
	r.AddCookie(c)
	page.ServeHTTP(w, r)
	s, _ := strconv.Atoi(w.Header().Get("Retry-After"))
	return w.Code, time.Duration(s) * time.Second
}

// high counts calls that are under way at once.
type high struct {
	mu        sync.Mutex
	now, peak int
}

func (h *high) during(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.now++
		h.peak = max(h.peak, h.now)
		h.mu.Unlock()
		defer func() {
			h.mu.Lock()
			h.now--
			h.mu.Unlock()
		}()
		next.ServeHTTP(w, r)
	})
}

func (h *high) reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.peak = h.now
}

func (h *high) most() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.peak
}
