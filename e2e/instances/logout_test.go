package instances

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// C5, C8: a logout token at one instance: the other refuses the session's next
// request, and the p99 of the delay is printed.
func TestLogoutReachesTheOtherInstance(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			w := newWorld(t, b.start(t))
			one, two := w.instance(), w.instance()
			const n = 100
			var delays []time.Duration
			for range n {
				cookie := w.login(one)
				if got := two.get(t.Context(), "/", cookie); got.Code != http.StatusOK { // now hot there
					t.Fatalf("%d %s", got.Code, got.Body)
				}
				session := w.idp.Sessions()[0] // the only one: each round ends it
				token, err := w.idp.LogoutToken("notes", session)
				if err != nil {
					t.Fatal(err)
				}
				if err := w.idp.EndSession(session.SID); err != nil {
					t.Fatal(err)
				}
				if code := one.logout(token); code != http.StatusOK {
					t.Fatalf("logout token: %d", code)
				}
				told := time.Now()
				w.eventually("the other instance refuses", func() bool {
					return two.get(t.Context(), "/", cookie).Code == http.StatusFound
				})
				delays = append(delays, time.Since(told))
				if body := two.get(t.Context(), "/auth/session", cookie).Body.String(); !strings.Contains(body,
					`"backchannel_logout"`) {
					t.Fatalf("the other instance says %s", body)
				}
			}
			slices.Sort(delays)
			p99 := delays[n*99/100-1]
			t.Logf("%s: logout at one instance, refused by the other after: median %v, p99 %v", b.name, delays[n/2],
				p99)
			if p99 > time.Second {
				t.Errorf("p99 is %v", p99)
			}
		})
	}
}

func (in *instance) logout(token string) int {
	r := httptest.NewRequest(http.MethodPost, "/auth/backchannel-logout",
		strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	out := httptest.NewRecorder()
	in.web.ServeHTTP(out, r)
	return out.Code
}
