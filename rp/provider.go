package rp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"

	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/keyset"
	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

const maxDocument = 2 << 20 // bytes that are read of any answer of the IdP

// provider is the IdP, with everything needed to call it. Its metadata may change while
// this instance runs.
type provider struct {
	client *http.Client
	keys   *keyset.Set
	pulse  *pulse
	slots  chan struct{} // calls under way
	latest atomic.Pointer[endpoints]
}

// endpoints are the IdP as its discovery document describes it.
type endpoints struct {
	*idp.Metadata
	oauth      oauth2.Config // for the authorization URL
	calls      *idp.Client
	endSession string // empty: there is none
}

// at is what is known of the IdP now. A caller that needs two things of it asks once.
func (p *provider) at() *endpoints { return p.latest.Load() }

// newProvider knows nothing of the IdP yet: use tells it.
func newProvider(c *Config) *provider {
	client := idpClient(c)
	heart := &pulse{now: c.Now, skew: c.Skew, next: client.Transport, doubts: make(chan struct{}, 1)}
	client.Transport = heart
	p := &provider{client: client, pulse: heart, slots: make(chan struct{}, c.MaxCalls)}
	p.keys = keyset.New("", client, c.Now)
	p.keys.Trouble = func(err error, until time.Time) {
		c.Logger.Warn("the IdP's keys are old and cannot be read again; the old ones go on", "error", err, "until", until)
	}
	return p
}

// use makes m what is known of the IdP.
func (p *provider) use(c *Config, m *idp.Metadata) {
	p.keys.From(m.JWKSURL)
	p.latest.Store(&endpoints{
		Metadata: m, endSession: endSessionURL(c, m),
		oauth: oauth2.Config{
			ClientID: c.ClientID, ClientSecret: string(c.ClientSecret), Scopes: c.Scopes,
			Endpoint: oauth2.Endpoint{AuthURL: m.AuthURL},
		},
		calls: &idp.Client{
			HTTP: p.client, Now: c.Now, Slots: p.slots, TokenURL: m.TokenURL, UserinfoURL: m.UserinfoURL, RevocationURL: m.RevocationURL,
			Auth: c.clientAuth(m),
		},
	})
}

// discover asks the IdP. An answer that the configuration does not fit is a
// *ConfigError; any other error passes, perhaps.
func (p *provider) discover(ctx context.Context, c *Config) error {
	ctx, cancel := context.WithTimeout(ctx, c.RequestTimeout)
	defer cancel()
	m, err := idp.Discover(ctx, p.client, c.Issuer)
	if err != nil {
		return fmt.Errorf("rp: Config.Issuer: discovery of %s failed: %w (is the IdP running, and is this its exact issuer identifier?)", c.Issuer, err)
	}
	if err := fits(c, m); err != nil {
		return err
	}
	p.use(c, m)
	return nil
}

// fits is nil if this client can work with an IdP of that kind, else a *ConfigError, or
// several joined.
func fits(c *Config, m *idp.Metadata) error {
	if err := usable(c, m); err != nil {
		return err
	}
	if err := demands(c, m); err != nil {
		return err
	}
	if c.UserinfoClaims && m.UserinfoURL == "" {
		return wrong("UserinfoClaims", "is set, but the IdP has no userinfo_endpoint in its discovery document; leave it unset, and let the IdP put the claims into the ID token")
	}
	if len(m.IDTokenAlgs) > 0 && !slices.Contains(m.IDTokenAlgs, c.IDTokenAlg) {
		return wrong("IDTokenAlg", "is %s, but the IdP signs with %s", c.IDTokenAlg, list(m.IDTokenAlgs))
	}
	if len(m.PKCEMethods) > 0 && !slices.Contains(m.PKCEMethods, "S256") {
		return wrong("Issuer", "the IdP supports PKCE by %s only; S256 is needed", list(m.PKCEMethods))
	}
	return nil
}

// usable is nil if m is that of this issuer, and its endpoints may be called.
func usable(c *Config, m *idp.Metadata) error {
	if m.Issuer != c.Issuer { // CORE-04
		return wrong("Issuer", "the IdP calls itself %q; set exactly that", m.Issuer[:min(len(m.Issuer), 200)])
	}
	for _, e := range []struct {
		name, url string
		required  bool
	}{
		{"authorization_endpoint", m.AuthURL, true}, {"token_endpoint", m.TokenURL, true}, {"jwks_uri", m.JWKSURL, true},
		{"userinfo_endpoint", m.UserinfoURL, false}, {"end_session_endpoint", endSessionURL(c, m), false},
		{"revocation_endpoint", m.RevocationURL, false},
	} {
		if e.url == "" && !e.required {
			continue
		}
		if err := checkEndpoint(e.url, c.InsecureAllowHTTP); err != nil {
			return wrong("Issuer", "the IdP's %s %v", e.name, err)
		}
	}
	return nil
}

// The values of Config.ClientAuth.
const (
	secretBasic    = "client_secret_basic"
	secretPost     = "client_secret_post"
	secretBasicRaw = "client_secret_basic_raw" // no standard's word
)

// clientAuth is what the configuration says, else client_secret_basic, which is the
// default (Discovery §3), unless the IdP takes client_secret_post alone. Never both in
// turn: a failed request, and with it the code or the refresh token, would be sent twice.
func (c *Config) clientAuth(m *idp.Metadata) idp.ClientAuth {
	inForm := len(m.TokenAuthMethods) > 0 && !slices.Contains(m.TokenAuthMethods, secretBasic)
	if c.ClientAuth != "" {
		inForm = c.ClientAuth == secretPost
	}
	return idp.ClientAuth{ID: c.ClientID, Secret: string(c.ClientSecret), InForm: inForm, Raw: c.ClientAuth == secretBasicRaw}
}

// idpClient follows no redirect (RT-15) and reads a bounded answer only.
func idpClient(c *Config) *http.Client {
	return plainClient(c, limitBody{pooled(c.HTTPClient.Transport, c.MaxCalls)})
}

// plainClient makes one request at a time: it follows no redirect and keeps no cookie.
func plainClient(c *Config, by http.RoundTripper) *http.Client {
	client := *c.HTTPClient
	client.Timeout = 0 // the contexts bound each call
	client.Jar = nil
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client.Transport = by
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
