package idpmock

import (
	"crypto/subtle"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tandem-sso/tandem/idp-mock/internal/plain"
)

// PathRegister is the client registration endpoint (RFC 7591 §3); below it is the
// configuration endpoint of each registered client (RFC 7592).
const PathRegister = "/register"

// EndpointRegister is the registration of a client, and what is done to it later.
const EndpointRegister Endpoint = "register"

// Registration of clients by themselves (OpenID Connect Dynamic Client Registration 1.0,
// RFC 7591, RFC 7592), for [Config].
type Registration struct {
	// InitialToken that a registration has to show. Empty: anybody may register.
	InitialToken string `json:"initial_token,omitempty"`
	// RotateTokens gives out another registration access token whenever a client's
	// configuration is read or changed; the old one is over.
	RotateTokens bool `json:"rotate_tokens,omitempty"`
	// RotateSecrets gives out another secret at a change that does not name the old one.
	RotateSecrets bool `json:"rotate_secrets,omitempty"`
	// SecretSeconds is how long a secret lives. 0: for ever.
	SecretSeconds int `json:"secret_seconds,omitempty"`
	// Unmanaged clients cannot be read or changed: RFC 7591 without RFC 7592.
	Unmanaged bool `json:"unmanaged,omitempty"`
	// Drops names metadata that the provider does not know and leaves out.
	Drops []string `json:"drops,omitempty"`
	// StatementKeys is a JSON key set that signs software statements (RFC 7591 §2.3).
	// Empty: they are ignored.
	StatementKeys json.RawMessage `json:"statement_keys,omitempty"`
	// RequireStatement refuses who shows none.
	RequireStatement bool `json:"require_statement,omitempty"`
}

// registered is what is kept of a client that has registered itself.
type registered struct {
	id       string
	token    string // registration access token
	issued   time.Time
	secret   string
	until    time.Time // of the secret; zero: for ever
	metadata map[string]any
}

// theirs are members that the provider gives, and a client must not (RFC 7592 §2.2).
var theirs = []string{"registration_access_token", "registration_client_uri",
	"client_secret_expires_at", "client_id_issued_at"}

func errMetadata(code, desc string) *oauthError {
	return &oauthError{status: http.StatusBadRequest, Code: code, Desc: desc}
}

func errToken(desc string) *oauthError {
	return &oauthError{status: http.StatusUnauthorized, Code: "invalid_token", Desc: desc, scheme: "Bearer"}
}

func bearerOf(r *http.Request) string {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return token
}

// register makes a client of what the body says.
func (p *IDP) register(w http.ResponseWriter, r *http.Request) {
	policy := p.settings().Registration
	if policy == nil {
		http.NotFound(w, r)
		return
	}
	if policy.InitialToken != "" && subtle.ConstantTimeCompare([]byte(policy.InitialToken), []byte(bearerOf(r))) != 1 {
		writeError(w, r, errToken("an initial access token is needed"))
		return
	}
	metadata, oerr := readMetadata(r)
	if oerr == nil {
		oerr = policy.shape(metadata)
	}
	if oerr != nil {
		writeError(w, r, oerr)
		return
	}
	g := &registered{id: "c-" + newSecret()[:16], token: newSecret(), issued: p.Now(), metadata: metadata}
	g.renewSecret(policy, p.Now())
	if oerr := p.admit(g); oerr != nil {
		writeError(w, r, oerr)
		return
	}
	plain.Write(w, http.StatusCreated, p.information(g, policy))
}

// manage reads, changes and deletes a client that has registered itself.
func (p *IDP) manage(w http.ResponseWriter, r *http.Request) {
	policy := p.settings().Registration
	if policy == nil || policy.Unmanaged {
		http.NotFound(w, r)
		return
	}
	p.mu.Lock()
	g := p.selfMade[r.PathValue("client")]
	if g == nil || subtle.ConstantTimeCompare([]byte(g.token), []byte(bearerOf(r))) != 1 {
		p.mu.Unlock()
		writeError(w, r, errToken("the registration access token is not that of a client"))
		return
	}
	changed := *g
	p.mu.Unlock()
	exchangeOf(r).client = g.id
	if r.Method == http.MethodDelete {
		p.mu.Lock()
		delete(p.selfMade, g.id)
		p.mu.Unlock()
		if err := p.Update(func(c *Config) {
			c.Clients = slices.DeleteFunc(c.Clients, func(o Client) bool { return o.ID == g.id })
		}); err != nil {
			writeError(w, r, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if policy.RotateTokens {
		changed.token = newSecret()
	}
	if r.Method == http.MethodPut {
		metadata, oerr := readMetadata(r)
		if oerr == nil {
			oerr = changed.replace(metadata, policy, p.Now())
		}
		if oerr != nil {
			writeError(w, r, oerr)
			return
		}
	}
	if oerr := p.admit(&changed); oerr != nil {
		writeError(w, r, oerr)
		return
	}
	plain.Write(w, http.StatusOK, p.information(&changed, policy))
}

// replace takes over the metadata of a change.
func (g *registered) replace(metadata map[string]any, policy *Registration, now time.Time) *oauthError {
	for _, name := range theirs {
		if _, there := metadata[name]; there {
			return errInvalidRequest(name + " is the provider's to give")
		}
	}
	secret, named := metadata["client_secret"]
	switch {
	case metadata["client_id"] != g.id:
		return errInvalidRequest("client_id is not this client's")
	case named && secret != g.secret:
		return errInvalidRequest("client_secret is not this client's")
	}
	delete(metadata, "client_id")
	delete(metadata, "client_secret")
	if oerr := policy.shape(metadata); oerr != nil {
		return oerr
	}
	method := g.metadata["token_endpoint_auth_method"]
	g.metadata = metadata
	if metadata["token_endpoint_auth_method"] != method || policy.RotateSecrets && !named {
		g.renewSecret(policy, now)
	}
	return nil
}

func (g *registered) renewSecret(policy *Registration, now time.Time) {
	g.secret, g.until = "", time.Time{}
	switch g.metadata["token_endpoint_auth_method"] {
	case "client_secret_basic", "client_secret_post":
		g.secret = newSecret()
		if policy.SecretSeconds > 0 {
			g.until = now.Add(time.Duration(policy.SecretSeconds) * time.Second)
		}
	}
}

func readMetadata(r *http.Request) (map[string]any, *oauthError) {
	raw, err := io.ReadAll(r.Body)
	var metadata map[string]any
	if err != nil || json.Unmarshal(raw, &metadata) != nil || metadata == nil {
		return nil, errMetadata("invalid_client_metadata", "the body is no JSON object")
	}
	return metadata, nil
}

// shape applies a software statement, what is dropped and the defaults.
func (policy *Registration) shape(metadata map[string]any) *oauthError {
	statement, _ := metadata["software_statement"].(string)
	switch {
	case statement != "" && len(policy.StatementKeys) > 0:
		claims, oerr := policy.statement(statement)
		if oerr != nil {
			return oerr
		}
		maps.Copy(metadata, claims) // they count, not what stands beside them (RFC 7591 §2.3)
	case policy.RequireStatement:
		return errMetadata("invalid_software_statement", "a software statement is needed")
	}
	for _, name := range policy.Drops {
		delete(metadata, name)
	}
	for name, preset := range map[string]any{ // RFC 7591 §2
		"token_endpoint_auth_method": "client_secret_basic",
		"grant_types":                []any{"authorization_code"}, "response_types": []any{"code"},
	} {
		if _, there := metadata[name]; !there {
			metadata[name] = preset
		}
	}
	return nil
}

// statement verifies a software statement and returns its claims about the client.
func (policy *Registration) statement(raw string) (map[string]any, *oauthError) {
	var keys jose.JSONWebKeySet
	jws, err := jose.ParseSignedCompact(raw, clientAlgs)
	if err != nil || json.Unmarshal(policy.StatementKeys, &keys) != nil {
		return nil, errMetadata("invalid_software_statement", "the software statement cannot be read")
	}
	for _, key := range keys.Keys {
		payload, err := jws.Verify(key.Key)
		if err != nil {
			continue
		}
		var claims map[string]any
		if json.Unmarshal(payload, &claims) != nil {
			return nil, errMetadata("invalid_software_statement", "the software statement has no claims")
		}
		for _, name := range []string{"iss", "iat", "exp", "aud", "jti"} {
			delete(claims, name)
		}
		return claims, nil
	}
	return nil, errMetadata("unapproved_software_statement", "nobody who is trusted has signed it")
}

// admit makes the client, or changes it.
func (p *IDP) admit(g *registered) *oauthError {
	c, oerr := g.client()
	if oerr != nil {
		return oerr
	}
	if err := p.SetClient(c); err != nil {
		return errMetadata("invalid_client_metadata", "a value is not allowed")
	}
	p.mu.Lock()
	p.selfMade[g.id] = g
	p.mu.Unlock()
	return nil
}

// client is what the metadata make of it.
func (g *registered) client() (Client, *oauthError) {
	m := g.metadata
	c := Client{
		ID: g.id, Secret: g.secret, secretUntil: g.until,
		AuthMethod:                  str(m["token_endpoint_auth_method"]),
		RedirectURIs:                texts(m["redirect_uris"]),
		BackchannelLogoutURI:        str(m["backchannel_logout_uri"]),
		FrontchannelLogoutURI:       str(m["frontchannel_logout_uri"]),
		PostLogoutRedirectURIs:      texts(m["post_logout_redirect_uris"]),
		BackchannelSessionRequired:  m["backchannel_logout_session_required"] == true,
		FrontchannelSessionRequired: m["frontchannel_logout_session_required"] == true,
		RefreshTokens:               slices.Contains(texts(m["grant_types"]), "refresh_token"),
		RequirePAR:                  m["require_pushed_authorization_requests"] == true,
		DPoPBound:                   m["dpop_bound_access_tokens"] == true,
		RequireJAR:                  m["require_signed_request_object"] == true,
		RequestURIs:                 texts(m["request_uris"]),
	}
	if len(c.RedirectURIs) == 0 {
		return c, errMetadata("invalid_redirect_uri", "redirect_uris is missing")
	}
	for _, raw := range c.RedirectURIs {
		if u, err := url.Parse(raw); err != nil || !u.IsAbs() || u.Fragment != "" {
			return c, errMetadata("invalid_redirect_uri", "a redirect URI is no absolute URI without fragment")
		}
	}
	if keys, ok := m["jwks"].(map[string]any); ok {
		c.JWKS, _ = json.Marshal(keys) // it was JSON a moment ago
	}
	switch c.AuthMethod {
	case "client_secret_basic", "client_secret_post", "none":
	case "private_key_jwt":
		if len(c.JWKS) == 0 {
			return c, errMetadata("invalid_client_metadata", "jwks is missing; jwks_uri is not fetched here")
		}
	default:
		return c, errMetadata("invalid_client_metadata", "token_endpoint_auth_method is none that is supported")
	}
	return c, nil
}

// information is the answer (RFC 7591 §3.2.1, RFC 7592 §3).
func (p *IDP) information(g *registered, policy *Registration) map[string]any {
	out := maps.Clone(g.metadata)
	out["client_id"], out["client_id_issued_at"] = g.id, g.issued.Unix()
	if g.secret != "" {
		out["client_secret"], out["client_secret_expires_at"] = g.secret, 0
		if !g.until.IsZero() {
			out["client_secret_expires_at"] = g.until.Unix()
		}
	}
	if !policy.Unmanaged {
		out["registration_access_token"] = g.token
		out["registration_client_uri"] = p.endpoint(PathRegister) + "/" + g.id
	}
	return out
}

func str(v any) string { s, _ := v.(string); return s }

func texts(v any) (out []string) {
	list, _ := v.([]any)
	for _, one := range list {
		if s, ok := one.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
