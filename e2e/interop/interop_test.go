package interop

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/foreign"
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
