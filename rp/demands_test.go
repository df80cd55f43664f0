package rp_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// What the IdP demands and this library cannot do is an error at the start that names
// the demand, and Diagnose says the same; what it merely offers is none.
func TestDemandsOfTheIdP(t *testing.T) {
	modern := discoveryOnly{ // what a FAPI 2.0 server may offer beside the rest
		"pushed_authorization_request_endpoint":       "https://idp.example/par",
		"require_pushed_authorization_requests":       false,
		"request_object_signing_alg_values_supported": []string{"PS256"}, "require_signed_request_object": false,
		"require_request_uri_registration":           true,
		"tls_client_certificate_bound_access_tokens": true, "dpop_signing_alg_values_supported": []string{"ES256"},
		"authorization_signing_alg_values_supported": []string{"PS256"},
		"response_types_supported":                   []string{"code", "code id_token"},
		"response_modes_supported":                   []string{"jwt", "query.jwt", "query"},
		"grant_types_supported":                      []string{"authorization_code"},
		"token_endpoint_auth_methods_supported": []string{"private_key_jwt", "tls_client_auth",
			"client_secret_basic"}, "code_challenge_methods_supported": []string{"S256"},
		"id_token_signing_alg_values_supported":    []string{"RS256"},
		"id_token_encryption_alg_values_supported": []string{"RSA-OAEP"},
		"id_token_encryption_enc_values_supported": []string{"A256GCM"},
	}
	with := func(name string, v any) discoveryOnly {
		d := discoveryOnly{}
		for k, old := range modern {
			d[k] = old
		}
		d[name] = v
		return d
	}
	strs := func(s ...string) []string { return append([]string{}, s...) } // never null
	key := func(c *rp.Config) { c.ClientKeys = []rp.ClientKey{{Key: newES256(t)}} }
	withKey := func(name string, v any, alg string) discoveryOnly {
		d := with(name, v)
		d["request_object_signing_alg_values_supported"] = strs(alg)
		return d
	}
	reference := func(c *rp.Config) { c.RequestURI = true }
	const auth = "token_endpoint_auth_methods_supported"
	for _, row := range []struct {
		name   string
		doc    discoveryOnly
		public bool // the client has no secret
		mode   string
		change func(*rp.Config)
		field  string // "": it fits
		says   []string
	}{
		{name: "a bare document", doc: discoveryOnly{}},
		{name: "everything is offered", doc: modern},
		{name: "everything, to a public client", doc: modern, public: true},
		{name: "empty lists", doc: discoveryOnly{auth: strs(), "response_types_supported": strs(),
			"response_modes_supported": strs(), "grant_types_supported": strs()}},
		{name: "PAR", doc: with("require_pushed_authorization_requests", true)},
		{name: "PAR, and nowhere to push to", doc: discoveryOnly{"require_pushed_authorization_requests": true},
			field: "Issuer", says: strs("require_pushed_authorization_requests", "PAR")},
		{name: "PAR over plain http", doc: with("pushed_authorization_request_endpoint", "http://idp.example/par"),
			field: "Issuer", says: strs("pushed_authorization_request_endpoint")},
		{name: "DPoP", doc: modern, change: func(c *rp.Config) { c.DPoP = true }},
		{name: "DPoP by other algorithms", doc: with("dpop_signing_alg_values_supported", strs("PS256")),
			change: func(c *rp.Config) { c.DPoP = true }, field: "DPoP", says: strs("ES256", "PS256")},
		{name: "no PAR, and the app wants it", doc: discoveryOnly{}, change: func(c *rp.Config) {
			c.PAR = true
		}, field: "PAR", says: strs("pushed_authorization_request_endpoint")},
		{name: "JAR", doc: with("require_signed_request_object", true), field: "ClientKeys",
			says: strs("require_signed_request_object", "JAR")},
		{name: "JAR, and a key", doc: withKey("require_signed_request_object", true, "ES256"), change: key},
		{name: "JAR, and a key that it does not take", doc: withKey("require_signed_request_object", true, "PS256"),
			change: key, field: "ClientKeys", says: strs("ES256", "PS256")},
		{name: "JAR by reference, and PAR is offered", doc: withKey("request_parameter_supported", false, "ES256"),
			change: func(c *rp.Config) { key(c); c.JAR = true }, field: "PAR",
			says: strs("request_parameter_supported", "by reference alone")},
		{name: "JAR by reference alone, and it is pushed", doc: withKey("request_parameter_supported", false, "ES256"),
			change: func(c *rp.Config) { key(c); c.JAR, c.PAR = true, true }},
		{name: "JAR by reference alone, and it fetches none", doc: discoveryOnly{"request_parameter_supported": false,
			"request_uri_parameter_supported": false, "require_signed_request_object": true}, change: key,
			field: "Issuer", says: strs("request_parameter_supported", "request_uri_parameter_supported",
				"pushed_authorization_request_endpoint")},
		{name: "JAR by reference alone", doc: discoveryOnly{"request_parameter_supported": false,
			"require_signed_request_object": true}, change: key, field: "RequestURI",
			says: strs("is needed", "request_parameter_supported")},
		{name: "JAR by reference alone, as the app does it", doc: discoveryOnly{"request_parameter_supported": false,
			"require_signed_request_object": true}, change: func(c *rp.Config) { key(c); c.RequestURI = true }},
		{name: "by reference, of which it says nothing", doc: discoveryOnly{}, change: reference},
		{name: "by reference, which it does", doc: discoveryOnly{"request_uri_parameter_supported": true,
			"request_object_signing_alg_values_supported": strs("none", "RS256")}, change: reference},
		{name: "by reference, which it does not", doc: with("request_uri_parameter_supported", false),
			change: reference, field: "RequestURI", says: strs("request_uri_parameter_supported", "leave it unset")},
		{name: "by reference, and it wants them pushed", doc: with("require_pushed_authorization_requests", true),
			change: reference, field: "RequestURI", says: strs("require_pushed_authorization_requests")},
		{name: "by reference, but signed", doc: withKey("x", 0, "ES256"), change: reference, field: "JAR",
			says: strs("request_object_signing_alg_values_supported", "ES256")},
		{name: "by reference, and signed", doc: withKey("x", 0, "ES256"), change: func(c *rp.Config) {
			key(c)
			c.JAR, c.RequestURI = true, true
		}},
		{name: "JAR by value", doc: withKey("request_parameter_supported", true, "ES256"),
			change: func(c *rp.Config) { key(c); c.JAR = true }},
		{name: "no JAR, and none by value", doc: with("request_parameter_supported", false)},
		{name: "a key for the secret's place", doc: with(auth, strs("private_key_jwt")), change: func(c *rp.Config) {
			key(c)
			c.ClientSecret = ""
		}},
		{name: "a key that it does not take there", doc: discoveryOnly{auth: strs("private_key_jwt"),
			"token_endpoint_auth_signing_alg_values_supported": strs("PS256")}, change: func(c *rp.Config) {
			key(c)
			c.ClientSecret = ""
		}, field: "ClientKeys", says: strs("ES256", "PS256")},
		{name: "a key, and it takes secrets alone", doc: with(auth, strs("client_secret_basic")),
			change: func(c *rp.Config) {
				key(c)
				c.ClientSecret = ""
			}, field: "ClientKeys", says: strs("private_key_jwt")},
		{name: "JARM, which it has", doc: with("response_modes_supported", strs("jwt", "query.jwt")), mode: "jwt"},
		{name: "JARM, which it has not", doc: with("response_modes_supported", strs("query")), mode: "query.jwt",
			field: "ResponseMode", says: strs("leave it empty")},
		{name: "a key only", doc: with(auth, strs("private_key_jwt")), field: "ClientKeys",
			says: strs(auth, "private_key_jwt")},
		{name: "certificates only", doc: with(auth, strs("tls_client_auth", "self_signed_tls_client_auth")),
			field: "ClientAuth", says: strs(auth)},
		{name: "a key only, and no secret", doc: with(auth, strs("private_key_jwt")), public: true, field: "ClientKeys",
			says: strs(auth)},
		{name: "a secret in a signature only", doc: with(auth, strs("client_secret_jwt")), field: "Issuer",
			says: strs(auth)},
		{name: "a key or the form", doc: with(auth, strs("private_key_jwt", "client_secret_post"))},
		{name: "secrets, and a public client", doc: with(auth, strs("client_secret_basic")), public: true},
		{name: "a key, and public clients", doc: with(auth, strs("private_key_jwt", "none")), public: true},
		{name: "a key, and public clients, and a secret", doc: with(auth, strs("private_key_jwt", "none")),
			field: "ClientSecret", says: strs(auth, "leave it empty")},
		{name: "public clients only, and a secret", doc: with(auth, strs("none")), field: "ClientSecret",
			says: strs("leave it empty")},
		{name: "JARM", doc: with("response_modes_supported", strs("jwt", "query.jwt", "form_post.jwt")),
			field: "ResponseMode", says: strs("response_modes_supported", "JARM")},
		{name: "no query, but form_post", doc: with("response_modes_supported", strs("form_post"))},
		{name: "form_post, which it has not", doc: with("response_modes_supported", strs("query")), mode: "form_post",
			field: "ResponseMode", says: strs("response_modes_supported", "leave it empty")},
		{name: "form_post, of which it says nothing", doc: with("response_modes_supported", nil), mode: "form_post"},
		{name: "hybrid only", doc: with("response_types_supported", strs("code id_token", "id_token")), field: "Issuer",
			says: strs("response_types_supported", "code id_token")},
		{name: "no code grant", doc: with("grant_types_supported", strs("implicit", "password")), field: "Issuer",
			says: strs("grant_types_supported")},
		{name: "JWE", doc: with("id_token_signing_alg_values_supported", strs("none")), field: "Issuer",
			says: strs("encrypted", "JWE")},
		{name: "JWE, and no algorithm to sign", doc: with("id_token_signing_alg_values_supported", strs()),
			field: "Issuer", says: strs("encrypted")},
		{name: "JWE, and nothing said of signing", doc: with("id_token_signing_alg_values_supported", nil)},
		{name: "a list from hell", doc: with("response_types_supported", strs(strings.Repeat("x", 9999), "a\nb")),
			field: "Issuer"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := rp.Config{Issuer: issuer, ClientID: "notes", ClientSecret: "s3cret", BaseURL: base,
				Keys: rp.Keys{rp.NewKey()}, Store: memstore.New(memstore.Options{}),
				HTTPClient: &http.Client{Transport: row.doc}, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
			c.ResponseMode = row.mode
			if row.change != nil {
				row.change(&c)
			}
			if row.public {
				c.ClientSecret = ""
			}
			a, err := rp.New(t.Context(), c)
			if err == nil {
				a.Close()
			}
			_, diagnosed := rp.Diagnose(t.Context(), c)
			for name, err := range map[string]error{"New": err, "Diagnose": diagnosed} {
				var wrong *rp.ConfigError
				if errors.As(err, &wrong) != (row.field != "") || wrong != nil && wrong.Field != row.field {
					t.Fatalf("%s: %v, want a fault of %q", name, err, row.field)
				}
				for _, text := range row.says {
					if !strings.Contains(err.Error(), text) {
						t.Errorf("%s does not name %q: %v", name, text, err)
					}
				}
				if err != nil && (len(err.Error()) > 1000 || strings.Contains(err.Error(), "\n") ||
					strings.Contains(err.Error(), "s3cret")) {
					t.Errorf("%s: an error of %d bytes: %v", name, len(err.Error()), err)
				}
			}
		})
	}
}

// Several demands are named at once.
func TestAllDemandsAtOnce(t *testing.T) {
	c := rp.Config{Issuer: issuer, ClientID: "notes", ClientSecret: "s3cret", BaseURL: base, Keys: rp.Keys{rp.NewKey()},
		Store: memstore.New(memstore.Options{}),
		HTTPClient: &http.Client{Transport: discoveryOnly{"require_pushed_authorization_requests": true,
			"token_endpoint_auth_methods_supported": []string{"private_key_jwt"}}}}
	_, err := rp.Diagnose(t.Context(), c)
	if got := strings.Join(faults(err), " "); got != "Issuer ClientKeys" || !strings.Contains(err.Error(), "PAR") ||
		!strings.Contains(err.Error(), "private_key_jwt") {
		t.Errorf("%v", err)
	}
}
