package main

import (
	"encoding/json"
	"net"
	"net/http"
	"testing"

	"github.com/tandem-sso/tandem/examples/internal/kit"
)

// Two people with the same name, at two IdPs, have nothing to do with each other, though one
// store keeps both. A third tenant's IdP that is down concerns nobody else.
func TestTenants(t *testing.T) {
	acme, globex, listen := kit.StartIDP(t), kit.StartIDP(t), kit.Address(t)
	_, port, _ := net.SplitHostPort(listen)
	base := func(name string) string { return "http://" + name + ".localhost:" + port }
	var list []map[string]string
	for name, issuer := range map[string]string{"acme": acme.Issuer(), "globex": globex.Issuer(), "initech": "http://" +
		kit.Address(t)} {
		list = append(list, map[string]string{"Name": name, "BaseURL": base(name), "Issuer": issuer, "ClientID": name,
			"ClientSecret": "s3cret"})
	}
	tenants, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	acme.Register("acme", base("acme"))
	globex.Register("globex", base("globex"))
	kit.Run(t, acme, ".", listen, "", "TENANTS="+string(tenants))

	ada, other := acme.Person("ada", base("acme")), globex.Person("ada", base("globex"))
	ada.Await("/")
	other.Await("/")
	ada.Shows(ada.Get("/"), "acme: hello ada of "+acme.Issuer())
	if other.SignedIn("/") {
		t.Error("a log-in at one tenant opens another")
	}
	other.Shows(other.Get("/"), "globex: hello ada of "+globex.Issuer())

	// The cookie of one tenant, shown to the other, is that of nobody.
	thief := globex.Person("ada", base("globex"))
	stolen := ada.Cookies("/")
	for _, c := range stolen {
		thief.SetCookie("/", c)
	}
	if len(stolen) == 0 || len(thief.Cookies("/")) != len(stolen) {
		t.Fatalf("nothing was stolen: %v", stolen)
	}
	if thief.SignedIn("/") {
		t.Error("a cookie of one tenant opens another")
	}

	acme.LogOutEverywhere("ada")
	if ada.SignedIn("/") {
		t.Error("a log-out at the tenant's IdP does not end the session")
	}
	if !other.SignedIn("/") {
		t.Error("a log-out at one tenant's IdP ends another's session")
	}

	if page := acme.Person("ada", base("initech")).Get("/"); page.Status != http.StatusServiceUnavailable {
		t.Errorf("a tenant whose IdP is down: %d", page.Status)
	}
	if page := acme.Person("ada", base("umbrella")).Get("/"); page.Status != http.StatusMisdirectedRequest {
		t.Errorf("a tenant that nobody knows: %d", page.Status)
	}
}
