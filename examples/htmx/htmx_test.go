package htmx_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/examples/internal/kit"
)

// htmx gets its fragments as before, and after the end an address to go to instead of a page
// of the IdP in the middle of the list. A poll gets none: it would log in by itself.
func TestMoveOfHTMX(t *testing.T) {
	for _, dir := range []string{"before", "after"} {
		t.Run(dir, func(t *testing.T) {
			idp, listen := kit.StartIDP(t), kit.Address(t)
			base := "http://" + listen
			idp.Register("notes", base)
			kit.Run(t, idp, dir, listen, base)
			ada := idp.Person("ada", base)
			htmx := map[string]string{"HX-Request": "true", "HX-Current-URL": base + "/"}
			add := func(thing string) *kit.Page {
				return ada.Fetch(http.MethodPost, "/add", url.Values{"thing": {thing}}, htmx)
			}

			ada.Shows(ada.Get("/"), "Hello Ada")
			if page := add("wash up"); page.Status != http.StatusOK ||
				strings.TrimSpace(page.Body) != "<li>wash up</li>" {
				t.Errorf("htmx got %d %q", page.Status, page.Body)
			}
			ada.Shows(ada.Get("/"), "<li>wash up</li>", "1 to do")
			ada.Shows(ada.Fetch(http.MethodGet, "/count", nil, htmx), "1 to do")
			if dir == "before" {
				return
			}

			idp.LogOutEverywhere("ada")
			page := add("cook")
			if to := page.Header.Get("HX-Redirect"); page.Status != http.StatusUnauthorized ||
				to != "/auth/login?return_to=%2F" {
				t.Errorf("htmx after the end: %d, HX-Redirect %q", page.Status, to)
			}
			page = ada.Fetch(http.MethodGet, "/count", nil, htmx)
			if to := page.Header.Get("HX-Redirect"); page.Status != http.StatusUnauthorized || to != "" {
				t.Errorf("a poll after the end: %d, HX-Redirect %q", page.Status, to)
			}
			if ada.SignedIn("/") {
				t.Error("after a log-out at the IdP: signed in")
			}
		})
	}
}

func TestLinesOfHTMX(t *testing.T) { kit.CountLines(t, "htmx") }
