package rp_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/activity"
	"github.com/tandem-sso/tandem/rp/reason"
)

// The hot path allocates the Session and nothing else, whatever kind of client,
// however long the person has been there: what is opened of a record is shared,
// and the clocks are asked only when they have something to say.
func TestHotPath(t *testing.T) {
	for _, kind := range []rp.Kind{rp.NoToken, rp.ReferenceToken, rp.RefreshToken} {
		t.Run(kind.String(), func(t *testing.T) {
			s := setup{kind: kind, config: func(c *rp.Config) { c.Idle, c.Absolute = 15*time.Minute, 8*time.Hour },
				// nobody tells it of activity without a token
				idp: func(c *idpmock.Config) { c.IdleWindow = 8 * time.Hour }}
			inBubble(t, s, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				v.login()
				requests := map[activity.Class]*http.Request{}
				for _, class := range []activity.Class{activity.Active, activity.Passive} {
					r := httptest.NewRequest(http.MethodGet, base+"/private", nil)
					r.Header.Set("Sec-Fetch-Dest", "document")
					r.Header.Set("Sec-Fetch-Mode", "navigate")
					r.Header.Set("Sec-Fetch-Site", "same-origin")
					r.Header.Set(activity.Header, class.String())
					for _, c := range v.cookies() {
						r.AddCookie(c)
					}
					requests[class] = r
				}
				for range 2 * 60 / 7 {
					time.Sleep(7 * time.Minute)
					v.welcome() // a signal may be due, a granule of activity over
					time.Sleep(time.Second)
					v.welcome()
					for class, r := range requests {
						if n := testing.AllocsPerRun(20, func() {
							if s, err := w.auth[0].Authenticate(r); err != nil || s.Class() != class ||
								s.Subject() != "ada" {
								t.Error(err)
							}
						}); n != 1 {
							t.Fatalf("after %v: %v allocations for one %v request", w.age(), n, class)
						}
					}
				}
			})
		})
	}
}

// C7: a poll of a public page that is marked Passive, inside OptionalLogin or outside, keeps
// nobody signed in.
func TestAPassivePublicPoll(t *testing.T) {
	for name, wrap := range map[string]func(*nethttpadapter.Adapter, http.Handler) http.Handler{
		"inside": func(web *nethttpadapter.Adapter, h http.Handler) http.Handler {
			return web.OptionalLogin(web.Passive(h))
		},
		"outside": func(web *nethttpadapter.Adapter, h http.Handler) http.Handler {
			return web.Passive(web.OptionalLogin(h))
		},
	} {
		inBubble(t, setup{idp: patient, config: func(c *rp.Config) {
			c.Idle = 15 * time.Minute
		}}, func(t *testing.T, w *world) {
			rest, mux := w.apps[0], http.NewServeMux()
			mux.Handle("/", rest)
			mux.Handle("/poll", wrap(nethttpadapter.New(w.auth[0]),
				http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
			w.apps[0] = mux
			v := w.visitor("ada")
			v.login()
			for range 20 {
				time.Sleep(time.Minute)
				v.fetch("/poll")
			}
			w.expectEnds(reason.Idle)
			if t.Failed() {
				t.Fatal(name)
			}
		})
	}
}
