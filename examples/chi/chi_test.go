package chi_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/examples/internal/kit"
)

// The visitor's cart is still there after the log-in, and so is a flash for one page. With
// Tandem a log-out elsewhere takes both.
func TestMoveOfChi(t *testing.T) {
	for _, dir := range []string{"before", "after"} {
		t.Run(dir, func(t *testing.T) {
			idp, listen := kit.StartIDP(t), kit.Address(t)
			base := "http://" + listen
			idp.Register("notes", base)
			kit.Run(t, idp, dir, listen, base)
			ada := idp.Person("ada", base)

			ada.Shows(ada.Post("/cart", url.Values{"item": {"tea"}}), "<li>tea</li>", "Log in")
			ada.Shows(ada.Get("/checkout"), "<li>tea</li>", "Hello Ada")
			ada.Shows(ada.Post("/cart", url.Values{"item": {"milk"}}), "<li>tea</li>", "<li>milk</li>", "Hello Ada")
			ada.Shows(ada.Post("/order", nil), "Thank you")
			if page := ada.Get("/checkout"); strings.Contains(page.Body, "Thank you") ||
				strings.Contains(page.Body, "<li>") {
				t.Errorf("the second page after the order still has the flash or the cart:\n%s", page.Body)
			}

			ada.Post("/cart", url.Values{"item": {"gift"}})
			idp.LogOutEverywhere("ada")
			if in := ada.SignedIn("/checkout"); in != (dir == "before") {
				t.Errorf("after a log-out at the IdP: signed in %v", in)
			}
			if page := ada.Get("/"); strings.Contains(page.Body, "gift") != (dir == "before") {
				t.Errorf("after a log-out at the IdP the page is:\n%s", page.Body)
			}
		})
	}
}

func TestLinesOfChi(t *testing.T) { kit.CountLines(t, "chi") }
