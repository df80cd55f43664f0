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

// ErrNotOffered is returned by Discover for an IdP that registers no clients by a program.
var ErrNotOffered = errors.New("registration: the IdP's discovery document names no registration_endpoint; " +
	"switch dynamic client registration on there, set Config.Endpoint, or register by hand")

// ErrNotManaged is returned where the IdP gave no registration_client_uri: what it has
// registered is changed there, by hand.
var ErrNotManaged = errors.New("registration: the IdP gave no address to manage this client " +
	"(RFC 7592); change it there")

// ErrNotRotated is returned by RotateSecret where the IdP has kept the secret.
var ErrNotRotated = errors.New("registration: the IdP has kept the secret; rotate it there, " +
	"or register anew and delete this client")

// Discover finds the registration endpoint. Errors: a *ConfigError, ErrNotOffered, an
// *Error where the IdP did not answer as it should have; any other means that it could not
// be reached.
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
		return nil, errors.New("registration: the discovery document is not the JSON that it should be")
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

// Register makes a client (RFC 7591 §3). What the IdP has registered may differ from what
// was asked: see Client.Differences. If the answer is lost, a client may have been made
// that nobody knows. Errors: a *ConfigError of m, an *Error.
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

// Read asks what the IdP has registered (RFC 7592 §2.1). Keep the Client that it returns
// instead of c: the IdP may have given out another registration access token, or another
// secret, and the old one is over. Errors: ErrNotManaged, an *Error; one with status 401
// says that the client is no more, or that c is an old one.
func (p *IDP) Read(ctx context.Context, c Client) (Client, error) {
	return p.manage(ctx, "read the client", http.MethodGet, c, nil)
}

// Update replaces the metadata of a client by m: what m leaves out is taken away (RFC 7592
// §2.2). Keep the Client that it returns instead of c, as with Read.
func (p *IDP) Update(ctx context.Context, c Client, m Metadata) (Client, error) {
	if err := m.check(p.cfg.InsecureAllowHTTP); err != nil {
		return Client{}, err
	}
	return p.update(ctx, c, m, c.Secret)
}

// RotateSecret asks for another client secret, by an update that does not name the
// present one (RFC 7592 §2.2). Many IdPs keep it: then ErrNotRotated is returned, beside
// the Client to keep. The old secret is over at once, so let the apps have the new one
// first thing.
func (p *IDP) RotateSecret(ctx context.Context, c Client) (Client, error) {
	got, err := p.update(ctx, c, c.Metadata, "")
	if err == nil && got.Secret == c.Secret {
		err = ErrNotRotated
	}
	return got, err
}

// Delete removes a client (RFC 7592 §2.3). People who are signed in through it may be
// signed out. A client that is no more is an *Error with status 401.
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
