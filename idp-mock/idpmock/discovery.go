package idpmock

import (
	"net/http"
	"slices"

	"github.com/tandem-sso/tandem/idp-mock/internal/plain"
)

func (p *IDP) discovery(w http.ResponseWriter, r *http.Request) {
	cfg := p.settings()
	auth := []string{"client_secret_basic", "client_secret_post", "private_key_jwt", "none"}
	if cfg.MTLSOrigin != "" {
		auth = append(auth, "tls_client_auth", "self_signed_tls_client_auth")
	}
	w.Header().Set("Access-Control-Allow-Origin", "*")
	meta := map[string]any{
		"issuer":                                cfg.Issuer,
		"authorization_endpoint":                p.endpoint(PathAuthorize),
		"token_endpoint":                        p.endpoint(PathToken),
		"userinfo_endpoint":                     p.endpoint(PathUserinfo),
		"introspection_endpoint":                p.endpoint(PathIntrospect),
		"revocation_endpoint":                   p.endpoint(PathRevoke),
		"end_session_endpoint":                  p.endpoint(PathEndSession),
		"check_session_iframe":                  p.endpoint(PathCheckSession),
		"pushed_authorization_request_endpoint": p.endpoint(PathPAR),
		"jwks_uri":                              p.endpoint(PathJWKS),
		"require_pushed_authorization_requests": cfg.RequirePAR,
		"response_types_supported":              []string{"code"},
		"response_modes_supported": []string{"query", "form_post", "jwt", "query.jwt",
			"form_post.jwt"},
		"grant_types_supported": []string{"authorization_code", "refresh_token",
			grantClientCredentials, grantTokenExchange},
		"scopes_supported":        supportedScopes,
		"subject_types_supported": []string{"public"},
		"acr_values_supported":    cfg.ACRValues,
		"claims_supported": []string{"sub", "iss", "aud", "exp", "iat", "auth_time",
			"nonce", "acr", "sid", "name", "preferred_username", "email", "email_verified"},
		"prompt_values_supported":                          []string{"none", "login", "select_account", "consent"},
		"code_challenge_methods_supported":                 []string{"S256"},
		"id_token_signing_alg_values_supported":            []string{cfg.SigningAlg},
		"token_endpoint_auth_methods_supported":            auth,
		"introspection_endpoint_auth_methods_supported":    auth,
		"revocation_endpoint_auth_methods_supported":       auth,
		"token_endpoint_auth_signing_alg_values_supported": []string{"RS256", "ES256", "PS256", "EdDSA"},
		"dpop_signing_alg_values_supported":                []string{"ES256", "RS256", "PS256", "EdDSA"},
		"authorization_response_iss_parameter_supported":   true, // RFC 9207
		"backchannel_logout_supported":                     true,
		"backchannel_logout_session_supported":             true,
		"frontchannel_logout_supported":                    true,
		"frontchannel_logout_session_supported":            true,
		"claims_parameter_supported":                       false,
		"request_parameter_supported":                      true, // for clients with keys
		"require_signed_request_object":                    cfg.RequireJAR,
		"request_object_signing_alg_values_supported":      []string{"RS256", "ES256", "PS256", "EdDSA"},
		"authorization_signing_alg_values_supported":       []string{cfg.SigningAlg},
		"introspection_signing_alg_values_supported":       []string{cfg.SigningAlg}, // RFC 9701
		"request_uri_parameter_supported":                  cfg.RequestURI,
	}
	if cfg.MTLSOrigin != "" {
		alias := func(path string) string { return cfg.MTLSOrigin + p.path + path }
		meta["tls_client_certificate_bound_access_tokens"] = true
		meta["mtls_endpoint_aliases"] = map[string]string{
			"token_endpoint": alias(PathToken), "userinfo_endpoint": alias(PathUserinfo),
			"introspection_endpoint": alias(PathIntrospect),
			"revocation_endpoint":    alias(PathRevoke), "pushed_authorization_request_endpoint": alias(PathPAR),
		}
	}
	if cfg.RequestURI {
		meta["require_request_uri_registration"] = cfg.RequireRequestURIRegistration
		meta["request_object_signing_alg_values_supported"] = []string{"none", "RS256", "ES256", "PS256", "EdDSA"}
	}
	if cfg.RefreshTokenTimeout {
		meta["refresh_token_expiration_types_supported"] = []string{"authorization", "token_timeout"}
	}
	if cfg.Registration != nil {
		meta["registration_endpoint"] = p.endpoint(PathRegister)
	}
	if cfg.Temperament.Name == "" { // apps need not ask who this is; one that is like another is taken for that
		meta["idp_mock"] = true
	}
	cfg.Temperament.leaveOut(meta)
	plain.Write(w, http.StatusOK, meta)
}

// belongTo are the metadata that go with others.
var belongTo = map[string][]string{
	hasIntrospect:   {"introspection_endpoint_auth_methods_supported", "introspection_signing_alg_values_supported"},
	hasRevoke:       {"revocation_endpoint_auth_methods_supported"},
	hasPAR:          {"require_pushed_authorization_requests"},
	hasBackchannel:  {"backchannel_logout_session_supported"},
	hasFrontchannel: {"frontchannel_logout_session_supported"},
}

// leaveOut takes out of a discovery document what the provider lacks or does not
// advertise.
func (t *Temperament) leaveOut(meta map[string]any) {
	for _, name := range slices.Concat(t.Lacks, t.Unadvertised) {
		delete(meta, name)
		for _, other := range belongTo[name] {
			delete(meta, other)
		}
	}
	if t.RequireFormPost {
		meta["response_modes_supported"] = []string{"form_post"}
	}
	if t.NoOfflineAccess {
		meta["scopes_supported"] = slices.DeleteFunc(slices.Clone(supportedScopes), func(s string) bool {
			return s == "offline_access"
		})
	}
}

// unlessLacking serves an endpoint only where the provider has it.
func (p *IDP) unlessLacking(metadata string, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !p.settings().Temperament.Has(metadata) {
			http.NotFound(w, r)
			return
		}
		h(w, r)
	}
}

func (p *IDP) jwks(w http.ResponseWriter, r *http.Request) {
	set, err := p.keys.public(p.settings().SigningAlg)
	if err != nil {
		writeError(w, r, err)
		return
	}
	w.Header().Set("Access-Control-Allow-Origin", "*")
	plain.Write(w, http.StatusOK, set)
}
