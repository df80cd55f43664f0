package idpmock

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// supportedScopes of the provider; others are dropped from what is granted.
var supportedScopes = []string{"openid", "profile", "email", "offline_access"}

// authRequest is a checked authorization request.
type authRequest struct {
	client       *Client
	redirectURI  string
	responseMode string
	state        string
	nonce        string
	scope        []string
	challenge    string
	prompt       []string
	maxAge       time.Duration // negative: none
	acr          string        // "" or one of Config.ACRValues
	loginHint    string
	hintSub      string // of id_token_hint
	dpopJKT      string
	resources    []string // RFC 8707 §2.1
	// accessOffline is Google's access_type=offline, see RefreshAccessType.
	accessOffline bool
}

func (a *authRequest) prompts(p string) bool { return slices.Contains(a.prompt, p) }

// authError is a refused authorization request. It may be sent to the client
// only if to is set: before client and redirect_uri are known to be good,
// nothing is sent anywhere (RFC 6749 §4.1.2.1).
type authError struct {
	oauthError
	to *authRequest
}

func (e *authError) Unwrap() error { return &e.oauthError }

func refuse(to *authRequest, code, format string, a ...any) *authError {
	return &authError{oauthError{status: http.StatusBadRequest, Code: code, Desc: fmt.Sprintf(format, a...)}, to}
}

// parseAuthRequest checks form. It trusts nothing in it.
func (p *IDP) parseAuthRequest(cfg *settings, form url.Values) (*authRequest, *authError) {
	c := cfg.clients[form.Get("client_id")]
	if c == nil {
		return nil, refuse(nil, "invalid_request", "client_id is missing or unknown")
	}
	if name := repeated(form); name == "redirect_uri" || name == "client_id" {
		return nil, refuse(nil, "invalid_request", "%s is there more than once", name)
	}
	a := &authRequest{client: c, redirectURI: form.Get("redirect_uri"), state: form.Get("state"), maxAge: -1,
		responseMode: "query"}
	if !slices.Contains(c.RedirectURIs, a.redirectURI) { // exact, RFC 9700 §2.1
		return nil, refuse(nil, "invalid_request", "redirect_uri is not registered for client %q", c.ID)
	}
	switch mode := form.Get("response_mode"); mode {
	case "", "query":
	case "form_post", "jwt", "query.jwt", "form_post.jwt":
		a.responseMode = mode
	default:
		return nil, refuse(a, "invalid_request", "response_mode must be query, form_post, jwt, query.jwt or "+
			"form_post.jwt")
	}
	if cfg.Temperament.RequireFormPost && !strings.HasPrefix(a.responseMode, "form_post") {
		return nil, refuse(a, "invalid_request", "response_mode must be form_post")
	}
	if name := repeated(form); name != "" {
		return nil, refuse(a, "invalid_request", "%s is there more than once", name)
	}
	if form.Has("request") {
		return nil, refuse(a, "request_not_supported", "request objects are supported for clients with keys")
	}
	if form.Get("response_type") != "code" {
		return nil, refuse(a, "unsupported_response_type", "response_type must be code")
	}
	if len(cfg.APIs) > 0 {
		for _, name := range form["resource"] {
			if cfg.api(name) == nil {
				return nil, refuse(a, "invalid_target", "no such API")
			}
			a.resources = append(a.resources, name)
		}
	}
	for s := range strings.FieldsSeq(form.Get("scope")) {
		if slices.Contains(supportedScopes, s) && !slices.Contains(a.scope, s) &&
			(s != "offline_access" || c.RefreshTokens) {
			a.scope = append(a.scope, s)
		}
	}
	if !slices.Contains(a.scope, "openid") {
		return nil, refuse(a, "invalid_scope", "scope must contain openid")
	}
	if err := a.parsePKCE(form, cfg.PKCEOptional || c.PKCEOptional); err != nil {
		return nil, err
	}
	if err := a.parsePrompt(form); err != nil {
		return nil, err
	}
	if t := &cfg.Temperament; t.NoOfflineAccess || t.RefreshToken == RefreshNever || t.RefreshToken == RefreshConsent &&
		!a.prompts("consent") {
		a.scope = slices.DeleteFunc(a.scope, func(s string) bool { return s == "offline_access" })
	}
	a.accessOffline = cfg.Temperament.RefreshToken == RefreshAccessType && form.Get("access_type") == "offline"
	a.nonce, a.loginHint, a.dpopJKT = form.Get("nonce"), form.Get("login_hint"), form.Get("dpop_jkt")
	for v := range strings.FieldsSeq(form.Get("acr_values")) {
		if slices.Contains(cfg.ACRValues, v) {
			a.acr = v
			break
		}
	}
	if hint := form.Get("id_token_hint"); hint != "" {
		claims, err := p.keys.verify(cfg.SigningAlg, hint)
		if err != nil || claims["iss"] != cfg.Issuer {
			return nil, refuse(a, "invalid_request", "id_token_hint is no ID token of this provider")
		}
		a.hintSub, _ = claims["sub"].(string)
	}
	return a, nil
}

// hints reports whether the request's login_hint names the user.
func (a *authRequest) hints(u User) bool {
	return a.loginHint != "" && (a.loginHint == u.Username || a.loginHint == u.Subject || a.loginHint == u.Email)
}

// parsePKCE admits S256 only (RFC 9700 §2.1.1).
func (a *authRequest) parsePKCE(form url.Values, optional bool) *authError {
	a.challenge = form.Get("code_challenge")
	method := form.Get("code_challenge_method")
	switch {
	case a.challenge == "" && method != "":
		return refuse(a, "invalid_request", "code_challenge_method without code_challenge")
	case a.challenge == "" && !optional:
		return refuse(a, "invalid_request", "code_challenge is missing: this client must use PKCE (RFC 7636), "+
			"or be let off by PKCEOptional (pkce_optional in JSON, -pkce-optional)")
	case a.challenge == "":
		return nil
	case method != "S256":
		return refuse(a, "invalid_request", "code_challenge_method must be S256")
	case len(a.challenge) != 43:
		return refuse(a, "invalid_request", "code_challenge is no S256 challenge: want 43 characters")
	}
	return nil
}

func (a *authRequest) parsePrompt(form url.Values) *authError {
	a.prompt = strings.Fields(form.Get("prompt"))
	for _, v := range a.prompt {
		if !slices.Contains([]string{"none", "login", "consent", "select_account"}, v) {
			return refuse(a, "invalid_request", "prompt has an unknown value")
		}
	}
	if a.prompts("none") && len(a.prompt) > 1 {
		return refuse(a, "invalid_request", "prompt=none excludes other values")
	}
	if v := form.Get("max_age"); v != "" {
		n, err := strconv.ParseUint(v, 10, 31)
		if err != nil {
			return refuse(a, "invalid_request", "max_age must be a number of seconds")
		}
		a.maxAge = time.Duration(n) * time.Second
	}
	return nil
}

// needsLogin says whether a person with session s (nil for none) has to sign in
// for the request, and why.
func (a *authRequest) needsLogin(s *session, now time.Time) (string, bool) {
	switch {
	case s == nil:
		return "nobody is signed in", true
	case a.prompts("login") || a.prompts("select_account"):
		return "the client wants a fresh sign-in", true
	case a.maxAge == 0 || a.maxAge > 0 && now.Sub(s.authTime) > a.maxAge:
		return "the sign-in is older than max_age", true
	case a.acr != "" && a.acr != s.acr:
		return "another acr is asked for", true
	case a.hintSub != "" && a.hintSub != s.user.Subject:
		return "somebody else is signed in than id_token_hint says", true
	}
	return "", false
}

// mayContinue reports whether the page may offer to go on with session s: only
// where all that the client wants is a choice of account.
func (a *authRequest) mayContinue(s *session, now time.Time) bool {
	rest := *a
	rest.prompt = slices.DeleteFunc(slices.Clone(a.prompt), func(v string) bool { return v == "select_account" })
	_, needed := rest.needsLogin(s, now)
	return !needed
}
