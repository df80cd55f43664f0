package idp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/tandem-sso/tandem/rp/internal/outside"
)

// Metadata is what this library uses of a discovery document (OpenID Connect
// Discovery 1.0 §3).
type Metadata struct {
	Issuer                string   `json:"issuer"`
	AuthURL               string   `json:"authorization_endpoint"`
	TokenURL              string   `json:"token_endpoint"`
	UserinfoURL           string   `json:"userinfo_endpoint"`
	JWKSURL               string   `json:"jwks_uri"`
	EndSessionURL         string   `json:"end_session_endpoint"`
	CheckSessionURL       string   `json:"check_session_iframe"`
	RevocationURL         string   `json:"revocation_endpoint"`
	IntrospectionURL      string   `json:"introspection_endpoint"`
	TokenAuthMethods      []string `json:"token_endpoint_auth_methods_supported"`
	RevocationAuthMethods []string `json:"revocation_endpoint_auth_methods_supported"`
	IntrospectionMethods  []string `json:"introspection_endpoint_auth_methods_supported"`
	TokenAuthAlgs         []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	PARURL                string   `json:"pushed_authorization_request_endpoint"`
	RequestAlgs           []string `json:"request_object_signing_alg_values_supported"`
	RequestByValue        *bool    `json:"request_parameter_supported"`     // nil: it does not say
	RequestByReference    *bool    `json:"request_uri_parameter_supported"` // nil: as true (Discovery §3)
	RequestURIRegistered  bool     `json:"require_request_uri_registration"`
	CertificateBound      bool     `json:"tls_client_certificate_bound_access_tokens"`
	DPoPAlgs              []string `json:"dpop_signing_alg_values_supported"`
	IDTokenAlgs           []string `json:"id_token_signing_alg_values_supported"`
	PKCEMethods           []string `json:"code_challenge_methods_supported"`
	IssInResponse         bool     `json:"authorization_response_iss_parameter_supported"`
	BackchannelLogout     bool     `json:"backchannel_logout_supported"`
	BackchannelSID        bool     `json:"backchannel_logout_session_supported"`
	FrontchannelLogout    bool     `json:"frontchannel_logout_supported"`
	Mock                  bool     `json:"idp_mock"` // idp-mock in its own ways: every call extends and proves

	MTLS mtlsEndpoints `json:"mtls_endpoint_aliases"`
	// What it may demand of every client.
	RequirePAR            bool     `json:"require_pushed_authorization_requests"`
	RequireJAR            bool     `json:"require_signed_request_object"`
	ResponseTypes         []string `json:"response_types_supported"`
	ResponseModes         []string `json:"response_modes_supported"`
	GrantTypes            []string `json:"grant_types_supported"`
	IDTokenEncryptionAlgs []string `json:"id_token_encryption_alg_values_supported"`
}

// DiscoveryURL is where an issuer publishes its discovery document (Discovery §4).
func DiscoveryURL(issuer string) string {
	return strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"
}

// Discover reads an issuer's discovery document. Nothing in it is judged, not even the
// issuer's name: a caller must distinguish an IdP with another name, which is a mistake of
// the configuration, from an IdP that does not answer now. go-oidc's NewProvider makes one
// error text of both.
func Discover(ctx context.Context, client *http.Client, issuer string) (*Metadata, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, DiscoveryURL(issuer), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return nil, outside.Error(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, outside.Error(err)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("it answered %d", resp.StatusCode)
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("it answered more than %d bytes", maxAnswer)
	}
	return ParseMetadata(body)
}

// ParseMetadata reads a discovery document.
func ParseMetadata(doc []byte) (*Metadata, error) {
	m := new(Metadata)
	if err := json.Unmarshal(doc, m); err != nil {
		return nil, errors.New("it answered no discovery document: " + outside.Text(err.Error(), 200))
	}
	if m.Issuer == "" {
		return nil, errors.New("it answered JSON without an issuer")
	}
	return m, nil
}
