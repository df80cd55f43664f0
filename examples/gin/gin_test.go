package gin_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/examples/internal/kit"
)

// The values and the flash work as before, and with Tandem a log-out elsewhere ends them.
func TestMoveOfGin(t *testing.T) {
	for _, dir := range []string{"before", "after"} {
		t.Run(dir, func(t *testing.T) {
			idp, listen := kit.StartIDP(t), kit.Address(t)
			base := "http://" + listen
			idp.Register("notes", base)
			kit.Run(t, idp, dir, listen, base)
			ada := idp.Person("ada", base)

			ada.Shows(ada.Get("/"), "Hello Ada, you have 0 books")
			ada.Shows(ada.Post("/loans", url.Values{"book": {"Emma"}}), "Enjoy Emma.", "you have 1 books")
			page := ada.Get("/")
			ada.Shows(page, "you have 1 books")
			if strings.Contains(page.Body, "Enjoy") {
				t.Errorf("the second page still has the flash:\n%s", page.Body)
			}

			idp.LogOutEverywhere("ada")
			if in := ada.SignedIn("/"); in != (dir == "before") {
				t.Errorf("after a log-out at the IdP: signed in %v", in)
			}
		})
	}
}

func TestLinesOfGin(t *testing.T) { kit.CountLines(t, "gin") }
