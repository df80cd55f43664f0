package rp_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// A middleware in front of everything guards the log-in by itself: told once in the log, and
// a page instead of a loop whose address grows.
func TestLogInGuardedByItself(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		r := httptest.NewRequest("GET", base+"/auth/login?return_to=%2Fauth%2Flogin", nil)
		r.Header = navigating
		a := w.auth[0].Answer(r, rp.ErrAnonymous)
		if a.Status != http.StatusInternalServerError || a.Header.Get("Location") != "" ||
			!strings.Contains(string(a.Body), "not set up right") {
			t.Errorf("%d %v %s", a.Status, a.Header, a.Body)
		}
		if !w.log.has("RequireLogin guards an endpoint of the library") {
			t.Errorf("the log:\n%s", w.log)
		}
	})
}

// A name that browsers use and that BaseURL does not have is told by name, once, and
// strangers who make names up do not fill the log.
func TestOtherHostIsTold(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		ask := func(host string) {
			r := httptest.NewRequest("GET", "https://"+host+"/auth/login", nil)
			r.Header = navigating
			if err := w.auth[0].StartLogin(httptest.NewRecorder(), r); err != nil {
				t.Error(err)
			}
		}
		const line = "at a host name that is not Config.BaseURL's"
		ask("notes.example")
		ask("NOTES.example:443")
		if n := w.lines(line); n != 0 {
			t.Errorf("BaseURL's own name is told %d times", n)
		}
		for range 3 {
			ask("www.notes.example")
		}
		if n := w.lines(line); n != 1 || !w.log.has("host=www.notes.example") {
			t.Errorf("%d lines:\n%s", n, w.log)
		}
		for i := range 100 {
			ask("x" + strings.Repeat("y", i%50) + ".example")
		}
		if n := w.lines(line); n > 8 {
			t.Errorf("%d lines", n)
		}
	})
}

// A page that hides its origin (Referrer-Policy: no-referrer), in a browser without Fetch
// Metadata: the log-out asks once more, by a form that only this browser can have got.
func TestLogoutFromNowhere(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		nowhere := http.Header{"Origin": {"null"}, "Accept": {"text/html"}}
		v, other := w.visitor("ada"), w.visitor("bob")
		v.login()
		other.login()
		proof := func(v *visitor) string {
			a := v.do("POST", "/auth/logout", url.Values{}, nowhere)
			m := regexp.MustCompile(`name="tandem_proof" value="([^"]+)"`).FindStringSubmatch(a.body)
			if a.status != http.StatusOK || m == nil {
				t.Fatalf("no form: %v", a)
			}
			return m[1]
		}
		theirs := proof(other)
		for _, forged := range []string{"", "x", theirs} {
			if a := v.do("POST", "/auth/logout", url.Values{"tandem_proof": {forged}},
				nowhere); a.status != http.StatusOK {
				t.Errorf("%q: %v", forged, a)
			}
		}
		if a := v.do("POST", "/auth/logout", url.Values{},
			http.Header{"Origin": {"null"}, "Sec-Fetch-Site": {"cross-site"},
				"Accept": {"text/html"}}); a.status != http.StatusForbidden {
			t.Errorf("a sandboxed frame of another site: %v", a)
		}
		w.expectEnds()
		if a := v.do("POST", "/auth/logout", url.Values{"tandem_proof": {proof(v)}},
			nowhere); a.status != http.StatusSeeOther {
			t.Errorf("%v", a)
		}
		w.expectEnds(reason.UserLogout)
	})
}
