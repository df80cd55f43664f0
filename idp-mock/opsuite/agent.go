package opsuite

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

// agent is a browser of one person, who says yes to everything. It stops where the
// provider sends it to a client.
type agent struct {
	*idptest.Browser
	t *testing.T
	s *suite
}

func (s *suite) agent(t *testing.T, user string) *agent {
	var network http.RoundTripper
	if s.target.HTTP != nil {
		network = s.target.HTTP.Transport
	}
	b := idptest.NewBrowser(t, network)
	b.Fill = url.Values{"username": {user}, "login": {user}, "password": {"any"}}
	b.Stop = func(to *url.URL) bool { return strings.HasPrefix(to.String(), s.rp.URL) }
	return &agent{b, t, s}
}

// settle submits forms until the provider sends the browser to a client or shows
// a page without a form.
func (a *agent) settle(p *idptest.Page) *idptest.Page {
	a.t.Helper()
	for range 10 {
		if p.To != nil || p.Status >= 400 || !strings.Contains(p.Body, "<form") {
			return p
		}
		p = p.Submit()
	}
	a.t.Fatalf("the provider shows forms for ever: %s", p)
	return nil
}

// pkce of all tests: the pair of RFC 7636 appendix B.
const (
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// request is a good authorization request, changed by pairs of name and value;
// an empty value removes.
func (s *suite) request(c Client, change ...string) url.Values {
	v := url.Values{"client_id": {c.ID}, "response_type": {"code"}, "redirect_uri": {c.RedirectURIs[0]},
		"scope": {"openid"}, "state": {"state-1"}, "nonce": {"nonce-1"},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"}, "max_age": {"3600"}}
	for i := 0; i+1 < len(change); i += 2 {
		if v.Del(change[i]); change[i+1] != "" {
			v.Set(change[i], change[i+1])
		}
	}
	return v
}

// authorize opens an authorization request without filling any form.
func (a *agent) authorize(v url.Values) *idptest.Page {
	a.t.Helper()
	return a.Open(a.s.meta.Authorize + "?" + v.Encode())
}

// code signs in for the client and returns the code.
func (a *agent) code(c Client, change ...string) string {
	a.t.Helper()
	p := a.settle(a.authorize(a.s.request(c, change...)))
	if p.To == nil || p.To.Query().Get("code") == "" {
		a.t.Fatalf("no code: %d %v\n%s", p.Status, p.To, p.Body)
	}
	return p.To.Query().Get("code")
}

// login is the whole code flow.
func (a *agent) login(c Client, change ...string) answer {
	a.t.Helper()
	got := a.s.exchange(a.t, c, a.code(c, change...))
	if got.status != http.StatusOK {
		a.t.Fatalf("code exchange: %v", got)
	}
	return got
}

// signedIn reports whether the person has a session at the provider.
func (a *agent) signedIn(c Client) bool {
	a.t.Helper()
	p := a.authorize(a.s.request(c, "prompt", "none"))
	if p.To == nil {
		a.t.Fatalf("prompt=none must always lead back: %d\n%s", p.Status, p.Body)
	}
	return p.To.Query().Get("code") != ""
}
