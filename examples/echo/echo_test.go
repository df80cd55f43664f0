package echo_test

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"

	"github.com/tandem-sso/tandem/examples/internal/kit"
)

var token = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// The notes, the flash, the CSRF token and the front end of another origin work as before.
// With Tandem a log-out elsewhere gets past the CSRF middleware.
func TestMoveOfEcho(t *testing.T) {
	const frontEnd = "https://www.example"
	for _, dir := range []string{"before", "after"} {
		t.Run(dir, func(t *testing.T) {
			idp, listen := kit.StartIDP(t), kit.Address(t)
			base := "http://" + listen
			idp.Register("notes", base)
			kit.Run(t, idp, dir, listen, base, "FRONT_END="+frontEnd)
			ada := idp.Person("ada", base)
			cors := map[string]string{"Origin": frontEnd, "Sec-Fetch-Site": "same-site"}

			me := ada.Fetch(http.MethodGet, "/api/me", nil, cors)
			if me.Status != http.StatusUnauthorized || me.Header.Get("Access-Control-Allow-Origin") != frontEnd {
				t.Errorf("the front end, not logged in: %d %v", me.Status, me.Header)
			}

			home := ada.Get("/")
			ada.Shows(home, "Hello Ada")
			csrf := token.FindStringSubmatch(home.Body)
			if csrf == nil {
				t.Fatalf("the page has no CSRF token:\n%s", home.Body)
			}
			forged := ada.Fetch(http.MethodPost, "/notes", url.Values{"note": {"forged"}},
				map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site",
					"Sec-Fetch-Mode": "navigate"})
			if forged.Status < 400 || forged.Status > 499 {
				t.Errorf("a form of another site: %d", forged.Status)
			}
			ada.Shows(ada.Post("/notes", url.Values{"note": {"milk"}, "csrf": csrf[1:]}), "<li>milk</li>",
				"The note is kept.")
			ada.Shows(ada.Get("/"), "<li>milk</li>")

			me = ada.Fetch(http.MethodGet, "/api/me", nil, cors)
			ada.Shows(me, `{"name":"Ada"}`)
			if me.Header.Get("Access-Control-Allow-Credentials") != "true" {
				t.Errorf("the front end, logged in: %v", me.Header)
			}

			idp.LogOutEverywhere("ada")
			if in := ada.SignedIn("/"); in != (dir == "before") {
				t.Errorf("after a log-out at the IdP: signed in %v", in)
			}
		})
	}
}

func TestLinesOfEcho(t *testing.T) { kit.CountLines(t, "echo") }
