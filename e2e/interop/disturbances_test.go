package interop

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp"
)

// The IdP stands still: nobody is logged out, and all goes on when it is back.
func outage(t *testing.T, w *world) string {
	a := w.apps[0]
	w.signIn(a)
	after(time.Now(), longer)
	w.idp.Freeze()
	thawed := false
	defer func() {
		if !thawed {
			w.idp.Thaw()
		}
	}()
	since := time.Now()
	for time.Since(since) < 8*time.Second {
		page := w.Fetch(http.MethodGet, a.base+"/private")
		if page.Status != http.StatusOK && page.Status != http.StatusServiceUnavailable {
			t.Errorf("while the IdP stands still: %s", page)
		}
		<-time.After(look)
	}
	if got := w.state(a); got.State != "live" {
		t.Errorf("an outage has ended the session: %+v", got)
	}
	w.idp.Thaw()
	thawed = true
	d, ok := until(time.Now(), 15*time.Second, func() bool { return served(w.Open(a.base + "/private")) })
	if !ok {
		t.Errorf("not served %v after the outage: %+v", d, w.state(a))
	}
	return "kept; served " + d.Round(100*time.Millisecond).String() + " after it"
}

// Sessions of an IdP that keeps them survive its restart here, too. Where the IdP has lost
// them, the app notices at a click after δ.
func restart(t *testing.T, w *world) string {
	a := w.apps[0]
	if w.idp.LongWindow != nil {
		if err := w.idp.LongWindow(); err != nil {
			t.Fatal(err)
		}
	}
	w.signIn(a)
	since := time.Now()
	w.idp.Restart()
	took := time.Since(since).Round(time.Second)
	if got := w.state(a); got.State != "live" {
		t.Errorf("a restart has ended the session: %+v", got)
	}
	after(since, longer)
	page := w.Open(a.base + "/private")
	switch {
	case w.idp.InMemory && w.asks(page):
		return "its sessions are gone: password at the next click after δ"
	case !w.idp.InMemory && served(page):
		return fmt.Sprintf("kept, over %v", took)
	}
	t.Errorf("%v after the restart: the session is %+v: %s", took, w.state(a), page)
	return ""
}

// A new key signs: the next refresh and the next log-in are taken.
func rotation(t *testing.T, w *world) string {
	a, how := w.apps[0], "taken"
	w.signIn(a)
	if err := w.idp.RotateKeys(); err != nil {
		t.Fatal(err)
	}
	if w.idp.InMemory {
		how = "taken, by a restart"
		after(time.Now(), longer) // what it has forgotten is noticed, and nothing of it is left
		w.signIn(a)
	} else {
		after(time.Now(), longer)
		w.act(a, "after the key has changed")
	}
	for _, b := range w.apps {
		if b.kind != rp.RefreshToken {
			w.signIn(b)
		}
	}
	other := w.person(t)
	other.signIn(a)
	return how
}
