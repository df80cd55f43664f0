package idp

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/dpop"
	"github.com/tandem-sso/tandem/rp/internal/keyset"
	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// Config says who asks which IdP, and how. Its defaults are the caller's to set.
type Config struct {
	Issuer           string
	ClientID, Secret string // no secret: a public client
	Method           string // of client authentication; empty: what the IdP takes
	Keys             []Key  // of the client; the first signs
	Certificate      bool   // the client shows one (RFC 8705)
	IDTokenAlg       string
	ResponseMode     string
	JAR              bool   // sign authorization requests, also where the IdP does not demand it
	RequestURI       bool   // the IdP fetches authorization requests
	DecryptionKeys   []Key  // open what the IdP has encrypted
	DPoP             bool   // access tokens are to be bound to a key
	FAPI             bool   // the IdP has to be one of FAPI 2.0
	PAR              bool   // push authorization requests, also where the IdP does not demand it
	EndSessionURL    string // goes before the IdP's own; empty: that counts
	UserinfoByPost   bool   // the access token goes there in a form
	NeedsUserinfo    bool   // the app cannot do without its claims

	HTTP           *http.Client                              // its Transport counts
	Around         func(http.RoundTripper) http.RoundTripper // wraps that; may be nil
	AllowHTTP      bool                                      // on hosts that are not loopback, too
	MaxCalls       int                                       // under way at once
	RequestTimeout time.Duration
	Skew           time.Duration
	Now            func() time.Time
	Logger         *slog.Logger

	signedAt func() time.Time // by the clock of who reads it; nil: Now
}

// Provider is one IdP as one client sees it: its metadata, its keys, its clock, and whether
// it answers. Its metadata may change while the application runs.
type Provider struct {
	Keys *keyset.Set
	// Nonces are those that servers want in proofs: the IdP, and APIs.
	Nonces dpop.Nonces
	// Differs is told when the clocks begin or cease to differ by more than Config.Skew;
	// ahead is by how much this server's is ahead of the IdP's. Set it before the first call.
	Differs func(ahead time.Duration)

	cfg    Config
	client *http.Client
	pulse  *pulse
	slots  chan struct{} // calls under way
	latest atomic.Pointer[Endpoints]
}

// Endpoints are the IdP as its discovery document describes it.
type Endpoints struct {
	*Metadata
	Client     *Client
	EndSession string // empty: there is none
	// CheckSession is the address of the frame that a page asks whether the session of its browser
	// has changed (OpenID Connect Session Management 1.0 §3.3); empty: there is none.
	CheckSession string
	Pushes       bool // authorization requests are pushed
	Signs        bool // authorization requests are signed
}

// NewProvider knows nothing of the IdP yet: Discover or Use tells it.
func NewProvider(c Config) *Provider {
	way := pooled(c.HTTP.Transport, c.MaxCalls)
	if c.Around != nil {
		way = c.Around(way)
	}
	heart := &pulse{now: c.Now, skew: c.Skew, next: limitBody{way}, doubts: make(chan struct{}, 1)}
	p := &Provider{cfg: c, client: PlainClient(c.HTTP, heart), pulse: heart, slots: make(chan struct{}, c.MaxCalls)}
	heart.differs = func(ahead time.Duration) {
		if p.Differs != nil {
			p.Differs(ahead)
		}
	}
	p.cfg.signedAt = p.Now
	p.Keys = keyset.New("", p.client, c.Now)
	p.Keys.Trouble = func(err error, until time.Time) {
		c.Logger.Warn("the IdP's keys are old and could not be read again; this instance keeps using the old ones",
			"error", err, "until",
			until)
	}
	return p
}

// At is what is known of the IdP now. A caller that needs two things of it asks once.
func (p *Provider) At() *Endpoints { return p.latest.Load() }

// Use makes m what is known of the IdP.
func (p *Provider) Use(m *Metadata) {
	p.Keys.From(m.JWKSURL)
	c, taken := &p.cfg, m.TokenAuthMethods
	if m.RevocationAuthMethods != nil {
		taken = m.RevocationAuthMethods
	}
	auth, revocation := c.AuthBy(m, m.TokenAuthMethods), c.AuthBy(m, taken)
	to := c.At(m)
	p.latest.Store(&Endpoints{
		Metadata: m, EndSession: c.endSession(m), CheckSession: c.checkSession(m), Pushes: c.pushes(m),
		Signs: c.signs(m),
		Client: &Client{
			HTTP: p.client, Now: c.Now, ahead: p.exactly, Nonces: &p.Nonces, signed: p.signed, Slots: p.slots,
			TokenURL: to.TokenURL, UserinfoURL: to.UserinfoURL,
			RevocationURL: to.RevocationURL, PARURL: to.PARURL, Auth: auth, RevocationAuth: revocation,
			UserinfoByPost: c.UserinfoByPost,
		},
	})
}

// Look reads the IdP's discovery document and uses nothing of it.
func (p *Provider) Look(ctx context.Context) (*Metadata, error) {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.RequestTimeout)
	defer cancel()
	return Discover(ctx, p.client, p.cfg.Issuer)
}

// Discover looks at the IdP and uses what it says. An answer that the configuration does
// not fit is an *UnfitError; any other error passes, perhaps.
func (p *Provider) Discover(ctx context.Context) error {
	m, err := p.Look(ctx)
	if err != nil {
		return fmt.Errorf("discovery of %s failed: %w (is the IdP running, and is this its exact issuer identifier?)",
			p.cfg.Issuer, err)
	}
	if err := p.Fits(m); err != nil {
		return err
	}
	p.Use(m)
	return nil
}

// endSession is the address of a log-out at an IdP with these metadata; empty: none.
func (c *Config) endSession(m *Metadata) string {
	if c.EndSessionURL != "" {
		return c.EndSessionURL
	}
	return m.EndSessionURL
}

// checkSession is where the check_session_iframe is, if a page can load it: an address that is
// none, or not https, is left out.
func (c *Config) checkSession(m *Metadata) string {
	if weburl.Check(m.CheckSessionURL, c.AllowHTTP) != nil {
		return ""
	}
	return m.CheckSessionURL
}
