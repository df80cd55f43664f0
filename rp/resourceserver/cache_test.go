package resourceserver_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp/resourceserver"
)

// INTR-01: cache ≤ min(exp, TTL).
func TestCache(t *testing.T) {
	i := start(t)
	now := time.Unix(1_800_000_000, 0)
	s := i.server(t, func(c *resourceserver.Config) {
		c.CacheFor, c.CacheSize = 10*time.Second, 2
		c.Now = func() time.Time { return now }
	})
	asked := func(token string) int32 {
		t.Helper()
		before := i.asked.Load()
		if _, err := s.Introspect(t.Context(), token); err != nil && !errors.Is(err, resourceserver.ErrInactive) {
			t.Log(err)
		}
		return i.asked.Load() - before
	}
	expect := func(what string, got, want int32) {
		t.Helper()
		if got != want {
			t.Errorf("%s: asked %d times, want %d", what, got, want)
		}
	}
	expect("first", asked("a"), 1)
	expect("again", asked("a"), 0)
	now = now.Add(10*time.Second - 1)
	expect("just before the end", asked("a"), 0)
	now = now.Add(1)
	expect("at the end", asked("a"), 1)

	i.says(fmt.Sprintf(`{"active":true,"exp":%d}`, now.Add(3*time.Second).Unix()))
	expect("short-lived", asked("b"), 1)
	now = now.Add(3*time.Second - 1)
	expect("short-lived, living", asked("b"), 0)
	now = now.Add(1)
	expect("short-lived, dead", asked("b"), 1)

	i.says(`{"active":false}`)
	expect("inactive", asked("c"), 1)
	expect("inactive again", asked("c"), 0)
	if _, err := s.Introspect(t.Context(), "c"); !errors.Is(err, resourceserver.ErrInactive) {
		t.Error(err)
	}

	i.does(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	expect("trouble", asked("d"), 1)
	expect("trouble again", asked("d"), 1)

	i.says(`{"active":true}`)
	expect("e", asked("e"), 1)
	expect("f", asked("f"), 1)
	expect("e, used", asked("e"), 0)
	expect("g drives out f", asked("g"), 1)
	expect("e stayed", asked("e"), 0)
	expect("f has gone", asked("f"), 1)
}

func TestWithoutCacheEveryRequestIsAsked(t *testing.T) {
	i := start(t)
	s := i.server(t)
	for range 3 {
		call(s, "tok")
	}
	if n := i.asked.Load(); n != 3 {
		t.Fatalf("asked %d times", n)
	}
}
