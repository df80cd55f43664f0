package opsuite

import (
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idpmock/idptest"
)

func TestIDPMock(t *testing.T) {
	for _, format := range []idpmock.AccessTokenType{idpmock.JWT, idpmock.Reference} {
		t.Run(string(format), func(t *testing.T) {
			Run(t, func(t *testing.T, c Clients) Target {
				var clients []idpmock.Client
				for _, c := range []Client{c.Web, c.Other, c.Public, c.Key, c.API} {
					clients = append(clients, idpmock.Client{ID: c.ID, Secret: c.Secret, AuthMethod: c.AuthMethod, JWKS: c.JWKS, RedirectURIs: c.RedirectURIs,
						PostLogoutRedirectURIs: c.PostLogoutRedirectURIs, BackchannelLogoutURI: c.BackchannelLogoutURI, BackchannelSessionRequired: c.BackchannelNeedsSession,
						RefreshTokens: true, AccessTokenType: format})
				}
				s := idptest.Start(t, idptest.WithClients(clients...))
				return Target{Issuer: s.URL}
			})
		})
	}
}
