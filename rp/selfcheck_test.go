package rp_test

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store"
)

// before puts a middleware before everything that an app serves.
func (w *world) before(i int, keeps func(http.ResponseWriter, *http.Request) bool) {
	app := w.apps[i]
	w.apps[i] = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !keeps(rw, r) {
			app.ServeHTTP(rw, r)
		}
	})
}

// posts answers every POST but those below the paths that are let through.
func posts(status int, free ...string) func(http.ResponseWriter, *http.Request) bool {
	return func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost || slices.Contains(free, r.URL.Path) {
			return false
		}
		if status < 400 {
			rw.Header().Set("Location", "https://elsewhere.example/followed")
		}
		rw.WriteHeader(status)
		return true
	}
}

// about returns the codes of the findings that a self-check can make, serious ones with !.
func about(all []store.Finding) (codes string) {
	for _, f := range all {
		if strings.HasSuffix(f.Code, "_blocked") || f.Code == "self_unreachable" {
			codes += f.Code + " "
			if f.Serious {
				codes = strings.TrimSuffix(codes, " ") + "! "
			}
		}
	}
	return strings.TrimSpace(codes)
}

// checksItself is a world whose app looks whether its endpoints are reached.
func checksItself(s setup) setup {
	config := s.config
	s.config = func(c *rp.Config) {
		if config != nil {
			config(c)
		}
		c.SkipSelfCheck = false
	}
	return s
}

// BCL-03: what keeps the IdP's logout tokens and the page's reports from the endpoints is
// found out by the app itself, after the first request and by Diagnose, and told once.
func TestSelfCheck(t *testing.T) {
	const both = "backchannel_blocked! activity_blocked!"
	for _, row := range []struct {
		name  string
		keeps func(http.ResponseWriter, *http.Request) bool
		want  string
		text  string
	}{
		{"nothing in the way", posts(0, "/auth/backchannel-logout", "/auth/activity"), "", ""},
		{"gorilla/csrf", posts(403), both, "answered with 403"},
		{"echo's CSRF", posts(400), both, "A CSRF middleware"},
		{"the back channel alone is let through", posts(403, "/auth/backchannel-logout"), "activity_blocked!",
			"/auth/activity"},
		{"nobody has mounted them", posts(404), both, "Mount the endpoints at Config.Prefix"},
		{"a gate", posts(302), both, "IdPs do not follow redirects"},
		{"another app answers", posts(200), both, "not by this app's endpoint"},
		{"a load balancer without anybody behind it", posts(502), "self_unreachable", "it answers 502"},
		{"nobody ever answers", func(rw http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPost {
				<-r.Context().Done()
			}
			return r.Method == http.MethodPost
		}, "self_unreachable", "deadline exceeded"},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, checksItself(setup{}), func(t *testing.T, w *world) {
				var asked, followed atomic.Int64
				w.serve("elsewhere.example", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
					followed.Add(1)
				}))
				w.before(0, row.keeps)
				w.before(0, func(_ http.ResponseWriter, r *http.Request) bool {
					if r.Method == http.MethodPost {
						asked.Add(1)
					}
					return false
				})
				v := w.visitor("ada")
				for range 3 {
					v.get("/private")
					time.Sleep(6 * time.Second)
				}
				if got := about(w.auth[0].Findings()); got != row.want || !w.log.has(row.text) {
					t.Errorf("found %q, not %q:\n%s", got, row.want, w.log)
				}
				for _, code := range strings.Fields(row.want) {
					if n := w.lines("finding=" + strings.TrimSuffix(code, "!")); n != 1 {
						t.Errorf("%s is told %d times", code, n)
					}
				}
				if asked.Load() > 2 || followed.Load() != 0 {
					t.Errorf("%d posts, %d followed a redirect", asked.Load(), followed.Load())
				}
				if w.log.has("refused") {
					t.Errorf("the app's look at itself is told as an attack:\n%s", w.log)
				}
				told, err := rp.Diagnose(t.Context(), w.config(checksItself(setup{})))
				if err != nil || about(told) != row.want {
					t.Errorf("Diagnose: %q, %v", about(told), err)
				}
			})
		})
	}
}

// The endpoints of another client are not this one's, and an own address that cannot be
// reached is a finding that alarms nobody.
func TestSelfCheckOfAnotherClient(t *testing.T) {
	inBubble(t, checksItself(setup{}), func(t *testing.T, w *world) {
		other := w.config(checksItself(setup{config: func(c *rp.Config) { c.ClientID = "photos" }}))
		told, err := rp.Diagnose(t.Context(), other)
		if want := "backchannel_blocked! activity_blocked!"; err != nil || about(told) != want {
			t.Errorf("%q, %v", about(told), err)
		}
		other.ClientID, other.BaseURL = "notes", "https://nowhere.example"
		told, err = rp.Diagnose(t.Context(), other)
		if err != nil || about(told) != "self_unreachable" {
			t.Errorf("%q, %v", about(told), err)
		}
	})
}

// Below a path, the check asks where the IdP does.
func TestSelfCheckBelowAPath(t *testing.T) {
	inBubble(t, checksItself(belowApp), func(t *testing.T, w *world) {
		w.visitor("ada").get("/app/private") // nobody takes the path away
		synctest.Wait()
		told, err := rp.Diagnose(t.Context(), w.config(checksItself(belowApp)))
		if err != nil || about(told) != "backchannel_blocked! activity_blocked!" {
			t.Errorf("%q, %v", about(told), err)
		}
		w.below()
		if told, err = rp.Diagnose(t.Context(), w.config(checksItself(belowApp))); err != nil || about(told) != "" {
			t.Errorf("%q, %v", about(told), err)
		}
	})
}

// Without wish nothing is asked, and Close does not wait for the answer of a check, nor is
// what it has cut off told.
func TestSelfCheckEnds(t *testing.T) {
	inBubble(t, setup{config: func(c *rp.Config) { c.SkipSelfCheck = true }}, func(t *testing.T, w *world) {
		w.before(0, posts(403))
		w.visitor("ada").get("/private")
		w.visitor("ada").login()
		synctest.Wait()
		if got := about(w.auth[0].Findings()); got != "" {
			t.Errorf("%q", got)
		}
	})
	inBubble(t, checksItself(setup{}), func(t *testing.T, w *world) {
		w.before(0, func(_ http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPost {
				<-r.Context().Done()
			}
			return r.Method == http.MethodPost
		})
		w.visitor("ada").get("/auth/session")
		synctest.Wait()
		began := time.Now()
		if err := w.auth[0].Close(); err != nil || time.Since(began) > time.Second {
			t.Errorf("Close: %v after %v", err, time.Since(began))
		}
		if got := about(w.auth[0].Findings()); got != "" {
			t.Errorf("%q", got)
		}
	})
}

// A stranger cannot keep a forged logout token from the log by the check's header.
func TestSelfCheckHidesNothing(t *testing.T) {
	inBubble(t, checksItself(setup{}), func(t *testing.T, w *world) {
		h := http.Header{"Tandem-Check": {"1"}, "Content-Type": {"application/x-www-form-urlencoded"}}
		if a := w.post("/auth/backchannel-logout", "logout_token=x", h); a.status != http.StatusBadRequest ||
			!w.log.has("refused") {
			t.Errorf("%v\n%s", a, w.log)
		}
	})
}
