package registration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// IDP is where apps register. It is safe for concurrent use.
type IDP struct {
	*private // cfg
	endpoint string
	client   *http.Client
}

// private is the part that reflection must not reach, because fmt prints an unexported
// field without asking it, but follows no pointer from there.
type private struct{ cfg Config }

// ErrNotOffered is returned by Discover if the IdP does not register clients by a program.
var ErrNotOffered = errors.New("registration: the IdP's discovery document names no registration_endpoint; " +
	"switch dynamic client registration on there, set Config.Endpoint, or register by hand")

// ErrNotManaged is returned if the IdP gave no registration_client_uri: then change the
// registration at the IdP, by hand.
var ErrNotManaged = errors.New("registration: the IdP gave no address to manage this client " +
	"(RFC 7592); change it there")

// ErrNotRotated is returned by RotateSecret if the IdP kept the old secret.
var ErrNotRotated = errors.New("registration: the IdP has kept the secret; rotate it there, " +
	"or register anew and delete this client")

// Discover finds the registration endpoint. Errors: a *ConfigError; ErrNotOffered; an *Error
// if the IdP gave a wrong answer; any other error means that the IdP could not be reached.
func Discover(ctx context.Context, cfg Config) (*IDP, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	p := &IDP{private: &private{cfg}, endpoint: cfg.Endpoint, client: remote(cfg.HTTPClient)}
	if p.endpoint != "" {
		return p, nil
	}
	var meta struct {
		Issuer   string `json:"issuer"`
		Endpoint string `json:"registration_endpoint"`
	}
	where := strings.TrimSuffix(cfg.Issuer, "/") + "/.well-known/openid-configuration"
	raw, err := p.call(ctx, "read the discovery document", http.MethodGet, where, "", nil, http.StatusOK)
	if err != nil {
		return nil, err
	}
	switch err := json.Unmarshal(raw, &meta); {
	case err != nil:
		return nil, errors.New("registration: the discovery document is not the expected JSON")
	case meta.Issuer != cfg.Issuer:
		return nil, &ConfigError{"Config.Issuer", fmt.Sprintf("the IdP calls itself %.200q; set exactly that",
			meta.Issuer)}
	case meta.Endpoint == "":
		return nil, ErrNotOffered
	}
	if err := weburl.Check(meta.Endpoint, cfg.InsecureAllowHTTP); err != nil {
		return nil, &ConfigError{"Config.Issuer", "the IdP's registration_endpoint " + err.Error()}
	}
	p.endpoint = meta.Endpoint
	return p, nil
}

// Register makes a client (RFC 7591 §3). The registered metadata may differ from m: see
// Client.Differences. If the answer is lost, the IdP may have made a client that nobody
// knows. Errors: a *ConfigError about m, an *Error.
func (p *IDP) Register(ctx context.Context, m Metadata) (Client, error) {
	if err := m.check(p.cfg.InsecureAllowHTTP); err != nil {
		return Client{}, err
	}
	body, err := m.members()
	if err != nil {
		return Client{}, err
	}
	raw, err := p.call(ctx, "register", http.MethodPost, p.endpoint, p.cfg.InitialAccessToken, body, http.StatusCreated)
	if err != nil {
		return Client{}, err
	}
	return parseClient(raw, Client{}, p.cfg.InsecureAllowHTTP)
}

// Read reads the registration from the IdP (RFC 7592 §2.1). Keep the Client that it returns
// instead of c: the IdP may have given out another registration access token, or another
// secret, and the old one is then invalid. Errors: ErrNotManaged, an *Error. An *Error with
// status 401 means that the client no longer exists, or that c is outdated.
func (p *IDP) Read(ctx context.Context, c Client) (Client, error) {
	return p.manage(ctx, "read the client", http.MethodGet, c, nil)
}

// Update replaces the metadata of a client by m: metadata that m leaves out are removed (RFC
// 7592 §2.2). Keep the Client that it returns instead of c, as with Read.
func (p *IDP) Update(ctx context.Context, c Client, m Metadata) (Client, error) {
	if err := m.check(p.cfg.InsecureAllowHTTP); err != nil {
		return Client{}, err
	}
	return p.update(ctx, c, m, c.Secret)
}

// RotateSecret asks for another client secret, by an update that does not name the
// present one (RFC 7592 §2.2). Many IdPs keep the present secret: then RotateSecret returns
// ErrNotRotated together with the Client to keep. Otherwise the old secret is invalid at
// once, so give the new one to the apps immediately.
func (p *IDP) RotateSecret(ctx context.Context, c Client) (Client, error) {
	got, err := p.update(ctx, c, c.Metadata, "")
	if err == nil && got.Secret == c.Secret {
		err = ErrNotRotated
	}
	return got, err
}

// Delete removes a client (RFC 7592 §2.3). People who are signed in through it may be
// signed out. If the client no longer exists, the error is an *Error with status 401.
func (p *IDP) Delete(ctx context.Context, c Client) error {
	if c.ManagementURL == "" || c.ManagementToken == "" {
		return ErrNotManaged
	}
	_, err := p.call(ctx, "delete the client", http.MethodDelete, c.ManagementURL, c.ManagementToken, nil,
		http.StatusNoContent)
	return err
}

func (p *IDP) update(ctx context.Context, c Client, m Metadata, secret rp.Secret) (Client, error) {
	body, err := m.members()
	if err != nil {
		return Client{}, err
	}
	body["client_id"] = quoted(c.ID)
	if secret != "" {
		body["client_secret"] = quoted(string(secret))
	}
	return p.manage(ctx, "update the client", http.MethodPut, c, body)
}

func (p *IDP) manage(ctx context.Context, what, method string, c Client, body members) (Client, error) {
	if c.ManagementURL == "" || c.ManagementToken == "" {
		return Client{}, ErrNotManaged
	}
	if err := weburl.Check(c.ManagementURL, p.cfg.InsecureAllowHTTP); err != nil {
		return Client{}, &ConfigError{"Client.ManagementURL", err.Error()}
	}
	raw, err := p.call(ctx, what, method, c.ManagementURL, c.ManagementToken, body, http.StatusOK)
	if err != nil {
		return Client{}, err
	}
	return parseClient(raw, c, p.cfg.InsecureAllowHTTP)
}

// String names the IdP.
func (p *IDP) String() string {
	if p == nil || p.private == nil {
		return "registration.IDP()"
	}
	return "registration.IDP(" + p.cfg.Issuer + ")"
}

// Format prints String, by every verb.
func (p *IDP) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.String()) }
