package adaptertest

import (
	"net/http"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/activity"
)

// Marks decide what is activity: a poll never keeps anybody signed in; a fetch of a route
// that is marked Active does.
func testMarks(t *testing.T, a *app) {
	b := a.browser()
	b.login("/auth")
	b.expect(b.do("GET", "/feed", navigate), 200, "ada passive")
	b.expect(b.do("GET", "/image", image), 200, "ada passive") // no mark makes activity of it
	script := fetch.Clone()
	script.Set(activity.Header, "passive") // what a script says of itself is less than the mark
	b.expect(b.do("GET", "/image", script), 200, "ada active")
	b.expect(b.do("GET", "/private", script), 200, "ada passive")
	for range 3 {
		time.Sleep(25 * time.Minute)
		b.expect(b.do("GET", "/image", script), 200, "ada active")
	}
	for range 29 {
		time.Sleep(time.Minute)
		b.do("GET", "/feed", navigate)
	}
	b.expect(b.do("GET", "/auth/session", fetch), 200, `"live"`)
	time.Sleep(time.Minute)
	b.expect(b.do("GET", "/feed", fetch), 401, `"idle"`)
}

// Config.Classify goes before every mark.
func testClassify(t *testing.T, build Build) {
	a := newApp(t, build, func(c *rp.Config) {
		c.Classify = func(r *http.Request) (activity.Class, bool) {
			switch r.Header.Get("X-Class") {
			case "active":
				return activity.Active, true
			case "passive":
				return activity.Passive, true
			}
			return activity.Passive, false
		}
	})
	b := a.browser()
	b.login("/auth")
	for _, row := range []struct{ path, header, want string }{
		{"/feed", "active", "active"}, {"/feed", "", "passive"}, {"/image", "passive", "passive"},
		{"/image", "", "active"}, {"/private", "passive", "passive"}, {"/private", "", "active"},
	} {
		b.expect(b.do("GET", row.path, http.Header{"X-Class": {row.header}}), 200, "ada "+row.want)
	}
}
