package rp_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store"
)

// The store decides whether an instance is ready; a silent IdP is told and takes no
// instance out; who is about to stop is not ready. Strangers read nothing of why.
func TestHealthy(t *testing.T) {
	var kept failingStore
	s := setup{config: func(c *rp.Config) { kept.Store, c.Store = c.Store, &kept }}
	inBubble(t, s, func(t *testing.T, w *world) {
		expect := func(what, want string) {
			t.Helper()
			time.Sleep(time.Minute) // no answer of before counts
			began := time.Now()
			got, err := json.Marshal(w.auth[0].Healthy(t.Context()))
			if err != nil || string(got) != want {
				t.Errorf("%s: %s, %v", what, got, err)
			}
			if d := time.Since(began); d > 800*time.Millisecond {
				t.Errorf("%s: after %v", what, d)
			}
		}
		expect("all is well", `{"ready":true,"store":true,"idp":true}`)
		repair := w.down()
		expect("the IdP is silent", `{"ready":true,"store":true,"idp":false}`)
		repair()
		time.Sleep(time.Minute)
		load := "Load"
		kept.fail.Store(&load)
		expect("the store fails", `{"ready":false,"store":false,"idp":true}`)
		if !w.log.has("store: connection refused") {
			t.Errorf("the operator does not hear why:\n%s", w.log)
		}
		kept.fail.Store(nil)
		expect("it is there again", `{"ready":true,"store":true,"idp":true}`)
		w.auth[0].CloseStreams()
		expect("it is about to stop", `{"ready":false,"store":true,"idp":true}`)
	})
}

// slowStore answers after a while, and counts.
type slowStore struct {
	store.Store
	after atomic.Int64 // a time.Duration
	asked atomic.Int64
}

func (s *slowStore) Load(ctx context.Context, k store.Key) (store.Record, error) {
	s.asked.Add(1)
	select {
	case <-time.After(time.Duration(s.after.Load())):
		return s.Store.Load(ctx, k)
	case <-ctx.Done():
		return store.Record{}, ctx.Err()
	}
}

// However many ask, the store is asked once a second; and however slow it and the IdP are,
// the answer comes within 800 ms.
func TestHealthyIsCheapAndBounded(t *testing.T) {
	var kept slowStore
	s := setup{config: func(c *rp.Config) { kept.Store, c.Store = c.Store, &kept }}
	inBubble(t, s, func(t *testing.T, w *world) {
		time.Sleep(time.Minute)
		kept.after.Store(int64(100 * time.Millisecond))
		before := kept.asked.Load()
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if h := w.auth[0].Healthy(t.Context()); !h.Ready {
					t.Errorf("%+v", h)
				}
			})
		}
		all.Wait()
		if h := w.auth[0].Healthy(t.Context()); !h.Ready || kept.asked.Load() != before+1 {
			t.Errorf("%+v, and the store was asked %d times", h, kept.asked.Load()-before)
		}
		time.Sleep(time.Minute)
		kept.after.Store(int64(time.Hour))
		w.idp.Net.Fail("idp.example", errors.New("no route to host"))
		began := time.Now()
		if h := w.auth[0].Healthy(t.Context()); h.Ready || h.Store || time.Since(began) != 800*time.Millisecond {
			t.Errorf("%+v after %v", h, time.Since(began))
		}
		synctest.Wait()
		kept.after.Store(0)
		time.Sleep(time.Second)
	})
}

// A page that is open does not hold a server up that is to stop, if CloseStreams is
// registered; else Shutdown waits until its time is over.
func TestShutdownWithAnOpenPage(t *testing.T) {
	for _, registered := range []bool{true, false} {
		inBubble(t, setup{}, func(t *testing.T, w *world) {
			l, err := w.idp.Net.Listen("stops.example")
			if err != nil {
				t.Fatal(err)
			}
			srv := &http.Server{Handler: w.apps[0]}
			if registered {
				srv.RegisterOnShutdown(w.auth[0].CloseStreams)
			}
			served := make(chan error, 1)
			go func() { served <- srv.Serve(l) }()
			v := w.visitor("ada")
			v.login()
			r, err := http.NewRequestWithContext(t.Context(), "GET", "https://stops.example/auth/events", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Cookie", cookie+"="+v.id())
			resp, err := w.idp.Net.Client().Do(r)
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Fatal(resp, err)
			}
			defer resp.Body.Close()
			go io.Copy(io.Discard, resp.Body)
			synctest.Wait()
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			err = srv.Shutdown(ctx)
			if registered && (err != nil || time.Since(began) > 5*time.Second) || !registered &&
				!errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("registered: %t: %v after %v", registered, err, time.Since(began))
			}
			srv.Close()
			<-served
			w.expectEnds()
			v.welcome()
			if a := v.fetch("/auth/events"); registered && a.status != http.StatusServiceUnavailable {
				t.Errorf("a new stream: %v", a)
			}
		})
	}
}

// A server's WriteTimeout, which counts from the request on, does not cut a stream: each
// event has a deadline of its own.
func TestStreamOutlivesWriteTimeout(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		l, err := w.idp.Net.Listen("hasty.example")
		if err != nil {
			t.Fatal(err)
		}
		srv, served := &http.Server{Handler: w.apps[0], WriteTimeout: 5 * time.Second}, make(chan error, 1)
		go func() { served <- srv.Serve(l) }()
		v := w.visitor("ada")
		v.login()
		r, err := http.NewRequestWithContext(t.Context(), "GET", "https://hasty.example/auth/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Cookie", cookie+"="+v.id())
		resp, err := w.idp.Net.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		began, beats := time.Now(), 0
		lines := bufio.NewScanner(resp.Body)
		for beats < 4 && lines.Scan() {
			if lines.Text() == ":" {
				beats++
			}
		}
		if beats != 4 || time.Since(began) < time.Minute {
			t.Errorf("%d heartbeats in %v: %v", beats, time.Since(began), lines.Err())
		}
		resp.Body.Close()
		srv.Close()
		<-served
	})
}
