package apps_test

import (
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/internal/servertest"
	"github.com/tandem-sso/tandem/rp"
)

// Sessions in a file survive a restart, if the key does.
func TestBoltStoreSurvives(t *testing.T) {
	var c apps.Config
	w := start(t, "notoken", func(given *apps.Config) {
		given.Store = "bolt:" + t.TempDir() + "/sessions.db"
		given.SealKey = rp.Secret(strings.Repeat("0a", 32))
		c = *given
	})
	w.signIn()
	c.Listener, c.Listen, c.BaseURL = nil, w.app.Addr(), w.app.URL()
	w.closed(w.app)
	again, err := apps.StartNoToken(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	w.app = again
	defer w.closed(again)
	if status, v := w.json("/me"); status != 200 || v["subject"] != "ada" {
		t.Fatal(status, v)
	}
}

// Two instances of one app share sessions in Redis or PostgreSQL; another app's
// are apart.
func TestSharedStores(t *testing.T) {
	t.Run("redis", func(t *testing.T) {
		redis, err := servertest.StartRedis()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(redis.Close)
		testSharedStore(t, "redis://"+redis.Addr+"/0")
	})
	t.Run("postgres", func(t *testing.T) {
		pg, err := servertest.StartPostgres()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pg.Close)
		testSharedStore(t, pg.URL)
	})
}

func testSharedStore(t *testing.T, store string) {
	var c apps.Config
	w := start(t, "notoken", func(given *apps.Config) {
		given.Store = store
		given.SealKey = rp.Secret(strings.Repeat("0a", 32))
		given.Now = nil // the server has a clock of its own
		c = *given
	})
	w.signIn()
	c.Listener, c.Listen, c.BaseURL = nil, "127.0.0.1:0", w.app.URL()
	second, err := apps.StartNoToken(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer w.closed(second)
	if status, v := w.json("http://" + second.Addr() + "/me"); status != 200 || v["subject"] != "ada" {
		t.Fatal("the second instance does not know the session:", status, v)
	}
	c.ClientID = "notoken2" // and so another prefix, but the same cookie
	c.CookieName = apps.CookieNameFor("notoken")
	other, err := apps.StartNoToken(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer w.closed(other)
	if status, v := w.json("http://" + other.Addr() + "/me"); status != 401 {
		t.Fatal("another app knows the session:", status, v)
	}
}
