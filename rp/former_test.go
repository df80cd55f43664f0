package rp_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// comesBack finishes a log-in whose callback left the browser with the cookie of that session,
// and returns the new cookie.
func (v *visitor) comesBack(authURL, id string) string {
	v.w.Helper()
	callback := v.authorize(authURL)
	v.set(cookie, id)
	if a := v.get(callback); a.status != http.StatusSeeOther {
		v.w.Fatalf("%v", a)
	}
	time.Sleep(time.Second)
	return v.id()
}

// cart is what /shop shows to who has that cookie.
func (v *visitor) cart(id string) string {
	v.w.Helper()
	v.set(cookie, id)
	return v.get("/shop").body
}

// C6: two tabs that were sent to the log-in at once come back with the same cookie, and the browser
// keeps the cookie of the last answer. So each of their sessions has the values of the one that
// they replace, with what the person has saved meanwhile.
func TestTabsThatReplaceTheSameSession(t *testing.T) {
	for name, row := range map[string]struct {
		play func(v *visitor, a string, tabs []string) (id string) // a has a book in the cart
		want string
		ends []reason.Reason
	}{
		"at once": {func(v *visitor, a string, tabs []string) string {
			v.comesBack(tabs[0], a)
			return v.comesBack(tabs[1], a)
		}, "map[item:book]", []reason.Reason{reason.Replaced}},
		"the person goes on in the first": {func(v *visitor, a string, tabs []string) string {
			v.comesBack(tabs[0], a)
			v.get("/shop?page=3")
			return v.comesBack(tabs[1], a)
		}, "map[item:book page:3]", []reason.Reason{reason.Replaced}},
		"the first is logged out": {func(v *visitor, a string, tabs []string) string {
			v.comesBack(tabs[0], a)
			v.submit("/auth/logout")
			return v.comesBack(tabs[1], a)
		}, "map[item:book]", []reason.Reason{reason.Replaced, reason.UserLogout}},
		"the third, of two that live": {func(v *visitor, a string, tabs []string) string {
			v.comesBack(tabs[0], a)
			v.get("/shop?page=3")
			time.Sleep(2 * time.Minute)
			v.comesBack(tabs[1], a)
			v.get("/shop?page=4")
			return v.comesBack(tabs[2], a)
		}, "map[item:book page:4]", []reason.Reason{reason.Replaced}},
		"the first is replaced, too": {func(v *visitor, a string, tabs []string) string {
			b := v.comesBack(tabs[0], a)
			v.get("/shop?page=3")
			v.comesBack(tabs[2], b)
			return v.comesBack(tabs[1], a)
		}, "map[item:book page:3]", []reason.Reason{reason.Replaced, reason.Replaced}},
		"the person's other browser": {func(v *visitor, a string, tabs []string) string {
			v.comesBack(tabs[0], a)
			time.Sleep(2 * time.Minute)
			other := v.w.visitor("ada")
			other.login()
			other.get("/shop?item=pen")
			return v.comesBack(tabs[1], a)
		}, "map[item:book]", []reason.Reason{reason.Replaced}},
		"another person": {func(v *visitor, a string, tabs []string) string {
			v.comesBack(tabs[0], a)
			v.idp = v.w.idp.Browser("bob")
			return v.comesBack(tabs[1], a)
		}, "map[]", []reason.Reason{reason.Replaced}},
		"the first is another person's": {func(v *visitor, a string, tabs []string) string {
			ada := v.idp
			v.idp = v.w.idp.Browser("bob")
			v.comesBack(tabs[0], a)
			v.get("/shop?item=pen")
			v.idp = ada
			return v.comesBack(tabs[1], a)
		}, "map[item:book]", []reason.Reason{reason.Replaced}},
		"the answer to the first is lost": {func(v *visitor, a string, tabs []string) string {
			v.comesBack(tabs[0], a)
			v.set(cookie, a)
			time.Sleep(5 * time.Minute)
			return v.comesBack(v.start("/auth/login"), a)
		}, "map[item:book]", []reason.Reason{reason.Replaced}},
	} {
		t.Run(name, func(t *testing.T) {
			var h hook
			inBubble(t, hooked(&h), func(t *testing.T, w *world) {
				w.shop()
				v := w.visitor("ada")
				v.login()
				v.get("/shop?item=book")
				tabs := []string{v.start("/auth/login"), v.start("/auth/login"), v.start("/auth/login")}
				id := row.play(v, v.id(), tabs)
				if got := v.cart(id); got != row.want {
					t.Errorf("%s, want %s", got, row.want)
				}
				w.expectEnds(row.ends...)
			})
		})
	}
}

// Config.OnLogin sees the values of the session that another tab's log-in has replaced, so
// it does not write over them.
func TestOnLoginOfTheSecondTab(t *testing.T) {
	var h hook
	inBubble(t, hooked(&h), func(t *testing.T, w *world) {
		w.shop()
		v := w.visitor("ada")
		v.login()
		v.get("/shop?item=book")
		h = func(_ http.ResponseWriter, _ *http.Request, l *rp.Login) error {
			cart, err := l.Values("cart")
			cart.Values["gift"] = "pen"
			return err
		}
		a, one, two := v.id(), v.start("/auth/login"), v.start("/auth/login")
		v.comesBack(one, a)
		if got := v.cart(v.comesBack(two, a)); got != "map[gift:pen item:book]" {
			t.Error(got)
		}
	})
}

// A session that a log-out has ended hands nothing on, and one that was replaced no more than its
// successor: to a log-in that is begun when that has ended.
func TestValuesOfASessionThatIsOver(t *testing.T) {
	for name, ends := range map[string]func(v *visitor, a string){
		"logged out": func(v *visitor, _ string) { v.submit("/auth/logout") },
		"its successor was logged out": func(v *visitor, a string) {
			v.comesBack(v.start("/auth/login"), a)
			v.submit("/auth/logout")
		},
	} {
		t.Run(name, func(t *testing.T) {
			var h hook
			inBubble(t, hooked(&h), func(t *testing.T, w *world) {
				w.shop()
				v := w.visitor("ada")
				v.login()
				v.get("/shop?item=book")
				a := v.id()
				ends(v, a)
				time.Sleep(5 * time.Minute)
				if got := v.cart(v.comesBack(v.start("/auth/login"), a)); got != "map[]" {
					t.Error(got)
				}
			})
		})
	}
}

// Values that find no room are lost, with a line in the log. What is saved after that is not.
func TestFormerValuesThatAreTooLarge(t *testing.T) {
	var h hook
	inBubble(t, hooked(&h), func(t *testing.T, w *world) {
		w.shop()
		v := w.visitor("ada")
		v.login()
		v.get("/shop?item=" + strings.Repeat("x", 31<<10))
		h = func(_ http.ResponseWriter, _ *http.Request, l *rp.Login) error {
			profile, err := l.Values("profile")
			profile.Values["about"] = strings.Repeat("y", 2<<10)
			return err
		}
		a, one, two := v.id(), v.start("/auth/login"), v.start("/auth/login")
		v.comesBack(one, a)
		if !strings.Contains(w.log.String(), "the values of the former session are lost") {
			t.Error("nothing is said")
		}
		if a := v.get("/shop"); a.body != "map[]" {
			t.Errorf("more than the limit is kept: %.80s", a.body)
		}
		v.get("/shop?item=book")
		if got := v.cart(v.comesBack(two, a)); got != "map[item:book]" {
			t.Error(got)
		}
	})
}

// Where there are no values, none are said to be lost.
func TestNoFormerValues(t *testing.T) {
	failing := &failingStore{}
	s := setup{config: func(c *rp.Config) { failing.Store, c.Store = c.Store, failing }}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		callback := v.authorize(v.start("/auth/login"))
		failing.breaks("Replace")
		if a := v.get(callback); a.status != http.StatusSeeOther {
			t.Errorf("%v", a)
		}
		failing.heals()
		if strings.Contains(w.log.String(), "values of the former session") {
			t.Errorf("%s", w.log.String())
		}
		v.expect("live", "")
	})
}
