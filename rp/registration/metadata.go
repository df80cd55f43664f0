package registration

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// Metadata describe a client (RFC 7591 §2, OpenID Connect Dynamic Client Registration 1.0
// §2, the logout specifications §2.2, §3 and §2.1). For makes them of an app's
// configuration. For zero fields the IdP decides.
type Metadata struct {
	RedirectURIs           []string `json:"redirect_uris,omitempty"`
	PostLogoutRedirectURIs []string `json:"post_logout_redirect_uris,omitempty"`

	BackchannelLogoutURI              string `json:"backchannel_logout_uri,omitempty"`
	BackchannelLogoutSessionRequired  bool   `json:"backchannel_logout_session_required,omitempty"`
	FrontchannelLogoutURI             string `json:"frontchannel_logout_uri,omitempty"`
	FrontchannelLogoutSessionRequired bool   `json:"frontchannel_logout_session_required,omitempty"`
	InitiateLoginURI                  string `json:"initiate_login_uri,omitempty"`

	Name     string   `json:"client_name,omitempty"`
	URI      string   `json:"client_uri,omitempty"` // of a page about the app
	LogoURI  string   `json:"logo_uri,omitempty"`
	Contacts []string `json:"contacts,omitempty"`

	// Scope that the client may ask for, with spaces between.
	Scope                    string   `json:"scope,omitempty"`
	GrantTypes               []string `json:"grant_types,omitempty"`
	ResponseTypes            []string `json:"response_types,omitempty"`
	ApplicationType          string   `json:"application_type,omitempty"` // web or native
	TokenEndpointAuthMethod  string   `json:"token_endpoint_auth_method,omitempty"`
	IDTokenSignedResponseAlg string   `json:"id_token_signed_response_alg,omitempty"`

	// RequestURIs are where the IdP may fetch authorization requests (OpenID Connect Core 1.0 §6.2).
	RequestURIs []string `json:"request_uris,omitempty"`
	// RequestObjectSigningAlg is how request objects are signed: RS256, …, or none.
	RequestObjectSigningAlg string `json:"request_object_signing_alg,omitempty"`

	// JWKS has the public keys of the client, for private_key_jwt. Give it or JWKSURI.
	JWKS    json.RawMessage `json:"jwks,omitempty"`
	JWKSURI string          `json:"jwks_uri,omitempty"`

	SoftwareID      string `json:"software_id,omitempty"`
	SoftwareVersion string `json:"software_version,omitempty"`
	// SoftwareStatement is a token signed by somebody whom the IdP trusts (RFC 7591 §2.3).
	// Its values override the other fields.
	SoftwareStatement string `json:"software_statement,omitempty"`

	// More are further members, by their names: of other specifications, of an IdP, or with a
	// language, such as "client_name#de".
	More map[string]any `json:"-"`
}

// For returns the metadata of an app with the configuration c: the addresses below
// c.BaseURL and c.Prefix, the grants of c.Kind, c.Scopes, c.IDTokenAlg, and how c signs its requests. Add a Name, and
// TokenEndpointAuthMethod if the app does not use the default of the IdP, which is mostly
// client_secret_basic.
func For(c rp.Config) Metadata {
	prefix := c.Prefix
	if prefix == "" {
		prefix = "/auth"
	}
	at := strings.TrimSuffix(c.BaseURL, "/") + prefix
	m := Metadata{
		RedirectURIs: []string{at + "/callback"}, PostLogoutRedirectURIs: []string{at + "/logged-out"},
		BackchannelLogoutURI: at + "/backchannel-logout", BackchannelLogoutSessionRequired: true,
		Scope: strings.Join(c.Scopes, " "), GrantTypes: []string{"authorization_code"}, ResponseTypes: []string{"code"},
		ApplicationType: "web", IDTokenSignedResponseAlg: c.IDTokenAlg,
	}
	if c.Kind == rp.RefreshToken {
		m.GrantTypes = append(m.GrantTypes, "refresh_token")
	}
	if c.FrontchannelLogout {
		m.FrontchannelLogoutURI, m.FrontchannelLogoutSessionRequired = at+"/frontchannel-logout", true
	}
	if c.ThirdPartyLogin {
		m.InitiateLoginURI = at + "/login"
	}
	if c.RequestURI {
		m.RequestURIs = []string{at + "/request*"}
		if len(c.ClientKeys) == 0 { // with keys it signs if the IdP demands that
			m.RequestObjectSigningAlg = "none"
		}
	}
	if c.JAR && len(c.ClientKeys) > 0 && c.ClientKeys[0].Key != nil {
		m.RequestObjectSigningAlg = cmp.Or(c.ClientKeys[0].Alg, idp.SigningAlg(c.ClientKeys[0].Key))
	}
	return m
}

type members map[string]json.RawMessage

// known are the names of Metadata's fields; given those that only the IdP gives (RFC 7591
// §3.2.1, RFC 7592 §2.2).
var (
	known = knownNames()
	given = []string{"client_id", "client_secret", "client_id_issued_at", "client_secret_expires_at",
		"registration_access_token", "registration_client_uri"}
)

func knownNames() (names []string) {
	t := reflect.TypeFor[Metadata]()
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); name != "-" {
			names = append(names, name)
		}
	}
	return names
}

// members returns m as JSON.
func (m Metadata) members() (members, error) {
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, &ConfigError{"Metadata.JWKS", "is not JSON"}
	}
	out, err := object(raw)
	if err != nil {
		return nil, err
	}
	for name, v := range m.More {
		if slices.Contains(known, name) || slices.Contains(given, name) {
			return nil, &ConfigError{"Metadata.More",
				fmt.Sprintf("has %q, which has a field of its own in Metadata, or which only the IdP may set", name)}
		}
		if out[name], err = json.Marshal(v); err != nil {
			return nil, &ConfigError{"Metadata.More", fmt.Sprintf("has %q, which cannot be written as JSON", name)}
		}
	}
	return out, nil
}

func (m Metadata) check(allowHTTP bool) error {
	if len(m.RedirectURIs) == 0 {
		return &ConfigError{"Metadata.RedirectURIs", "is empty; For fills it from the app's configuration"}
	}
	urls := map[string][]string{
		"RedirectURIs": m.RedirectURIs, "PostLogoutRedirectURIs": m.PostLogoutRedirectURIs,
		"BackchannelLogoutURI": {m.BackchannelLogoutURI}, "FrontchannelLogoutURI": {m.FrontchannelLogoutURI},
		"InitiateLoginURI": {m.InitiateLoginURI}, "JWKSURI": {m.JWKSURI},
	}
	for _, raw := range m.RequestURIs {
		at, _, _ := strings.Cut(raw, "#") // a hash of what is there (OpenID Connect Registration 1.0 §2)
		urls["RequestURIs"] = append(urls["RequestURIs"], at)
	}
	for _, field := range slices.Sorted(maps.Keys(urls)) {
		for _, raw := range urls[field] {
			if raw == "" && !strings.HasSuffix(field, "URIs") {
				continue
			}
			if err := weburl.Check(raw, allowHTTP); err != nil {
				return &ConfigError{"Metadata." + field, err.Error()}
			}
		}
	}
	if len(m.JWKS) == 0 {
		return nil
	}
	if m.JWKSURI != "" { // RFC 7591 §2
		return &ConfigError{"Metadata.JWKS", "is set, and so is JWKSURI; give one of them"}
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(m.JWKS, &set); err != nil || len(set.Keys) == 0 {
		return &ConfigError{"Metadata.JWKS", "is no JSON Web Key Set with a key"}
	}
	for _, key := range set.Keys {
		if !key.IsPublic() {
			return &ConfigError{"Metadata.JWKS", "has a private or symmetric key; give the public ones only"}
		}
	}
	return nil
}

// parseMetadata reads what an IdP has registered. Names are compared exactly, unlike
// encoding/json does with structs.
func parseMetadata(all members) (Metadata, error) {
	var m Metadata
	mine := members{}
	for name, raw := range all {
		switch {
		case slices.Contains(given, name):
		case string(raw) == "null": // as if it were not there
		case slices.Contains(known, name):
			mine[name] = raw
		default:
			var v any
			if err := json.Unmarshal(raw, &v); err != nil {
				return m, err
			}
			if m.More == nil {
				m.More = map[string]any{}
			}
			m.More[name] = v
		}
	}
	raw, err := json.Marshal(mine)
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(raw, &m)
}
