package idpmock_test

import (
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// A day of a thousand people in virtual time: they work, pause, come back. The
// provider must agree with each of them about whether the session lives, to the
// second, and tell the app of every end exactly once.
func TestDay(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: a day of a thousand people takes some seconds")
	}
	const window = 15 * time.Minute
	people := 1000
	if raceDetector {
		people = 100
	}
	began := time.Now()
	signIns, refreshes, ends := 0, 0, 0
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *idpmock.Config) {
			c.Clients[0].AccessTokenType = idpmock.Reference
			c.AbsoluteLifetime = 48 * time.Hour
		})
		var mu sync.Mutex
		var wg sync.WaitGroup
		end := time.Now().Add(24 * time.Hour)
		for i := range people {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(1, uint64(i)))
				b := w.Browser("person")
				var tok map[string]any
				var last time.Time // of the last signal
				in, again, over := 0, 0, 0
				for time.Now().Before(end) {
					pause := time.Duration(r.Int64N(int64(14 * time.Minute))) // at work
					if r.IntN(20) == 0 {
						pause += time.Duration(r.Int64N(int64(10 * time.Hour))) // gone
					}
					time.Sleep(pause)
					idle := time.Since(last)
					if tok != nil {
						status, next := direct(w.Handler(), idpmock.PathToken, "notes",
							url.Values{"grant_type": {"refresh_token"},
								"refresh_token": {tok["refresh_token"].(string)}})
						if alive := status == http.StatusOK; alive != (idle < window) {
							t.Errorf("idle for %v, alive: %v %v", idle, alive, next)
							return
						} else if alive {
							tok, last = next, time.Now()
							again++
							continue
						}
						over++
					}
					cb, err := b.Authorize(t.Context(), authURL(w.URL, "notes"))
					if err != nil {
						t.Error(err)
						return
					}
					u, _ := url.Parse(cb)
					status, next := direct(w.Handler(), idpmock.PathToken, "notes",
						url.Values{"grant_type": {"authorization_code"}, "code": {u.Query().Get("code")},
							"redirect_uri": {"https://notes.example/cb"}, "code_verifier": {verifier}})
					if status != http.StatusOK {
						t.Error(status, next)
						return
					}
					tok, last = next, time.Now()
					in++
				}
				mu.Lock()
				defer mu.Unlock()
				signIns, refreshes, ends = signIns+in, refreshes+again, ends+over
			})
		}
		wg.Wait()
		time.Sleep(window + 2*time.Second) // everybody has gone home
		w.waitOutbox(t)
		if n := len(w.Sessions()); n != 0 {
			t.Errorf("%d sessions linger", n)
		}
		if got := len(w.deliveries("notes")); got != signIns {
			t.Errorf("%d sessions began, %d ends were told", signIns, got)
		}
	})
	took := time.Since(began)
	t.Logf("24 h of %d people in %v: %d sign-ins, %d refreshes, %d ends seen by their owner", people,
		took.Round(time.Millisecond), signIns, refreshes, ends)
	if took > 4*time.Minute { // 12 s on an idle machine; the rest is for one that is not
		t.Errorf("took %v, want at most a minute", took)
	}
}
