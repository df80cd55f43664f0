package main

import (
	"net/http"
	"testing"

	"github.com/tandem-sso/tandem/examples/internal/kit"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// The log-in opens the account. A transfer leads to the IdP once more, and to nobody else.
func TestStepUp(t *testing.T) {
	idp, listen := kit.StartIDP(t, func(c *idpmock.Config) {
		c.ACRValues = []string{"urn:example:bronze", "urn:example:gold"}
	}), kit.Address(t)
	base := "http://" + listen
	idp.Register("notes", base)
	kit.Run(t, idp, ".", listen, base)
	ada := idp.Person("ada", base)

	ada.Shows(ada.Get("/"), "The account of ada")
	if ada.SignedIn("/transfer") {
		t.Error("the first log-in opens the transfer")
	}
	if page := ada.Post("/transfer", nil); page.Status != http.StatusUnauthorized {
		t.Errorf("a transfer without the stronger log-in: %d\n%s", page.Status, page.Body)
	}
	page := ada.Get("/transfer")
	ada.Shows(page, "Send")
	if page.URL.String() != base+"/transfer" {
		t.Errorf("after the stronger log-in the browser is at %s", page.URL)
	}
	ada.Shows(ada.Post("/transfer", nil), "ada has sent money.")
}

// An IdP that does not know the stronger log-in is a page that says so. The session stays.
func TestStepUpThatTheIdPDoesNotKnow(t *testing.T) {
	idp, listen := kit.StartIDP(t, func(c *idpmock.Config) {
		c.ACRValues = []string{"urn:example:bronze"}
	}), kit.Address(t)
	base := "http://" + listen
	idp.Register("notes", base)
	kit.Run(t, idp, ".", listen, base)
	ada := idp.Person("ada", base)

	ada.Shows(ada.Get("/"), "The account of ada")
	if page := ada.Get("/transfer"); page.Status != http.StatusForbidden {
		t.Errorf("the page of what is not there: %d\n%s", page.Status, page.Body)
	}
	if !ada.SignedIn("/") {
		t.Error("the session did not stay")
	}
}
