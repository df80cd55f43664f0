package interop

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
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
	m := newMatrix()
	columns := make([]*column, len(foreign.Providers))
	measure := func(i int) func(*testing.T) {
		return func(t *testing.T) {
			if !foreign.Providers[i].Java {
				t.Parallel()
			}
			w := newWorld(t, foreign.Providers[i], programs)
			columns[i] = &column{version: w.idp.Version}
			rows(t, w, columns[i])
		}
	}
	for _, java := range []bool{false, true} { // of those that need much memory one at a time
		t.Run(map[bool]string{false: "small", true: "Java"}[java], func(t *testing.T) {
			for i, p := range foreign.Providers {
				if p.Java == java {
					t.Run(p.Name, measure(i))
				}
			}
		})
	}
	for i, c := range columns {
		if c != nil {
			m.add(foreign.Providers[i].Name, c)
		}
	}
	m.write(t)
}

// row is one of the matrix.
type row struct {
	name string
	run  func(*testing.T, *world) string
}

var (
	// people have a browser each, and do it all at once.
	people = []row{
		{"log-in, all three kinds", logIn},
		{"stays, with an action every W − δ", stays},
		{"works in another app only", quiet},
		{"50 requests at once, as a signal is due", together},
		{"50 requests at once, as the token has run out", rotating},
		{"second log-in in one browser", again},
		{"log-out at an app: out at the IdP", logOut},
		{"log-out at another app", elsewhere},
		{"log-out at the IdP itself", there},
		{"log-out in one of two browsers", twoBrowsers},
		{fmt.Sprintf("nobody acts: polls are served until; W + δ is %.0fs", (window + delta).Seconds()), idle},
		{"nobody acts: a click after W + δ", idleClick},
		{"its session ends after the last visit", exactly},
		{"a refresh extends its session", measureRefresh},
		{"userinfo extends its session", measureUserinfo},
		{"after its session has run out", measureEnd},
		{"a bare client, at a log-out there", measureLogOut},
		{"a refresh brings a new refresh token", measureRotation},
		{"its check_session_iframe", frame},
		{"control room, client with refresh token", tried(0)},
		{"control room, client with access token", tried(1)},
	}
	// conclusions hold what is said of it against it, when it has been seen.
	conclusions = []row{
		{"what the control room says", agrees},
		{"what the guide's program supposes", guideAgrees},
		{"the times in the guide", guideTimes},
		{"what -diagnose says", diagnosed},
	}
	// disturbances disturb all, one thing after another.
	disturbances = []row{
		{"outage of the IdP", outage},
		{"key rotation", rotation},
		{"restart of the IdP", restart},
	}
)

// rows runs those of one IdP. A row that is filtered out (go test -run) is not noted, and the page
// keeps what it had.
func rows(t *testing.T, w *world, c *column) {
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
		c.note(row.name, said[i])
	}
	for _, row := range slices.Concat(conclusions, disturbances) {
		say := ""
		t.Run(row.name, func(t *testing.T) {
			say = "**fails**"
			if got := row.run(t, w.person(t)); !t.Failed() {
				say = got
			}
		})
		c.note(row.name, say)
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

// seldom is W − δ, with δ at its longest, and a little time to act.
const seldom = window - delta*11/10 - 2*time.Second

// Who acts every W − δ stays beyond W.
func stays(t *testing.T, w *world) string {
	return each(t, w, func(t *testing.T, w *world, a *app) string {
		w.signIn(a)
		since := time.Now()
		for n := time.Duration(1); n <= 3; n++ {
			after(since, n*seldom)
			w.act(a, "after "+time.Since(since).String())
		}
		after(time.Now(), time.Second) // a signal may run beside the request
		if n := w.seen(a, since, signalled); n < 3 {
			t.Errorf("told the IdP %d times in %v", n, time.Since(since))
		}
		return fmt.Sprintf("yes, for %v", time.Since(since).Round(time.Second))
	})
}

// Who works in one app only is not out in another: its next click is served without a password.
func quiet(_ *testing.T, w *world) string {
	busy, rests := w.apps[1], w.apps[0] // that of the guide rests
	w.signIn(rests)
	w.signIn(busy)
	since := time.Now()
	for n := time.Duration(1); n <= 2; n++ {
		after(since, n*seldom)
		w.act(busy, "after "+time.Since(since).String())
	}
	after(since, window+delta+time.Second)
	w.act(rests, "after more than W in another app only")
	return "served at the next click"
}

// The access token has run out, and fifty requests need one: one refresh, and nobody is out.
func rotating(t *testing.T, w *world) string {
	a := w.brief
	w.signIn(a)
	after(time.Now(), brief+time.Second)
	since := time.Now()
	var all sync.WaitGroup
	var refused atomic.Int32
	for range 50 {
		all.Go(func() {
			if page := w.Fetch(http.MethodGet, a.base+"/token"); page.Status != http.StatusOK {
				t.Logf("%s", page)
				refused.Add(1)
			}
		})
	}
	all.Wait()
	n := w.seen(a, since, refresh)
	if refused.Load() > 0 || n != 1 {
		t.Errorf("%d of 50 were refused, %d refreshes", refused.Load(), n)
	}
	after(time.Now(), brief+time.Second)
	if page := w.Fetch(http.MethodGet, a.base+"/token"); page.Status != http.StatusOK {
		t.Errorf("at the next refresh: %s", page)
	}
	return fmt.Sprintf("all served, %d refresh", n)
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
	return told(t, w, w.apps[1:], since)
}

// A log-out at the IdP itself ends all.
func there(t *testing.T, w *world) string {
	for _, a := range w.apps {
		w.signIn(a)
	}
	since := time.Now()
	w.leaveThere()
	return told(t, w, w.apps, since)
}

// told reports how apps learn of a log-out.
func told(t *testing.T, w *world, apps []*app, since time.Time) string {
	t.Helper()
	var said []string
	tokens := w.seenLogoutTokens()
	for _, a := range apps {
		if tokens {
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
		return fmt.Sprintf("%.1fs", d.Seconds())
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
