package opsuite

import (
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/opsuite/oidcprovider"
)

// The suite against npm's oidc-provider, an OpenID certified provider that
// shares nothing with ours: it shows that the suite tests the protocol. It needs
// node 20; -short leaves it out.
func TestOIDCProvider(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: needs node and npm")
	}
	Run(t, func(t *testing.T, c Clients) Target {
		return Target{Issuer: oidcprovider.Start(t, "oidcprovider", oidcprovider.Config{
			Clients: []any{c.Web, c.Other, c.Public, c.Key, c.API}, Wide: true,
		})}
	})
}
