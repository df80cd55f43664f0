package rp_test

import (
	"crypto"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// banking is a client of a FAPI 2.0 server: it may push only, has a key, and its tokens are
// bound.
func banking(t *testing.T, profile string, s setup) setup {
	idp, client := s.idp, s.client
	s.idp = func(c *idpmock.Config) {
		c.RequirePAR = true
		if idp != nil {
			idp(c)
		}
	}
	s.client = func(c *idpmock.Client) {
		c.DPoPBound, c.AuthMethod = true, "private_key_jwt"
		c.RequireJAR = profile == "fapi2-message-signing"
		if client != nil {
			client(c)
		}
	}
	config := s.config
	s.config = func(c *rp.Config) {
		c.Profile = profile
		if config != nil {
			config(c)
		}
	}
	s = keyed(t, s)
	return s
}

// One option is the whole profile: log-in, API calls and refreshes with all that it demands,
// and nonces of both servers. Suite: fapi2-security-profile-final-client-test-happy-path,
// fapi2-message-signing-final-client-test-….
func TestFAPI(t *testing.T) {
	for _, profile := range []string{"fapi2", "fapi2-message-signing"} {
		for _, kind := range []rp.Kind{rp.RefreshToken, rp.ReferenceToken, rp.NoToken} {
			t.Run(fmt.Sprint(profile, " ", kind), func(t *testing.T) {
				api := newBoundAPI()
				api.nonce = "n"
				s := banking(t, profile, setup{kind: kind, api: api, idp: noncing, client: func(c *idpmock.Client) {
					c.AccessTokenType, c.AccessTokenLifetime = idpmock.JWT, 5*time.Minute
				}})
				inBubble(t, s, func(t *testing.T, w *world) {
					v := w.visitor("ada")
					to := v.start("/auth/login?return_to=/private")
					pushed(t, to)
					back := v.authorize(to)
					if signed := query(back).Has("response"); signed != (profile == "fapi2-message-signing") ||
						signed && query(back).Has("code") {
						t.Errorf("the answer: %s", back)
					}
					if a := v.get(back); a.status != http.StatusSeeOther || a.location() != "/private" {
						t.Fatalf("%v", a)
					}
					w.found("hardening", profile, "pushed", "authenticates with its key", "bound to a key")
					if kind == rp.NoToken {
						return
					}
					if status, _, err := w.calls(v, "/run", whoami); status != 200 || err != nil {
						t.Errorf("%d %v %q", status, err, api.faults)
					}
					if kind == rp.RefreshToken {
						time.Sleep(6 * time.Minute)
						if status, _, err := w.calls(v, "/run", whoami); status != 200 || err != nil {
							t.Errorf("after a refresh: %d %v %q", status, err, api.faults)
						}
					}
					if len(api.faults) > 0 {
						t.Errorf("%q", api.faults)
					}
				})
			})
		}
	}
}

const fapiModule = "fapi2-security-profile-final-client-test-"

// Section H, the modules of FAPI 2.0 that spoil an answer: who gets in, and who does not.
func TestFAPIModules(t *testing.T) {
	accepted := map[string]bool{"valid-aud-as-array": true, "token-type-case-insensitivity": true,
		"token-endpoint-response-without-expires_in": true}
	seen := 0
	for _, profile := range []string{"fapi2", "fapi2-message-signing"} {
		for _, name := range idpmock.FaultNames() {
			module, ours := strings.CutPrefix(name, fapiModule)
			if !ours {
				continue
			}
			seen++
			if profile == "fapi2-message-signing" && strings.Contains(module, "authorization-response") {
				continue // the answer is signed: TestJARMForged, TestResponse
			}
			t.Run(profile+" "+module, func(t *testing.T) {
				fault, err := idpmock.NamedFault(name)
				if err != nil {
					t.Fatal(err)
				}
				inBubble(t, banking(t, profile, setup{config: func(c *rp.Config) {
					c.UserinfoClaims = true
				}}), func(t *testing.T, w *world) {
					v := w.visitor("ada")
					to := v.start("/auth/login?return_to=/private")
					w.idp.Fault(fault)
					a := v.get(v.authorize(to))
					in := a.status == http.StatusSeeOther && a.location() == "/private" && v.id() != ""
					if in != accepted[module] {
						t.Errorf("%v", a)
					}
					if userinfo := w.idp.Count(idpmock.EndpointUserinfo, "notes"); !in && userinfo > 0 {
						t.Error("userinfo was asked with a token that came beside a bad ID token")
					}
				})
			})
		}
	}
	if seen < 30 {
		t.Errorf("%d modules: the catalogue has another name for them", seen)
	}
}

// fapi2-…-client-refresh-token-test: the API refuses a token twice, and each time a refresh
// with the rotated token brings the next one.
func TestFAPIRefreshModule(t *testing.T) {
	refused := 0
	good := newBoundAPI()
	api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refused%2 == 0 { // the first token of each round
			refused++
			w.Header().Set("WWW-Authenticate", `DPoP error="invalid_token"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		refused++
		good.ServeHTTP(w, r)
	})
	inBubble(t, banking(t, "fapi2", setup{api: api}), func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		for range 2 {
			if status, _, err := w.calls(v, "/run", whoami); status != 200 || err != nil {
				t.Errorf("%d %v", status, err)
			}
			time.Sleep(2 * time.Minute)
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 2)
		if len(good.jkts) != 2 || len(good.faults) > 0 {
			t.Errorf("%d good calls, %q", len(good.jkts), good.faults)
		}
		w.expectEnds()
	})
}

// A token that the IdP has not bound is refused, whatever else fits.
func TestFAPIUnboundToken(t *testing.T) {
	x := &wire{}
	inBubble(t, x.under(banking(t, "fapi2", setup{})), func(t *testing.T, w *world) {
		x.edits(idpmock.PathToken, func(fields map[string]any) { fields["token_type"] = "Bearer" })
		v := w.visitor("ada")
		if a := v.get(v.authorize(v.start("/auth/login"))); a.status != http.StatusBadGateway || v.id() != "" {
			t.Errorf("%v", a)
		}
	})
}

// What falls short of the profile is told at the start: in the configuration, and at the IdP.
func TestFAPIFallsShort(t *testing.T) {
	server := discoveryOnly{
		"pushed_authorization_request_endpoint":            "https://idp.example/par",
		"authorization_response_iss_parameter_supported":   true,
		"token_endpoint_auth_methods_supported":            []string{"private_key_jwt", "tls_client_auth"},
		"code_challenge_methods_supported":                 []string{"S256"},
		"id_token_signing_alg_values_supported":            []string{"PS256"},
		"token_endpoint_auth_signing_alg_values_supported": []string{"PS256", "ES256"},
		"dpop_signing_alg_values_supported":                []string{"ES256"},
		"response_modes_supported":                         []string{"query", "jwt"},
		"tls_client_certificate_bound_access_tokens":       true,
	}
	without := func(name string, v any) discoveryOnly {
		d := discoveryOnly{}
		for k, old := range server {
			d[k] = old
		}
		if d[name] = v; v == nil {
			delete(d, name)
		}
		return d
	}
	p256, rsaKey := newES256(t), oneRSA()
	with := func(k crypto.Signer, alg string) func(*rp.Config) {
		return func(c *rp.Config) { c.ClientKeys = []rp.ClientKey{{Key: k, Alg: alg}} }
	}
	for _, row := range []struct {
		name    string
		doc     discoveryOnly
		profile string
		change  func(*rp.Config)
		fields  string // that are named; "": it fits
	}{
		{"all that is needed", server, "fapi2", nil, ""},
		{"message signing", server, "fapi2-message-signing", nil, ""},
		{"an RSA key signs with PS256", server, "fapi2", with(rsaKey, ""), ""},
		{"another profile", server, "fapi1", nil, "Profile"},
		{"a secret", server, "fapi2", func(c *rp.Config) {
			c.ClientSecret, c.ClientKeys = "s", nil
		}, "ClientSecret ClientKeys"},
		{"no key", server, "fapi2", func(c *rp.Config) { c.ClientKeys = nil }, "ClientKeys"},
		{"the audience of older IdPs", server, "fapi2", func(c *rp.Config) {
			c.ClientAuth = "private_key_jwt_token_endpoint"
		}, "ClientAuth"},
		{"RS256 of the client", server, "fapi2", with(rsaKey, "RS256"), "ClientKeys"},
		{"RS256 of the IdP", server, "fapi2", func(c *rp.Config) { c.IDTokenAlg = "RS256" }, "IDTokenAlg"},
		{"plain http", server, "fapi2", func(c *rp.Config) { c.InsecureAllowHTTP = true }, "InsecureAllowHTTP"},
		{"plain answers", server, "fapi2-message-signing", func(c *rp.Config) {
			c.ResponseMode = "query"
		}, "ResponseMode"},
		{"no PAR", without("pushed_authorization_request_endpoint", nil), "fapi2", nil, "PAR"},
		{"no iss", without("authorization_response_iss_parameter_supported", false), "fapi2", nil, "Profile"},
		{"no iss, but signed answers", without("authorization_response_iss_parameter_supported", false),
			"fapi2-message-signing", nil, ""},
		{"secrets only", without("token_endpoint_auth_methods_supported", []string{"client_secret_basic"}), "fapi2",
			nil, "ClientKeys"},
		{"another algorithm of ID tokens", without("id_token_signing_alg_values_supported", []string{"RS256"}), "fapi2",
			nil, "IDTokenAlg"},
		{"another algorithm of clients", without("token_endpoint_auth_signing_alg_values_supported", []string{"RS256"}),
			"fapi2", with(p256, ""), "ClientKeys"},
		{"another algorithm of proofs", without("dpop_signing_alg_values_supported", []string{"PS256"}), "fapi2", nil,
			"DPoP"},
		{"no JARM", without("response_modes_supported", []string{"query"}), "fapi2-message-signing", nil,
			"ResponseMode"},
		{"plain PKCE", without("code_challenge_methods_supported", []string{"plain"}), "fapi2", nil, "Issuer"},
		{"a certificate", server, "fapi2", certified, ""},
		{"a certificate that binds nothing", without("tls_client_certificate_bound_access_tokens", nil), "fapi2",
			certified, "Profile"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := rp.Config{Issuer: issuer, ClientID: "notes", BaseURL: base, Keys: rp.Keys{rp.NewKey()},
				Store: memstore.New(memstore.Options{}), SkipSelfCheck: true,
				Profile: row.profile, ClientKeys: []rp.ClientKey{{Key: p256}},
				HTTPClient: &http.Client{Transport: row.doc}}
			if row.change != nil {
				row.change(&c)
			}
			_, err := rp.Diagnose(t.Context(), c)
			if got := strings.Join(faults(err), " "); got != row.fields {
				t.Errorf("%q, want %q: %v", got, row.fields, err)
			}
		})
	}
}

// certified shows a certificate, so far as a discovery document can tell.
func certified(c *rp.Config) { c.ClientKeys, c.ClientAuth = nil, "tls_client_auth" }
