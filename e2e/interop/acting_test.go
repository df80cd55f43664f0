package interop

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// One password, three apps.
func logIn(t *testing.T, w *world) string {
	w.signIn(w.apps[0])
	for _, a := range w.apps[1:] {
		page := w.Open(a.base + "/private")
		if w.asks(page) {
			t.Errorf("%s: asks for the password once more: %s", a.id, page)
		}
		if page = w.through(a, page); !served(page) {
			t.Errorf("%s: not served: %s", a.id, page)
		}
	}
	return "yes, one password"
}

// seldom is W − δ, with δ at its longest, and a little time to act.
const seldom = window - delta*11/10 - 2*time.Second

// Who acts every W − δ stays beyond W.
func stays(t *testing.T, w *world) string {
	return each(t, w, func(t *testing.T, w *world, a *app) string {
		w.signIn(a)
		since := time.Now()
		for n := time.Duration(1); n <= 3; n++ {
			after(since, n*seldom)
			w.act(a, "after "+time.Since(since).String())
		}
		after(time.Now(), time.Second) // a signal may run beside the request
		if n := w.seen(a, since, signalled); n < 3 {
			t.Errorf("told the IdP %d times in %v", n, time.Since(since))
		}
		return fmt.Sprintf("yes, for %v", time.Since(since).Round(time.Second))
	})
}

// Who works in one app only is not out in another: its next click is served without a password.
func quiet(_ *testing.T, w *world) string {
	busy, rests := w.apps[1], w.apps[0] // that of the guide rests
	w.signIn(rests)
	w.signIn(busy)
	since := time.Now()
	for n := time.Duration(1); n <= 2; n++ {
		after(since, n*seldom)
		w.act(busy, "after "+time.Since(since).String())
	}
	after(since, window+delta+time.Second)
	w.act(rests, "after more than W in another app only")
	return "served at the next click"
}

// The access token has run out, and fifty requests need one: one refresh, and nobody is out.
func rotating(t *testing.T, w *world) string {
	a := w.brief
	w.signIn(a)
	after(time.Now(), brief+time.Second)
	since := time.Now()
	var all sync.WaitGroup
	var refused atomic.Int32
	for range 50 {
		all.Go(func() {
			if page := w.Fetch(http.MethodGet, a.base+"/token"); page.Status != http.StatusOK {
				t.Logf("%s", page)
				refused.Add(1)
			}
		})
	}
	all.Wait()
	n, said := w.refreshes(a, since)
	if refused.Load() > 0 || n == 0 {
		t.Errorf("%d of 50 were refused, %s", refused.Load(), said)
	}
	after(time.Now(), brief+time.Second)
	if page := w.Fetch(http.MethodGet, a.base+"/token"); page.Status != http.StatusOK {
		t.Errorf("at the next refresh: %s", page)
	}
	return "all served, " + said
}

// Fifty requests at the moment when a signal is due: one refresh, and nobody is out.
func together(t *testing.T, w *world) string {
	a := w.crowd
	w.signIn(a)
	after(time.Now(), longer)
	since := time.Now()
	var all sync.WaitGroup
	var mu sync.Mutex
	refused := 0
	for range 50 {
		all.Go(func() {
			if page := w.Fetch(http.MethodGet, a.base+"/private"); page.Status != http.StatusOK {
				mu.Lock()
				defer mu.Unlock()
				refused++
			}
		})
	}
	all.Wait()
	after(time.Now(), time.Second) // a signal may run beside the requests
	_, said := w.refreshes(a, since)
	if refused > 0 {
		t.Errorf("%d of 50 were refused, %s", refused, said)
	}
	w.act(a, "after 50 requests at once")
	after(time.Now(), longer)
	w.act(a, "at the signal after 50 requests at once")
	return "all served, " + said
}

// A second log-in in the same browser: what becomes of the first must not hurt the second.
func again(t *testing.T, w *world) string {
	return each(t, w, func(t *testing.T, w *world, a *app) string {
		w.signIn(a)
		if page := w.through(a, w.Open(a.base+"/auth/login?return_to=/private")); !served(page) {
			t.Fatalf("the second log-in: %s", page)
		}
		for range 3 {
			after(time.Now(), longer)
			w.act(a, "after a second log-in")
		}
		return "stays"
	})
}
