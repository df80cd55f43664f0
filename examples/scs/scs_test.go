package scs_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/examples/internal/kit"
)

// Behind the proxy the values and the flash work as before. With Tandem a log-out elsewhere
// ends the session; the person's next log-in finds the values again, another person's does not.
func TestMoveOfSCS(t *testing.T) {
	for _, dir := range []string{"before", "after"} {
		t.Run(dir, func(t *testing.T) {
			idp, listen := kit.StartIDP(t), kit.Address(t)
			base := proxy(t, listen)
			idp.Register("notes", base)
			kit.Run(t, idp, dir, listen, base)
			ada := idp.Person("ada", base)

			ada.Shows(ada.Get("/"), "Hello Ada", "Welcome back.")
			page := ada.Post("/add", url.Values{"note": {"milk"}})
			ada.Shows(page, "<li>milk</li>", "Hello Ada")
			if strings.Contains(page.Body, "Welcome") {
				t.Errorf("the second page still has the flash:\n%s", page.Body)
			}

			idp.LogOutEverywhere("ada")
			if in := ada.SignedIn("/"); in != (dir == "before") {
				t.Errorf("after a log-out at the IdP: signed in %v", in)
			}
			if dir == "before" {
				return
			}
			ada.Shows(ada.Get("/"), "<li>milk</li>", "Welcome back.")
			idp.LogOutEverywhere("ada")
			bob := ada.As("bob")
			page = bob.Get("/")
			bob.Shows(page, "Hello Bob")
			if strings.Contains(page.Body, "milk") {
				t.Errorf("another person in the same browser sees:\n%s", page.Body)
			}
		})
	}
}

func TestLinesOfSCS(t *testing.T) { kit.CountLines(t, "scs") }
