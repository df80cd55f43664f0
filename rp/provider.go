package rp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/keyset"
	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

const maxDocument = 2 << 20 // bytes that are read of any answer of the IdP

// metadata is what the library uses of OpenID Connect Discovery 1.0 §3.
type metadata struct {
	Issuer                string   `json:"issuer"`
	AuthURL               string   `json:"authorization_endpoint"`
	TokenURL              string   `json:"token_endpoint"`
	UserinfoURL           string   `json:"userinfo_endpoint"`
	JWKSURL               string   `json:"jwks_uri"`
	EndSessionURL         string   `json:"end_session_endpoint"`
	RevocationURL         string   `json:"revocation_endpoint"`
	IntrospectionURL      string   `json:"introspection_endpoint"`
	TokenAuthMethods      []string `json:"token_endpoint_auth_methods_supported"`
	RevocationAuthMethods []string `json:"revocation_endpoint_auth_methods_supported"`
	IDTokenAlgs           []string `json:"id_token_signing_alg_values_supported"`
	PKCEMethods           []string `json:"code_challenge_methods_supported"`
	IssInResponse         bool     `json:"authorization_response_iss_parameter_supported"`
	BackchannelLogout     bool     `json:"backchannel_logout_supported"`
	BackchannelSID        bool     `json:"backchannel_logout_session_supported"`
	FrontchannelLogout    bool     `json:"frontchannel_logout_supported"`

	// What it may demand, see demands.
	RequirePAR            bool     `json:"require_pushed_authorization_requests"`
	RequireJAR            bool     `json:"require_signed_request_object"`
	ResponseTypes         []string `json:"response_types_supported"`
	ResponseModes         []string `json:"response_modes_supported"`
	GrantTypes            []string `json:"grant_types_supported"`
	IDTokenEncryptionAlgs []string `json:"id_token_encryption_alg_values_supported"`
}

// provider is the IdP as discovered, with everything needed to call it.
type provider struct {
	metadata
	client *http.Client
	keys   *keyset.Set
	oauth  oauth2.Config // for the authorization URL
	calls  *idp.Client
	pulse  *pulse
}

func discover(ctx context.Context, c *Config) (*provider, error) {
	client := idpClient(c)
	heart := &pulse{now: c.Now, next: client.Transport}
	client.Transport = heart
	ctx, cancel := context.WithTimeout(ctx, c.RequestTimeout)
	defer cancel()
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, client), c.Issuer)
	if err != nil {
		if text := err.Error(); len(text) > 500 { // go-oidc repeats the whole page that came instead
			err = errors.New(text[:500] + " …")
		}
		return nil, fmt.Errorf("rp: Config.Issuer: discovery of %s failed: %w (is the IdP running, and is this its exact issuer identifier?)", c.Issuer, err)
	}
	p := &provider{client: client, pulse: heart}
	if err := found.Claims(&p.metadata); err != nil {
		return nil, fmt.Errorf("rp: Config.Issuer: the discovery document of %s is malformed: %w", c.Issuer, err)
	}
	if p.Issuer != c.Issuer { // CORE-04; go-oidc makes an exception for Google
		return nil, wrong("Issuer", "the IdP calls itself %q; set exactly that", p.Issuer)
	}
	for _, e := range []struct {
		name, url string
		required  bool
	}{
		{"authorization_endpoint", p.AuthURL, true}, {"token_endpoint", p.TokenURL, true}, {"jwks_uri", p.JWKSURL, true},
		{"userinfo_endpoint", p.UserinfoURL, false}, {"end_session_endpoint", p.EndSessionURL, false},
		{"revocation_endpoint", p.RevocationURL, false},
	} {
		if e.url == "" && !e.required {
			continue
		}
		if err := checkEndpoint(e.url, c.InsecureAllowHTTP); err != nil {
			return nil, wrong("Issuer", "the IdP's %s %v", e.name, err)
		}
	}
	if err := demands(c, &p.metadata); err != nil {
		return nil, err
	}
	if len(p.IDTokenAlgs) > 0 && !slices.Contains(p.IDTokenAlgs, c.IDTokenAlg) {
		return nil, wrong("IDTokenAlg", "is %s, but the IdP signs with %v", c.IDTokenAlg, p.IDTokenAlgs)
	}
	if len(p.PKCEMethods) > 0 && !slices.Contains(p.PKCEMethods, "S256") {
		return nil, wrong("Issuer", "the IdP supports PKCE by %v only; S256 is needed", p.PKCEMethods)
	}
	p.keys = keyset.New(p.JWKSURL, client, c.Now)
	p.keys.Trouble = func(err error, until time.Time) {
		c.Logger.Warn("the IdP's keys are old and cannot be read again; the old ones go on", "error", err, "until", until)
	}
	p.oauth = oauth2.Config{
		ClientID: c.ClientID, ClientSecret: string(c.ClientSecret), Scopes: c.Scopes,
		RedirectURL: c.BaseURL + c.Prefix + "/callback",
		Endpoint:    oauth2.Endpoint{AuthURL: p.AuthURL},
	}
	p.calls = &idp.Client{
		HTTP: client, Now: c.Now, Slots: make(chan struct{}, c.MaxCalls), TokenURL: p.TokenURL, UserinfoURL: p.UserinfoURL, RevocationURL: p.RevocationURL,
		Auth: idp.ClientAuth{ID: c.ClientID, Secret: string(c.ClientSecret), InForm: secretInForm(p.TokenAuthMethods)},
	}
	return p, nil
}

// secretInForm chooses between client_secret_post and client_secret_basic, which is the
// default (Discovery §3). Never both in turn: a failed request, and with it the code or
// the refresh token, would be sent twice.
func secretInForm(methods []string) bool {
	return len(methods) > 0 && !slices.Contains(methods, "client_secret_basic")
}

// idpClient follows no redirect (RT-15) and reads a bounded answer only.
func idpClient(c *Config) *http.Client {
	client := *c.HTTPClient
	client.Timeout = 0 // the contexts bound each call
	client.Jar = nil
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client.Transport = limitBody{pooled(client.Transport, c.MaxCalls)}
	return &client
}

// pooled keeps as many connections as there may be calls: http.DefaultTransport keeps
// two for each host, and opens a new one for almost every call under load.
func pooled(rt http.RoundTripper, most int) http.RoundTripper {
	shared, ok := orDefault(rt).(*http.Transport)
	if !ok || shared != http.DefaultTransport {
		return orDefault(rt)
	}
	own := shared.Clone()
	own.MaxIdleConnsPerHost, own.MaxIdleConns = most, most
	return own
}

func orDefault(rt http.RoundTripper) http.RoundTripper {
	if rt == nil {
		return http.DefaultTransport
	}
	return rt
}

type limitBody struct{ next http.RoundTripper }

func (l limitBody) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &limitedBody{ReadCloser: resp.Body, left: maxDocument}
	return resp, nil
}

var errTooLarge = errors.New("the IdP's answer is too large")

type limitedBody struct {
	io.ReadCloser
	left int
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func checkEndpoint(raw string, allowHTTP bool) error {
	if raw == "" {
		return errors.New("is missing from its discovery document")
	}
	return weburl.Check(raw, allowHTTP)
}

// detached gives a call a context that outlives the browser's.
func (p *RelyingParty) detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return p.detachedFor(ctx, p.cfg.RequestTimeout)
}

func (p *RelyingParty) detachedFor(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d)
	stop := context.AfterFunc(p.calls, cancel) // the end of Close
	return ctx, func() { stop(); cancel() }
}
