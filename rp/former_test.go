package rp_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// C6: two tabs that were sent to the log-in at once come back with the same cookie. The browser
// keeps the cookie of the last answer, so that session has the values, too: those of the session
// that both replace, what Config.OnLogin adds to them, and what the person has saved in the
// session of the first answer meanwhile. Another person gets nothing.
func TestTabsThatReplaceTheSameSession(t *testing.T) {
	for name, row := range map[string]struct {
		meanwhile func(*visitor) // between the two answers
		want      string
	}{
		"at once":                       {func(*visitor) {}, "map[gift:pen item:book]"},
		"a page was saved in the first": {func(v *visitor) { v.get("/shop?page=3") }, "map[gift:pen item:book page:3]"},
		"the first session has ended": {func(v *visitor) { v.submit("/auth/logout") },
			"map[gift:pen item:book]"},
		"another person": {func(v *visitor) { v.idp = v.w.idp.Browser("bob") }, "map[gift:pen]"},
	} {
		t.Run(name, func(t *testing.T) {
			var h hook
			inBubble(t, hooked(&h), func(t *testing.T, w *world) {
				w.shop()
				v := w.visitor("ada")
				v.login()
				v.get("/shop?item=book")
				shared := v.id()
				h = func(_ http.ResponseWriter, _ *http.Request, l *rp.Login) error {
					cart, err := l.Values("cart")
					cart.Values["gift"] = "pen"
					return err
				}
				one, two := v.start("/auth/login"), v.start("/auth/login")
				v.get(v.authorize(one))
				time.Sleep(time.Second)
				row.meanwhile(v)
				callback := v.authorize(two)
				v.set(cookie, shared) // it has left the browser before the first answer
				if a := v.get(callback); a.status != http.StatusSeeOther {
					t.Fatalf("%v", a)
				}
				if a := v.get("/shop"); a.body != row.want {
					t.Errorf("%v, want %s", a, row.want)
				}
				if v.expect("live", ""); len(w.ends) == 0 || w.ends[0].Reason != reason.Replaced {
					t.Errorf("ends: %v", w.ends)
				}
			})
		})
	}
}

// A session that a log-out has ended hands nothing on.
func TestValuesOfALoggedOutSession(t *testing.T) {
	var h hook
	inBubble(t, hooked(&h), func(t *testing.T, w *world) {
		w.shop()
		v := w.visitor("ada")
		v.login()
		v.get("/shop?item=book")
		former := v.id()
		v.submit("/auth/logout")
		callback := v.authorize(v.start("/auth/login"))
		v.set(cookie, former)
		if a := v.get(callback); a.status != http.StatusSeeOther {
			t.Fatalf("%v", a)
		}
		if a := v.get("/shop"); a.body != "map[]" {
			t.Errorf("%v", a)
		}
	})
}
