package absent

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/drive"
	"github.com/tandem-sso/tandem/nethttpadapter"
)

// A form that is posted after the time-out gets a page with the reason, and a link that
// leads over the log-in to the page that had the form.
func TestFormAfterTheTimeOut(t *testing.T) {
	each(t, func(t *testing.T, d drive.Driver) {
		w := start(t, options{routes: presentRoutes})
		tab := d.New(t)("notes")
		w.open(tab, w.notes, "/posted?form")
		w.leap(window + delta)
		tab.Click("#a")
		a := w.got("POST notes /posted", 1)
		if a.status != http.StatusUnauthorized || a.leads() {
			t.Errorf("the form gets %v", a)
		}
		tab.Wait(`document.querySelector("h1")?.innerText === "You are logged out."`)
		if got := tab.Text("main"); !strings.Contains(got, "You were not active in any application for a while.") ||
			!strings.Contains(got, "What you have just sent was not taken.") {
			t.Errorf("the page says %q", got)
		}
		tab.Click("a")
		w.enter(tab)
		tab.WaitURL(w.notes.URL + "/posted?form")
		tab.Wait(`document.querySelector("form")`)
	})
}

// A page that hides where it comes from can log out all the same.
func TestLogoutWithoutReferrer(t *testing.T) {
	each(t, func(t *testing.T, d drive.Driver) {
		w := start(t, options{routes: func(mux *http.ServeMux, web *nethttpadapter.Adapter) {
			mux.Handle("GET /hiding", web.RequireLogin(
				show(`<meta name="referrer" content="no-referrer"><form method="post" action="/auth/logout"><button id="a">log out</button></form>`)))
		}})
		tab := d.New(t)("notes")
		w.open(tab, w.notes, "/hiding")
		tab.Click("#a")
		tab.WaitURL(w.notes.URL + "/auth/logged-out")
		if n := len(w.IDP.Sessions()); n != 0 {
			t.Errorf("%d IdP sessions", n)
		}
	})
}
