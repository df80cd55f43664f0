package rp_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/rp/reason"
)

// CORE-02: several tabs of one browser log in at once, in any order of finishing;
// each succeeds and lands where it wanted to go, and one session remains.
func TestParallelTabs(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}} {
		inBubble(t, setup{}, func(t *testing.T, w *world) {
			v := w.visitor("ada")
			var callbacks []string
			for _, tab := range []string{"a", "b", "c"} {
				callbacks = append(callbacks, v.authorize(v.start("/auth/login?return_to=/private/"+tab)))
			}
			for _, i := range order {
				a := v.get(callbacks[i])
				if want := "/private/" + string(rune('a'+i)); a.status != http.StatusSeeOther || a.location() != want {
					t.Errorf("order %v, tab %d: %v", order, i, a)
				}
				v.expect("live", "")
			}
			w.expectEnds(reason.Replaced, reason.Replaced)
		})
	}
}

// A browser that starts log-ins without end carries a bounded number of cookies
// that fit into what proxies take for one header, 8 KiB, and the latest log-ins
// still work: five with addresses as usual, two with the longest ones. An older one
// leads to its page all the same, or to the home page if its address is too long for state.
func TestLoginsInFlightAreBounded(t *testing.T) {
	for path, kept := range map[string]int{"/private/notes?tab=2": 5, "/private/" + strings.Repeat("x", 1000): 2} {
		inBubble(t, setup{}, func(t *testing.T, w *world) {
			v := w.visitor("ada")
			var authURLs []string
			for range 12 {
				time.Sleep(time.Second)
				authURLs = append(authURLs, v.start("/auth/login?return_to="+url.QueryEscape(path)))
				total := 0
				for _, c := range v.cookies() {
					if n := len(c.Name) + len(c.Value); n > 4096 { // ASVS 3.3.5
						t.Fatalf("cookie %s has %d bytes", c.Name, n)
					} else {
						total += n + len("=; ")
					}
				}
				if n := len(v.cookies()); n > 5 || total > 7<<10 {
					t.Fatalf("%d cookies of %d bytes", n, total)
				}
			}
			for i, authURL := range slices.Backward(authURLs) {
				a := v.get(v.authorize(authURL))
				want := path
				if i < len(authURLs)-kept && len(path) > 700 {
					want = "/"
				}
				if a.status != http.StatusSeeOther || a.location() != want {
					t.Errorf("log-in %d of %d: %v", i+1, len(authURLs), a)
				}
			}
		})
	}
}

// Junk under the names of log-in cookies neither breaks a log-in nor stays.
func TestJunkLoginCookies(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		for i := range 10 {
			v.set(cookie+"-login-"+strings.Repeat(string(rune('a'+i)), 12), "junk")
		}
		v.login()
		if n := len(v.cookies()); n > 5 {
			t.Errorf("%d cookies remain", n)
		}
	})
}

// Two tabs that come back at the same instant.
func TestTabsFinishTogether(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		one, two := v.authorize(v.start("/auth/login")), v.authorize(v.start("/auth/login"))
		status := make(chan int, 2)
		for _, callback := range []string{one, two} {
			go func() {
				a, err := v.try("GET", callback, nil, navigating)
				if err != nil {
					t.Error(err)
					a = &reply{}
				}
				status <- a.status
			}()
		}
		if a, b := <-status, <-status; a != http.StatusSeeOther || b != http.StatusSeeOther {
			t.Errorf("%d and %d", a, b)
		}
		synctest.Wait()
		v.expect("live", "")
		if len(w.logins) != 2 {
			t.Errorf("%d sessions began", len(w.logins))
		}
	})
}
