package idpmock

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"
)

func errInvalidClient(desc string) *oauthError {
	return &oauthError{status: http.StatusUnauthorized, Code: "invalid_client", Desc: desc,
		scheme: `Basic realm="idp-mock",`}
}

// basicAuth reads client_secret_basic: both halves are form-encoded (RFC 6749
// §2.3.1), but for clients with BasicRaw.
func basicAuth(clients map[string]*Client, r *http.Request) (id, secret string, ok bool) {
	user, pass, ok := r.BasicAuth()
	if !ok {
		return "", "", false
	}
	if c := clients[user]; c != nil && c.BasicRaw {
		return user, pass, true
	}
	id, err1 := url.QueryUnescape(user)
	secret, err2 := url.QueryUnescape(pass)
	return id, secret, err1 == nil && err2 == nil
}

// authenticate finds the client of a request to the token endpoint and its
// relatives. Public clients pass by their client_id alone.
func (p *IDP) authenticate(cfg *settings, r *http.Request) (*Client, *oauthError) {
	form := r.PostForm
	if name := repeated(form); name != "" {
		return nil, errInvalidRequest(name + " is there more than once")
	}
	id, secret, method := form.Get("client_id"), "", "none"
	basicID, basicSecret, basic := basicAuth(cfg.clients, r)
	ways := 0
	if r.Header.Get("Authorization") != "" && strings.HasPrefix(strings.ToLower(r.Header.Get("Authorization")),
		"basic") {
		ways++
		if !basic {
			return nil, errInvalidClient("the Authorization header cannot be read")
		}
		if id != "" && id != basicID {
			return nil, errInvalidClient("client_id and the Authorization header name different clients")
		}
		id, secret, method = basicID, basicSecret, "client_secret_basic"
	}
	if form.Has("client_secret") {
		ways++
		secret, method = form.Get("client_secret"), "client_secret_post"
	}
	if form.Has("client_assertion") || form.Has("client_assertion_type") {
		ways++
		method = "private_key_jwt"
	}
	if ways > 1 {
		return nil, errInvalidRequest("more than one way of client authentication is used")
	}
	if method == "private_key_jwt" {
		c, err := p.clientByAssertion(cfg, r)
		if err != nil {
			return nil, err
		}
		if id != "" && id != c.ID {
			return nil, errInvalidClient("client_id and the assertion name different clients")
		}
		return p.admitted(c, r, method)
	}
	c := cfg.clients[id]
	if c == nil {
		return nil, errInvalidClient("the client is unknown")
	}
	if method == "none" && (c.AuthMethod == "tls_client_auth" || c.AuthMethod == "self_signed_tls_client_auth") {
		if !c.certified(c.AuthMethod, certificateOf(r)) {
			return nil, errInvalidClient("no certificate of this client was shown")
		}
		return p.admitted(c, r, c.AuthMethod)
	}
	if method != "none" && (c.Secret == "" || !sameSecret(c.Secret, secret)) {
		return nil, errInvalidClient("the client's secret is wrong")
	}
	if method != "none" && !c.secretUntil.IsZero() && !p.Now().Before(c.secretUntil) {
		return nil, errInvalidClient("the client's secret is over")
	}
	return p.admitted(c, r, method)
}

// admitted checks the method against what the client may use.
func (p *IDP) admitted(c *Client, r *http.Request, method string) (*Client, *oauthError) {
	exchangeOf(r).client = c.ID
	switch {
	case c.AuthMethod != "" && c.AuthMethod != method:
		return nil, errInvalidClient("this client must authenticate by " + c.AuthMethod)
	case c.AuthMethod == "" && method == "none" && !c.public():
		return nil, errInvalidClient("this client must authenticate")
	}
	return c, nil
}

// sameSecret takes the same time wherever the two differ, whatever their length.
func sameSecret(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// peekClient says, for records and faults, which client a request is of, as
// far as it shows without any check.
func (p *IDP) peekClient(r *http.Request) string {
	id := p.clientHint(r)
	return id[:min(len(id), 128)]
}

func (p *IDP) clientHint(r *http.Request) string {
	if id := r.Form.Get("client_id"); id != "" {
		return id
	}
	if id, _, ok := basicAuth(p.settings().clients, r); ok {
		return id
	}
	if _, token, err := accessTokenOf(r); err == nil && token != "" {
		p.mu.Lock()
		defer p.mu.Unlock()
		if t := p.access[keyOf(token)]; t != nil {
			return t.grant.client
		}
	}
	if assertion := r.PostForm.Get("client_assertion"); assertion != "" {
		return unverifiedSubject(assertion)
	}
	if uri := r.Form.Get("request_uri"); uri != "" {
		p.mu.Lock()
		defer p.mu.Unlock()
		if pr := p.pushed[keyOf(uri)]; pr != nil {
			return pr.client
		}
	}
	return ""
}
