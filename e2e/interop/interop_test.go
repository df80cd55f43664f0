package interop

import (
	"fmt"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/e2e/driver/foreign"
	"github.com/tandem-sso/tandem/rp"
)

// TestInterop is the lane.
func TestInterop(t *testing.T) {
	if os.Getenv("TANDEM_INTEROP") == "" {
		t.Skip("fetches and runs real IdPs for minutes: make interop")
	}
	programs := guides(t)
	m := &matrix{}
	for _, p := range foreign.Providers {
		t.Run(p.Name, func(t *testing.T) {
			w := newWorld(t, p, programs)
			m.begin(p, w.idp)
			rows(t, w, m.of(p.Name))
		})
	}
	m.write(t)
}

// rows are run by people with a browser each, all at once; then what disturbs them all, one
// after another.
func rows(t *testing.T, w *world, note func(row, say string)) {
	type row struct {
		name string
		run  func(*testing.T, *world) string
	}
	people := []row{
		{"log-in, all three kinds", logIn},
		{"stays while active, 2 W", stays},
		{"50 requests at once", together},
		{"second log-in in one browser", again},
		{"log-out at an app: out at the IdP", logOut},
		{"log-out at another app", elsewhere},
		{"log-out in one of two browsers", twoBrowsers},
		{"nobody acts: the last poll that is served", idle},
		{"nobody acts: a click after W + δ", idleClick},
	}
	disturbances := []row{
		{"outage of the IdP", outage},
		{"restart of the IdP", restart},
		{"key rotation", rotation},
	}
	said := make([]string, len(people))
	t.Run("people", func(t *testing.T) {
		for i, row := range people {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				said[i] = "**fails**"
				said[i] = row.run(t, w.person(t))
				if t.Failed() {
					said[i] = "**fails**"
				}
			})
		}
	})
	for i, row := range people {
		note(row.name, said[i])
	}
	for _, row := range disturbances {
		say := "**fails**"
		t.Run(row.name, func(t *testing.T) {
			if got := row.run(t, w.person(t)); !t.Failed() {
				say = got
			}
		})
		note(row.name, say)
	}
}

// One password, three apps.
func logIn(t *testing.T, w *world) string {
	w.signIn(w.apps[0])
	for _, a := range w.apps[1:] {
		page := w.Open(a.base + "/private")
		if w.asks(page) {
			t.Errorf("%s: asks for the password once more: %s", a.id, page)
		}
		if page = w.through(a, page); !served(page) {
			t.Errorf("%s: not served: %s", a.id, page)
		}
	}
	return "yes, one password"
}

// each runs something for each kind of client at once, and joins what is said.
func each(t *testing.T, w *world, run func(*testing.T, *world, *app) string) string {
	said := make([]string, len(w.apps))
	t.Run("kinds", func(t *testing.T) {
		for i, a := range w.apps {
			t.Run(a.id, func(t *testing.T) {
				t.Parallel()
				said[i] = "**fails**"
				said[i] = run(t, w.person(t), a)
			})
		}
	})
	return join(said)
}

// Who acts every δ stays beyond W.
func stays(t *testing.T, w *world) string {
	return each(t, w, func(t *testing.T, w *world, a *app) string {
		w.signIn(a)
		since := time.Now()
		for time.Since(since) < 2*window {
			w.act(a, "after "+time.Since(since).String())
			<-time.After(delta / 2)
		}
		n := w.seen(a, since, signalled)
		if n < 3 {
			t.Errorf("told the IdP %d times in %v", n, time.Since(since))
		}
		return "yes"
	})
}

// Fifty requests at the moment when a signal is due: one refresh, and nobody is out.
func together(t *testing.T, w *world) string {
	a := w.apps[0]
	w.signIn(a)
	after(time.Now(), longer)
	since := time.Now()
	var all sync.WaitGroup
	var mu sync.Mutex
	refused := 0
	for range 50 {
		all.Go(func() {
			if page := w.Fetch(http.MethodGet, a.base+"/private"); page.Status != http.StatusOK {
				mu.Lock()
				defer mu.Unlock()
				refused++
			}
		})
	}
	all.Wait()
	after(time.Now(), time.Second) // a signal may run beside the requests
	n := w.seen(a, since, refresh)
	if refused > 0 || n > 1 {
		t.Errorf("%d of 50 were refused, %d refreshes", refused, n)
	}
	w.act(a, "after 50 requests at once")
	after(time.Now(), longer)
	w.act(a, "at the signal after 50 requests at once")
	return fmt.Sprintf("all served, %d refresh", n)
}

// A second log-in in the same browser: what becomes of the first must not hurt the second.
func again(t *testing.T, w *world) string {
	return each(t, w, func(t *testing.T, w *world, a *app) string {
		w.signIn(a)
		if page := w.through(a, w.Open(a.base+"/auth/login?return_to=/private")); !served(page) {
			t.Fatalf("the second log-in: %s", page)
		}
		for range 3 {
			after(time.Now(), longer)
			w.act(a, "after a second log-in")
		}
		return "stays"
	})
}

// A log-out here is one there: the next log-in asks for the password.
func logOut(t *testing.T, w *world) string {
	return each(t, w, func(t *testing.T, w *world, a *app) string {
		w.signIn(a)
		w.logOut(a)
		if page := w.Open(a.base + "/private"); !w.asks(page) {
			t.Errorf("after the log-out no password is asked for: %s", page)
		}
		return "out there too"
	})
}

// A log-out at one app ends the others: by a logout token, or at the next click.
func elsewhere(t *testing.T, w *world) string {
	for _, a := range w.apps {
		w.signIn(a)
	}
	since := time.Now()
	w.logOut(w.apps[0])
	var said []string
	told := w.seenLogoutTokens()
	for _, a := range w.apps[1:] {
		if told {
			d, ok := until(since, slack+5*time.Second, func() bool { return w.state(a).State == "ended" })
			if !ok {
				t.Errorf("%s: not ended %v after the log-out elsewhere", a.id, d)
			}
			if got := w.state(a); got.Reason != "backchannel_logout" {
				t.Errorf("%s: %+v", a.id, got)
			}
			said = append(said, "logout token, "+d.Round(10*time.Millisecond).String())
			continue
		}
		after(since, longer)
		if page := w.Open(a.base + "/private"); !w.asks(page) {
			t.Errorf("%s: %v after a log-out elsewhere no password is asked for: %s", a.id, time.Since(since), page)
		}
		said = append(said, "at the next click after δ")
	}
	return join(said)
}

// One person, two browsers: a log-out in the older one ends the sessions there, and not those
// of the newer one.
func twoBrowsers(t *testing.T, w *world) string {
	a, other := w.apps[0], w.elsewhere()
	w.signIn(a)
	other.signIn(a)
	page, _ := w.leave(a)
	after(time.Now(), longer)
	if got := other.state(a); got.State != "live" {
		t.Errorf("the other browser: %+v", got)
	}
	if page.Status >= 400 {
		return fmt.Sprintf("the IdP answers %d and stays logged in", page.Status)
	}
	if page := w.Open(a.base + "/private"); !w.asks(page) {
		t.Errorf("after the log-out no password is asked for: %s", page)
	}
	return "out in that one"
}

// seenLogoutTokens reports whether the IdP says that it sends logout tokens.
func (w *world) seenLogoutTokens() bool {
	w.t.Helper()
	var says struct {
		Backchannel bool `json:"backchannel_logout_supported"`
	}
	w.json(w.idp.Issuer+"/.well-known/openid-configuration", &says)
	return says.Backchannel
}

// Nobody acts: polls go on, and none is served longer than W + δ after the last action.
func idle(t *testing.T, w *world) string {
	return each(t, w, func(t *testing.T, w *world, a *app) string {
		w.signIn(a)
		after(time.Now(), longer)
		w.act(a, "as the last action")
		since := time.Now()
		d, ok := until(since, window+delta+slack, func() bool { return !w.passive(a) })
		if !ok {
			t.Errorf("a poll is served %v after the last action, want at most W + δ = %v", d, window+delta)
		}
		if d < window-2*delta {
			t.Errorf("a poll is refused %v after the last action already", d)
		}
		return d.Round(100 * time.Millisecond).String()
	})
}

// Nobody does anything at all, not even a poll: the click after that needs the password.
func idleClick(t *testing.T, w *world) string {
	return each(t, w, func(t *testing.T, w *world, a *app) string {
		w.signIn(a)
		after(time.Now(), longer)
		w.act(a, "as the last action")
		after(time.Now(), window+delta+time.Second)
		page := w.Open(a.base + "/private")
		if !w.asks(page) {
			t.Errorf("%v after the last action no password is asked for: %s", window+delta+time.Second, page)
		}
		return "password"
	})
}

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

// Sessions of an IdP that keeps them survive its restart here, too.
func restart(t *testing.T, w *world) string {
	if w.idp.Restart == nil {
		return "its sessions are in memory"
	}
	a := w.apps[0]
	w.signIn(a)
	w.idp.Restart()
	if got := w.state(a); got.State != "live" {
		t.Errorf("a restart has ended the session: %+v", got)
	}
	// A start that takes longer than W is an idle end, and no fault.
	page := w.Open(a.base + "/private")
	if served(page) {
		return "kept"
	}
	if !w.asks(page) {
		t.Errorf("after the restart: %s", page)
	}
	return "took longer than W: password"
}

// A new key signs: the next refresh and the next log-in are taken.
func rotation(t *testing.T, w *world) string {
	if w.idp.RotateKeys == nil {
		return "only by a restart"
	}
	a := w.apps[0]
	w.signIn(a)
	if err := w.idp.RotateKeys(); err != nil {
		t.Fatal(err)
	}
	after(time.Now(), longer)
	w.act(a, "after the key has changed")
	for _, b := range w.apps {
		if b.kind != rp.RefreshToken {
			w.signIn(b)
		}
	}
	other := w.person(t)
	other.signIn(a)
	return "taken"
}
