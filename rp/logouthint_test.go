package rp_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store"
)

// leave presses "log out" and returns what the IdP is sent.
func (v *visitor) leave() url.Values {
	v.w.Helper()
	a := v.submit("/auth/logout")
	fields := query(a.location())
	if a.status == http.StatusOK {
		fields = hiddenFields(a.body)
	} else if a.status != http.StatusSeeOther || !strings.HasPrefix(a.location(), issuer+"/end_session?") {
		v.w.Fatalf("not sent to the IdP: %v", a)
	}
	// RP-Initiated Logout §2: without a hint, client_id says whose redirect URI it is.
	if fields.Get("client_id") != "notes" || fields.Get("post_logout_redirect_uri") != base+"/auth/logged-out" ||
		len(fields.Get("state")) < 20 {
		v.w.Fatalf("fields %v", fields)
	}
	return fields
}

// hinted fails unless the IdP is sent an ID token, or is not.
func (v *visitor) hinted(want bool) {
	v.w.Helper()
	if hint, ok := v.leave()["id_token_hint"]; ok != want || ok && strings.Count(hint[0], ".") != 2 {
		v.w.Errorf("%s: id_token_hint %q, want one: %v", v.w.age(), hint, want)
	}
}

// The cookie of a session yields its ID token while the session lives, and once more
// within two minutes after its end, for a log-out that takes a second request. After
// that it is good for nothing: not for a thief, not for who uses the browser next.
func TestLogoutHint(t *testing.T) {
	for name, byPost := range map[string]bool{"redirect": false, "form": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, setup{instances: 2, config: func(c *rp.Config) {
				c.Logout.Post = byPost
			}}, func(t *testing.T, w *world) {
				early, late := w.visitor("ada"), w.visitor("bob")
				for _, v := range []*visitor{early, late} {
					v.login()
					v.hinted(true) // it lives
				}
				thief := early.thief()
				thief.instance = "1"
				early.hinted(true) // the same person, a second later
				early.hinted(false)
				thief.hinted(false)
				time.Sleep(2*time.Minute - time.Millisecond)
				thief.hinted(false)
				time.Sleep(2 * time.Millisecond)
				late.hinted(false) // not once, but too late
				time.Sleep(23 * time.Hour)
				thief.hinted(false)
				late.hinted(false)
			})
		})
	}
}

// In time to the end.
func TestLogoutHintInTime(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		v.hinted(true)
		time.Sleep(2 * time.Minute)
		v.hinted(true)
		v.hinted(false)
	})
}

// A session whose time is up, and which nobody has swept away yet, is over: its hint
// is given once.
func TestLogoutHintOfAnExpiredSession(t *testing.T) {
	inBubble(t, setup{config: func(c *rp.Config) { c.Idle = 10 * time.Minute }}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		time.Sleep(10*time.Minute + time.Millisecond)
		v.hinted(true)
		v.hinted(false)
	})
}

// A script under Logout.Post is given no location; the form that it posts then is
// the second request.
func TestLogoutHintOfAScript(t *testing.T) {
	inBubble(t, setup{config: func(c *rp.Config) { c.Logout.Post = true }}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		script := with(fetching, "Accept", "application/json", "Origin", base)
		for range 3 { // however often: it gets nothing
			if a := v.do("POST", "/auth/logout", url.Values{}, script); a.status != 200 ||
				strings.TrimSpace(a.body) != `{"location":""}` {
				t.Fatalf("%v", a)
			}
		}
		v.hinted(true)
		v.hinted(false)
	})
}

// Without a hint the IdP asks the person, and brings them back all the same.
func TestLogoutWithoutHint(t *testing.T) {
	inBubble(t, setup{config: func(c *rp.Config) { c.Idle = 10 * time.Minute }}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		time.Sleep(20 * time.Minute)
		fields := v.leave()
		if fields.Has("id_token_hint") {
			t.Fatalf("fields %v", fields)
		}
		back, err := v.idp.Logout(w.Context(), issuer+idpmock.PathEndSession+"?"+fields.Encode())
		if err != nil || !strings.HasPrefix(back, base+"/auth/logged-out?") {
			t.Errorf("%q, %v", back, err)
		}
		if _, err := v.idp.Session(); err == nil {
			t.Error("the IdP session lives")
		}
	})
}

// forgetful is a store that cannot say whether an id was shown.
type forgetful struct{ store.Store }

func (forgetful) Once(context.Context, store.Key, time.Time) error { return errors.New("broken") }

// Whoever cannot be asked whether the hint was given gives none, and the log-out goes on.
func TestLogoutHintWhileTheStoreIsBroken(t *testing.T) {
	s := setup{}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		v.hinted(true)
		broken := s
		broken.config = func(c *rp.Config) { c.Store = forgetful{w.store} }
		w.apps[0] = w.app(w.relyingParty(broken))
		v.hinted(false)
	})
}
