package apps_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/internal/servertest"
)

// Instances that take turns behave as one app: one log-in, one refresh for all
// (C4), and an end at one that the others refuse (C5, C8).
func TestInstances(t *testing.T) {
	stores := map[string]func(t *testing.T) string{
		"memory": func(*testing.T) string { return "memory" },
		"bolt":   func(t *testing.T) string { return "bolt:" + t.TempDir() + "/sessions.db" },
		"redis": func(t *testing.T) string {
			redis, err := servertest.StartRedis()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(redis.Close)
			return "redis://" + redis.Addr + "/0"
		},
		"postgres": func(t *testing.T) string {
			pg, err := servertest.StartPostgres()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(pg.Close)
			return pg.URL
		},
	}
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			w := start(t, "refreshtoken", func(c *apps.Config) { c.Store, c.Instances = store(t), 2 })
			w.signIn()
			for range 2 {
				if got := w.turns(); got != [3]int{0, 200, 200} {
					t.Errorf("the instances answer %v", got)
				}
			}
			if page := w.get("/"); !strings.Contains(page.Body, "Served by instance ") ||
				!strings.Contains(page.Body, " of 2;") {
				t.Errorf("the page does not say which instance served it: %s", page)
			}

			w.idp.Advance(6 * time.Minute) // nobody vouches for the session any more
			w.idp.ResetRequests()
			slow := w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Times: idpmock.Always,
				DelayAfter: 100 * time.Millisecond})
			w.storm(40)
			slow.Remove()
			w.idp.Expect(idpmock.EndpointRefresh, "refreshtoken", 1)

			// A note, saved on one, is on the page of both.
			if page := w.browser.Post(w.url("/notes"), url.Values{"text": {"for all of them"}}); page.Status != 201 {
				t.Errorf("%s", page)
			}
			noted := map[string]bool{}
			for saved := time.Now(); len(noted) < 2; { // an instance may hear of the change a moment later
				page := w.get("/private")
				n := page.Header.Get(apps.InstanceHeader)
				if strings.Contains(page.Body, "for all of them") {
					noted[n] = true
				}
				if len(noted) < 2 && time.Since(saved) > 2*time.Second {
					t.Fatalf("the note is on the pages of %v, last asked: instance %s", noted, n)
				}
			}

			// Back-channel logout is delivered to one of them.
			if err := w.idp.EndSession(w.idp.Sessions()[0].SID); err != nil {
				t.Fatal(err)
			}
			w.idp.Settle()
			told := time.Now()
			for w.turns() != [3]int{0, 401, 401} {
				if time.Since(told) > time.Second {
					t.Fatal("an instance still serves the session a second after its end")
				}
			}
			for range 2 {
				if _, v := w.json("/auth/session"); v["state"] != "ended" || v["reason"] != "backchannel_logout" {
					t.Error(v)
				}
			}
		})
	}
}

// turns asks until each of two instances has answered, and returns the answers by number. Some
// turns are taken by others: the app asks its own endpoints for its self-check.
func (w *world) turns() (status [3]int) {
	w.Helper()
	for n := 0; n < 20 && (status[1] == 0 || status[2] == 0); n++ {
		page := w.browser.Fetch("GET", w.url("/me"))
		n := page.Header.Get(apps.InstanceHeader)
		if n != "1" && n != "2" {
			w.Fatalf("served by instance %q", n)
		}
		status[n[0]-'0'] = page.Status
	}
	return status
}

// storm sends n requests at once, all of which must be served.
func (w *world) storm(n int) {
	w.Helper()
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			if page := w.browser.Fetch("GET", w.url("/me")); page.Status != http.StatusOK {
				w.Errorf("%s", page)
			}
		})
	}
	all.Wait()
}

func TestTooManyInstances(t *testing.T) {
	for _, n := range []int{-1, apps.MaxInstances + 1} {
		a, err := starters["notoken"](t.Context(), apps.Config{Issuer: "http://127.0.0.1:1", ClientID: "x",
			Listen: "127.0.0.1:0", Instances: n})
		if err == nil || !strings.Contains(err.Error(), "-instances is ") {
			t.Errorf("%d: %v", n, err)
			if a != nil {
				w := &world{T: t}
				w.closed(a)
			}
		}
	}
}
