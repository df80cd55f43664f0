package kit

import (
	"net/http/httptest"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// IDP is an IdP on loopback with the people ada and bob.
type IDP struct {
	*idpmock.IDP
	t *testing.T
}

// StartIDP starts one. options may change what it is like.
func StartIDP(t *testing.T, options ...func(*idpmock.Config)) *IDP {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	c := idpmock.Config{
		Issuer: "http://" + server.Listener.Addr().String(), CoordinateClientLifetimes: true,
		Users: []idpmock.User{{Username: "ada", Name: "Ada"}, {Username: "bob", Name: "Bob"}},
	}
	for _, option := range options {
		option(&c)
	}
	idp, err := idpmock.New(c)
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = idp.Handler()
	server.Start()
	t.Cleanup(func() {
		idp.Close()
		server.Close()
	})
	return &IDP{idp, t}
}

// Register makes an app at base known: its addresses with Tandem, and those that it had
// before.
func (p *IDP) Register(id, base string) {
	p.t.Helper()
	err := p.SetClient(idpmock.Client{
		ID: id, Secret: "s3cret", RefreshTokens: true,
		RedirectURIs:           []string{base + "/auth/callback", base + "/callback"},
		PostLogoutRedirectURIs: []string{base + "/auth/logged-out", base + "/"},
		BackchannelLogoutURI:   base + "/auth/backchannel-logout",
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// LogOutEverywhere is an administrator who ends all sessions of a person at the IdP. It
// returns when every app has been told.
func (p *IDP) LogOutEverywhere(user string) {
	p.t.Helper()
	if p.EndUser(user) == 0 {
		p.t.Fatalf("%s has no session at the IdP", user)
	}
	if err := p.Settle(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
}
