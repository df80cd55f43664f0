package absent

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/e2e/driver/drive"
	"github.com/tandem-sso/tandem/e2e/driver/site"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
)

// callback is the address of the last callback that was asked for.
func (w *world) callback() string {
	found := w.to("GET notes /auth/callback")
	_, path, _ := strings.Cut(found[len(found)-1].what, "notes ")
	return w.notes.URL + path
}

// begun counts the log-ins that were started.
func (w *world) begun() int { return len(w.to("GET notes /auth/login")) }

// A tab that is restored at the callback, or a callback that is sent twice, shows the page
// that the person wanted, and after the end one new log-in that leads there.
func TestTabAtTheCallback(t *testing.T) {
	each(t, func(t *testing.T, d drive.Driver) {
		w := start(t, options{})
		b := d.New(t)
		tab := b("notes")
		w.open(tab, w.notes, "/page?wanted")
		url := w.callback()

		restored := b("restored")
		d.Address(restored, url)
		restored.WaitURL(w.notes.URL + "/page?wanted")
		if n := w.begun(); n != 1 {
			t.Errorf("%d log-ins while the session lives, want one", n)
		}
		w.EndAda()
		d.Address(restored, url)
		w.enter(restored)
		restored.WaitURL(w.notes.URL + "/page?wanted")
		if n := w.begun(); n != 2 {
			t.Errorf("%d log-ins, want two", n)
		}
	})
}

// Back to a callback that had shown an error: the page that the person wanted.
func TestBackToTheCallback(t *testing.T) {
	each(t, func(t *testing.T, d drive.Driver) {
		w := start(t, options{})
		tab := d.New(t)("notes")
		w.IDP.Fault(idpmock.Fault{Endpoint: idpmock.EndpointCode, Status: http.StatusServiceUnavailable, Times: 1})
		tab.Go(w.notes.URL + "/page?wanted")
		w.enter(tab)
		tab.WaitURL(w.notes.URL + "/auth/callback")
		tab.Click("a") // to log in again
		tab.WaitURL(w.notes.URL + "/page?wanted")
		begun, asked := w.begun(), len(w.to("GET notes /auth/callback"))
		tab.Click("#on")
		tab.Wait(`location.search === "" && document.readyState === "complete"`)
		d.Back(tab)
		tab.WaitURL(w.notes.URL + "/page?wanted")
		d.Back(tab)
		w.got("GET notes /auth/callback", asked+1) // the page that is left looks like the one that comes
		tab.Wait(`document.querySelector("h1")?.innerText === "page"`)
		tab.WaitURL(w.notes.URL + "/page?wanted")
		if n := w.begun(); n != begun {
			t.Errorf("Back has started %d log-ins", n-begun)
		}
		if n := len(w.to("GET notes /auth/callback")) - asked; n != 1 {
			t.Errorf("Back has asked for the callback %d times", n)
		}
	})
}

// Two tabs at the log-in: each comes to its own page, whichever is first, and also where
// the IdP refuses the second one because the person is logged in already, as Keycloak does.
func TestTwoTabsLogIn(t *testing.T) {
	for name, refuses := range map[string]bool{"both": false, "the second one is refused": true} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, d drive.Driver) {
				w := start(t, options{})
				b := d.New(t)
				first, second := b("first"), b("second")
				first.Go(w.notes.URL + "/page?first")
				second.Go(w.notes.URL + "/page?second")
				w.enter(second)
				second.WaitURL(w.notes.URL + "/page?second")
				if refuses {
					w.IDP.Fault(idpmock.Fault{Endpoint: idpmock.EndpointCallback, Error: "temporarily_unavailable",
						Times: 1})
				}
				d.Front(first)
				w.enter(first)
				first.WaitURL(w.notes.URL + "/page?first")
				if asked := w.to("GET notes /auth/callback"); refuses != strings.Contains(fmt.Sprint(asked),
					"error=temporarily_unavailable") {
					t.Errorf("the callbacks: %v", asked)
				}
				w.shows(second, w.notes.URL+"/page?second")
				if n := w.begun(); n > 3 || n < 2 {
					t.Errorf("%d log-ins", n)
				}
			})
		})
	}
}

// shows loads a page anew: its session lives.
func (w *world) shows(tab site.Tab, url string) {
	w.Helper()
	begun := w.begun()
	tab.Go(url)
	if tab.URL() != url || w.begun() != begun {
		tab.Fail("%s is not shown", url)
	}
}

// Whoever takes longer at the IdP than LoginTimeout comes to the page all the same: the
// log-in starts once more, and the IdP knows them by then.
func TestLateCallback(t *testing.T) {
	each(t, func(t *testing.T, d drive.Driver) {
		const timeout = 5 * time.Minute
		w := start(t, options{rp: func(c *rp.Config) { c.LoginTimeout = timeout }})
		tab := d.New(t)("notes")
		tab.Go(w.notes.URL + "/page?wanted")
		w.leap(timeout + time.Second)
		w.enter(tab)
		tab.WaitURL(w.notes.URL + "/page?wanted")
		if n := w.begun(); n != 2 {
			t.Errorf("%d log-ins, want two", n)
		}
		if n := w.IDP.Count(idpmock.EndpointLogin, ""); n != 1 {
			t.Errorf("the person has typed a name %d times", n)
		}
	})
}
