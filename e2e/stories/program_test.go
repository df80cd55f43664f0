package stories

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

// What a person at a terminal gets from go run ./demo: addresses that work, and a
// sign-in that holds for all three apps. Ctrl-C ends it cleanly.
func TestTheProgram(t *testing.T) {
	t.Parallel()
	q := program.Start(t, nil)
	q.Says("Ctrl-C ends the demo")
	at := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^  (\w[\w ]*\w)\s+(http://\S+)`).FindAllStringSubmatch(q.Output(), -1) {
		at[m[1]] = m[2]
	}
	for _, name := range []string{"Control room", "Notes", "Reports", "Wiki", "API", "IdP"} {
		if at[name] == "" {
			t.Fatalf("no address of %s in:\n%s", name, q.Output())
		}
	}

	p := idptest.NewBrowser(t, nil)
	p.Fill = url.Values{"username": {"ada"}}
	if page := p.Open(at["Control room"]); page.Status != http.StatusOK ||
		!strings.Contains(page.Body, "control room") {
		t.Errorf("the control room: %s", page)
	}
	page := p.Open(at["Notes"] + "/private").Submit()
	for _, name := range []string{"Notes", "Reports", "Wiki"} {
		if name != "Notes" {
			page = p.Open(at[name] + "/private")
		}
		if page.Status != http.StatusOK || page.URL.String() != at[name]+"/private" ||
			!strings.Contains(page.Body, "Ada Lovelace") {
			t.Errorf("%s: %s", name, page)
		}
	}
	for _, name := range []string{"Notes", "Reports"} {
		if page := p.Fetch(http.MethodGet, at[name]+"/call-api"); page.Status != http.StatusOK ||
			!strings.Contains(page.Body, `"ada"`) {
			t.Errorf("/call-api of %s: %s", name, page)
		}
	}
}
