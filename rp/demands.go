package rp

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/outside"
)

// demands are what a discovery document asks of every client and this library does not
// do: nobody could log in, so it is an error at the start, which names the demand. What
// an IdP merely offers is none, nor is what it does to some clients only, such as
// tls_client_certificate_bound_access_tokens (RFC 8705 §3.3): it says that certificates
// bind tokens, not that there are no others. A list that is missing or empty demands
// nothing.
func demands(c *Config, m *idp.Metadata) error {
	var all []error
	demand := func(met bool, name, text string) {
		if !met {
			all = append(all, wrong("Issuer", "the IdP demands %s (%s in its discovery document), which this library does not do; ask for a client to which that does not apply", text, name))
		}
	}
	demand(!m.RequirePAR, "require_pushed_authorization_requests", "that authorization requests are pushed (PAR, RFC 9126)")
	demand(!m.RequireJAR, "require_signed_request_object", "that authorization requests are signed (JAR, RFC 9101)")
	demand(offers(m.ResponseTypes, "code"), "response_types_supported", "another response type than code: it offers "+list(m.ResponseTypes))
	demand(offers(m.GrantTypes, "authorization_code"), "grant_types_supported", "another grant type than authorization_code: it offers "+list(m.GrantTypes))
	demand(len(m.ResponseModes) == 0 || slices.ContainsFunc(m.ResponseModes, isPlainMode),
		"response_modes_supported", "that its answers are signed or encrypted (JARM): it offers "+list(m.ResponseModes))
	if c.ResponseMode == formPost && !offers(m.ResponseModes, formPost) {
		all = append(all, wrong("ResponseMode", "is form_post, which the IdP does not offer (response_modes_supported: %s); leave it empty", list(m.ResponseModes)))
	}
	// The list of algorithms for signing is required, so one that is missing says
	// nothing. Of encryption there is no other sign in a discovery document.
	demand(len(m.IDTokenEncryptionAlgs) == 0 || m.IDTokenAlgs == nil || slices.ContainsFunc(m.IDTokenAlgs, isSigning),
		"id_token_signing_alg_values_supported", "that ID tokens are encrypted and not signed (JWE)")
	demand(len(m.TokenAuthMethods) == 0 || slices.ContainsFunc(m.TokenAuthMethods, isKnownAuth),
		"token_endpoint_auth_methods_supported", "that clients authenticate by a key or a certificate: it takes "+list(m.TokenAuthMethods))
	// This one can be met, by leaving the secret out.
	if c.ClientSecret != "" && slices.Contains(m.TokenAuthMethods, "none") && !slices.ContainsFunc(m.TokenAuthMethods, isSecretAuth) {
		all = append(all, wrong("ClientSecret", "is set, but the IdP takes no secret (token_endpoint_auth_methods_supported: %s); leave it empty for a public client", list(m.TokenAuthMethods)))
	}
	return errors.Join(all...)
}

func offers(supported []string, what string) bool {
	return len(supported) == 0 || slices.Contains(supported, what)
}

func isPlainMode(mode string) bool { return mode != "jwt" && !strings.HasSuffix(mode, ".jwt") }

func isSigning(alg string) bool { return alg != "none" }

func isSecretAuth(method string) bool {
	return method == secretBasic || method == secretPost
}

// isKnownAuth: most IdPs do not list none and take public clients all the same, so a
// client without a secret is not judged by its absence.
func isKnownAuth(method string) bool { return method == "none" || isSecretAuth(method) }

// list shows what came from outside, bounded.
func list(values []string) string {
	shown := make([]string, 0, 8)
	for _, v := range values[:min(len(values), cap(shown))] {
		shown = append(shown, outside.Text(v, 64))
	}
	if len(values) > len(shown) {
		shown = append(shown, "…")
	}
	return fmt.Sprintf("[%s]", strings.Join(shown, " "))
}
