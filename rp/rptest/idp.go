package rptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/tandem-sso/tandem/rp"
)

const (
	signingAlg = "ES256"
	// tokenLife outlasts Config.Absolute, because a test plays no browser that fetches
	// another token silently.
	tokenLife = 12 * time.Hour
)

// idp is just enough of an OpenID Provider for log-ins that succeed and sessions that go
// on. It refuses nothing but what it has not issued.
type idp struct {
	issuer, client, origin string
	now                    func() time.Time
	signer                 jose.Signer
	handler                http.Handler

	mu     sync.Mutex
	grants map[string]*grant // by code, access token and refresh token
}

type grant struct {
	Session
	nonce    string
	begun    time.Time
	redirect string
}

func newIDP(c *rp.Config) *idp {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // there is no randomness
	}
	public := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "1", Algorithm: signingAlg,
		Use: "sig"}}}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(signingAlg),
		Key: jose.JSONWebKey{Key: key, KeyID: "1"}}, nil)
	if err != nil {
		panic(err) // the key fits
	}
	p := &idp{issuer: c.Issuer, client: c.ClientID, now: c.Now, signer: signer, grants: map[string]*grant{}}
	if p.now == nil {
		p.now = time.Now
	}
	if u, err := url.Parse(c.Issuer); err == nil { // else rp.New says so
		p.origin = u.Scheme + "://" + u.Host
	}
	at := strings.TrimSuffix(c.Issuer, "/")
	prefix := strings.TrimPrefix(at, p.origin)
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+prefix+"/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{
			"issuer": p.issuer, "authorization_endpoint": at + "/authorize", "token_endpoint": at + "/token",
			"jwks_uri":          at + "/jwks",
			"userinfo_endpoint": at + "/userinfo", "revocation_endpoint": at + "/revoke", "end_session_endpoint": at +
				"/logout",
			"id_token_signing_alg_values_supported": []string{signingAlg}, "response_types_supported": []string{"code"},
			"subject_types_supported": []string{"public"}, "backchannel_logout_supported": true,
			"backchannel_logout_session_supported": true,
		})
	})
	mux.HandleFunc("GET "+prefix+"/jwks", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, public)
	})
	mux.HandleFunc("POST "+prefix+"/token", p.token)
	mux.HandleFunc(prefix+"/userinfo", p.userinfo)
	mux.HandleFunc("POST "+prefix+"/revoke", func(http.ResponseWriter, *http.Request) {})
	p.handler = mux
	return p
}

// authorize lets a person in and returns the callback.
func (p *idp) authorize(from string, s Session) (string, error) {
	u, err := url.Parse(from)
	if err != nil {
		return "", err
	}
	q := u.Query()
	to, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || q.Get("redirect_uri") == "" || q.Get("state") == "" || q.Get("client_id") != p.client {
		return "", errors.New("this is no authorization request of the Party: " + u.Redacted())
	}
	if s.Subject == "" {
		s.Subject = "user"
	}
	if s.SID == "" {
		s.SID = rand.Text()
	}
	if s.Scope == "" {
		s.Scope = q.Get("scope")
	}
	code := p.give(&grant{Session: s, nonce: q.Get("nonce"), begun: p.now(), redirect: q.Get("redirect_uri")})
	to.RawQuery = url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {p.issuer}}.Encode()
	return to.String(), nil
}

// give returns a new secret for a grant.
func (p *idp) give(g *grant) string {
	secret := rand.Text()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.grants[secret] = g
	return secret
}

func (p *idp) find(secret string) *grant {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.grants[secret]
}

func (p *idp) token(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm() // what cannot be read is not found
	secret := r.PostForm.Get("code") + r.PostForm.Get("refresh_token")
	g := p.find(secret)
	if g == nil || r.PostForm.Has("code") && g.redirect != r.PostForm.Get("redirect_uri") {
		answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
		return
	}
	nonce := ""
	if r.PostForm.Has("code") {
		nonce = g.nonce
	}
	p.mu.Lock()
	delete(p.grants, secret) // each is good once
	p.mu.Unlock()
	id, err := p.idToken(g, nonce)
	if err != nil {
		answer(w, http.StatusInternalServerError,
			map[string]any{"error": "server_error", "error_description": err.Error()})
		return
	}
	answer(w, http.StatusOK, map[string]any{
		"access_token": p.give(g), "refresh_token": p.give(g), "token_type": "Bearer",
		"expires_in": int(tokenLife / time.Second),
		"scope":      g.Scope, "id_token": id,
	})
}

func (p *idp) idToken(g *grant, nonce string) (string, error) {
	now := p.now()
	claims := map[string]any{"auth_time": g.begun.Unix(), "sid": g.SID}
	maps.Copy(claims, g.Claims)
	maps.Copy(claims, map[string]any{"iss": p.issuer, "sub": g.Subject, "aud": p.client, "iat": now.Unix(),
		"exp": now.Add(tokenLife).Unix()})
	if nonce != "" {
		claims["nonce"] = nonce
	}
	return jwt.Signed(p.signer).Claims(claims).Serialize()
}

func (p *idp) userinfo(w http.ResponseWriter, r *http.Request) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	g := p.find(token)
	if g == nil {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_token"})
		return
	}
	claims := maps.Clone(g.Claims)
	if claims == nil {
		claims = map[string]any{}
	}
	claims["sub"] = g.Subject
	answer(w, http.StatusOK, claims)
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
