package opsuite

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

// mutant is a provider that is wrong in one way, and the test that must see it.
type mutant struct {
	caught string // the suite's test, as in "Refresh/rotation"
	change func(*idpmock.Config)
	spoil  func(*idpmock.IDP)
	wrap   func(http.Handler) http.Handler
}

func always(f idpmock.Fault) func(*idpmock.IDP) {
	f.Times = idpmock.Always
	return func(p *idpmock.IDP) { p.Fault(f) }
}

func named(name string) func(*idpmock.IDP) {
	return func(p *idpmock.IDP) {
		f, err := idpmock.NamedFault(name)
		if err != nil {
			panic(err)
		}
		always(f)(p)
	}
}

func everyToken(f idpmock.LogoutFault) func(*idpmock.IDP) {
	return func(p *idpmock.IDP) { p.FaultDelivery(idpmock.DeliveryFault{Token: f, Times: idpmock.Always}) }
}

func everyClient(f func(*idpmock.Client)) func(*idpmock.Config) {
	return func(c *idpmock.Config) {
		for i := range c.Clients {
			f(&c.Clients[i])
		}
	}
}

// requests rewrites requests to a path before the provider sees them.
func requests(path string, f func(*http.Request, url.Values)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == path && r.ParseForm() == nil {
				query := r.URL.Query()
				f(r, query)
				r.URL.RawQuery = query.Encode()
				r.Form = nil // read again
				if r.Method == http.MethodPost {
					r.Form = url.Values{}
					for k, v := range r.PostForm {
						r.Form[k] = v
					}
				}
			}
			next.ServeHTTP(w, r)
		})
	}
}

const good = "Backchannel/every_client_of_the_session_gets_a_good_token"

var mutants = map[string]mutant{
	"PKCE is optional": {caught: "Authorize/no_PKCE_is_refused",
		change: everyClient(func(c *idpmock.Client) { c.PKCEOptional = true })},
	"refresh tokens stay": {caught: "Refresh/rotation", change: everyClient(func(c *idpmock.Client) {
		c.ReusableRefreshTokens = true
	})},
	"reuse is forgiven": {caught: "Refresh/reuse_revokes_the_family", change: func(c *idpmock.Config) {
		c.RefreshReuseGrace = 3600e9
	}},
	"tokens outlive the session": {caught: "EndSession/tokens_end_with_the_session",
		change: func(c *idpmock.Config) { c.CoordinateClientLifetimes = false }},
	"another nonce":                  {caught: "Code/ID_token", spoil: named("oidcc-client-test-nonce-invalid")},
	"another issuer in the ID token": {caught: "Code/ID_token", spoil: named("oidcc-client-test-invalid-iss")},
	"another audience":               {caught: "Code/ID_token", spoil: named("oidcc-client-test-invalid-aud")},
	"a bad signature":                {caught: "Code/ID_token", spoil: named("oidcc-client-test-invalid-sig-rs256")},
	"alg none":                       {caught: "Code/ID_token", spoil: named("oidcc-client-test-idtoken-sig-none")},
	"a wrong at_hash":                {caught: "Code/ID_token", spoil: named("oidcc-client-test-invalid-athash")},
	"no sid": {caught: "Code/ID_token",
		spoil: always(idpmock.Fault{Endpoint: idpmock.EndpointCode, IDToken: idpmock.IDTokenMissingSid})},
	"no auth_time": {caught: "Code/ID_token",
		spoil: always(idpmock.Fault{Endpoint: idpmock.EndpointCode, IDToken: idpmock.IDTokenMissingAuthTime})},
	"somebody else after a refresh": {caught: "Refresh/rotation",
		spoil: named("oidcc-client-test-refresh-token-invalid-sub")},
	"somebody else in userinfo": {caught: "Access/userinfo_is_of_the_same_person",
		spoil: named("oidcc-client-test-userinfo-invalid-sub")},
	"no iss in the redirect": {caught: "Authorize/state_and_iss_come_back",
		spoil: named("fapi2-security-profile-final-client-test-remove-authorization-response-iss")},
	"no state in the redirect": {caught: "Authorize/state_and_iss_come_back",
		spoil: always(idpmock.Fault{Endpoint: idpmock.EndpointCallback, Response: idpmock.RedirectNoState})},
	"no state after sign-out": {caught: "EndSession/with_everything",
		spoil: always(idpmock.Fault{Endpoint: idpmock.EndpointCallback, Response: idpmock.RedirectNoState})},
	"logout tokens get lost": {caught: good, spoil: func(p *idpmock.IDP) {
		p.FaultDelivery(idpmock.DeliveryFault{Lose: true, Times: idpmock.Always})
	}},
	"logout tokens with a nonce":        {caught: good, spoil: everyToken(idpmock.LogoutWithNonce)},
	"logout tokens without exp":         {caught: good, spoil: everyToken(idpmock.LogoutNoExp)},
	"logout tokens that live long":      {caught: good, spoil: everyToken(idpmock.LogoutLongExp)},
	"logout tokens of type JWT":         {caught: good, spoil: everyToken(idpmock.LogoutTypJWT)},
	"logout tokens without sid":         {caught: good, spoil: everyToken(idpmock.LogoutSubOnly)},
	"logout tokens without jti":         {caught: good, spoil: everyToken(idpmock.LogoutNoJti)},
	"logout tokens with two events":     {caught: good, spoil: everyToken(idpmock.LogoutExtraEvent)},
	"logout tokens of another audience": {caught: good, spoil: everyToken(idpmock.LogoutWrongAud)},
	"plain PKCE passes": {caught: "Authorize/plain_PKCE_is_refused",
		wrap: requests(idpmock.PathAuthorize, func(_ *http.Request, q url.Values) {
			if q.Get("code_challenge") != "" {
				q.Set("code_challenge_method", "S256")
			}
		})},
	"a trailing slash is forgiven": {caught: "Authorize/redirect_uri_is_compared_exactly",
		wrap: requests(idpmock.PathAuthorize, func(_ *http.Request, q url.Values) {
			q.Set("redirect_uri", strings.TrimSuffix(q.Get("redirect_uri"), "/"))
		})},
	"the query of a redirect URI is forgiven": {caught: "EndSession/unregistered_redirect_URI",
		wrap: requests(idpmock.PathEndSession, func(_ *http.Request, q url.Values) {
			bare, _, _ := strings.Cut(q.Get("post_logout_redirect_uri"), "?")
			if q.Has("post_logout_redirect_uri") {
				q.Set("post_logout_redirect_uri", bare)
			}
		})},
	"client_id need not fit the hint": {caught: "EndSession/client_id_must_fit_the_hint",
		wrap: requests(idpmock.PathEndSession, func(_ *http.Request, q url.Values) {
			if q.Has("id_token_hint") {
				q.Del("client_id")
				q.Del("post_logout_redirect_uri")
			}
		})},
	"prompt=login is ignored": {caught: "SilentAuthentication/prompt=login_asks_again",
		wrap: requests(idpmock.PathAuthorize, func(_ *http.Request, q url.Values) {
			if q.Get("prompt") == "login" {
				q.Del("prompt")
			}
		})},
	"max_age is ignored": {caught: "SilentAuthentication/max_age=0_asks_again",
		wrap: requests(idpmock.PathAuthorize, func(_ *http.Request, q url.Values) { q.Del("max_age") })},
	"everybody introspects": {caught: "Access/introspection_needs_authentication",
		wrap: requests(idpmock.PathIntrospect, func(r *http.Request, _ url.Values) {
			r.SetBasicAuth("api", "api-secret-0123456789-0123456789")
		})},
	"the redirect URI of a code is ignored": {caught: "Code/redirect_uri_must_be_the_same_again",
		wrap: requests(idpmock.PathToken, func(r *http.Request, _ url.Values) {
			if v := r.PostForm.Get("redirect_uri"); v != "" {
				r.PostForm.Set("redirect_uri", strings.TrimSuffix(v, "/"))
			}
		})},
	"DPoP-bound tokens pass as bearer": {caught: "DPoP/a_bound_token_needs_its_proof",
		wrap: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == idpmock.PathToken {
					r.Header.Del("DPoP") // never bound
				}
				next.ServeHTTP(w, r)
			})
		}},
}

// TestMutants is run by TestSuiteCatchesMutants, in a process of its own.
func TestMutants(t *testing.T) {
	if os.Getenv("OPSUITE_MUTANTS") == "" {
		t.Skip("a part of TestSuiteCatchesMutants")
	}
	for name, m := range mutants {
		t.Run(name, func(t *testing.T) {
			Run(t, func(t *testing.T, c Clients) Target {
				// what is lost is lost
				return Target{Issuer: startMock(t, c, idpmock.JWT, m.change, m.spoil, m.wrap),
					Patience: 200 * time.Millisecond}
			})
		})
	}
}

// A suite is worth what it catches: each provider that is wrong in one way must
// fail the test that is about it.
func TestSuiteCatchesMutants(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: forty runs of the suite")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run", "^TestMutants$", "-test.v")
	cmd.Env = append(os.Environ(), "OPSUITE_MUTANTS=1")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	var exit *exec.ExitError
	if err := cmd.Run(); err == nil || !errors.As(err, &exit) {
		t.Fatalf("no mutant was caught: %v\n%s", err, out.String())
	}
	failed := map[string]bool{}
	for _, m := range regexp.MustCompile(`--- FAIL: TestMutants/(\S+)`).FindAllStringSubmatch(out.String(), -1) {
		failed[m[1]] = true
	}
	for name, m := range mutants {
		if full := strings.ReplaceAll(name, " ", "_") + "/" + m.caught; !failed[full] {
			t.Errorf("%s passes the suite: %s should fail", name, full)
		}
	}
	if t.Failed() {
		t.Logf("%d mutants; failures seen: %v", len(mutants), failed)
	}
}

// startMock serves our provider for the suite, changed as a mutant wants it.
func startMock(t *testing.T, c Clients, format idpmock.AccessTokenType, change func(*idpmock.Config),
	spoil func(*idpmock.IDP), wrap func(http.Handler) http.Handler) string {
	t.Helper()
	var clients []idpmock.Client
	for _, c := range []Client{c.Web, c.Other, c.Public, c.Key, c.API} {
		clients = append(clients, idpmock.Client{ID: c.ID, Secret: c.Secret, AuthMethod: c.AuthMethod, JWKS: c.JWKS,
			RedirectURIs:           c.RedirectURIs,
			PostLogoutRedirectURIs: c.PostLogoutRedirectURIs, BackchannelLogoutURI: c.BackchannelLogoutURI,
			BackchannelSessionRequired: c.BackchannelNeedsSession,
			RefreshTokens:              true, AccessTokenType: format})
	}
	opts := []idptest.Option{idptest.WithClients(clients...)}
	if change != nil {
		opts = append(opts, idptest.WithConfig(change))
	}
	if wrap != nil {
		opts = append(opts, idptest.WithHandler(wrap))
	}
	s := idptest.Start(t, opts...)
	if spoil != nil {
		spoil(s.IDP)
	}
	return s.URL
}
