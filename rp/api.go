package rp

import (
	"crypto/sha256"
	"encoding/binary"
	"net/url"
	"slices"
	"strings"

	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// API is a resource server that Session.Client may call. With only Origin it gets the access token
// of the log-in. With Resource, Audience or Scopes (Kind RefreshToken only) it gets a token of its
// own, which is fetched by a refresh when it is first needed. docs/apis.md says which of the three
// an IdP wants.
type API struct {
	// Origin is scheme and host, https://api.example.com, written in ASCII.
	Origin string
	// Resource is the resource parameter of RFC 8707, an absolute URI. The log-in names it,
	// too (§2.1), unless Config.LoginParams has a resource.
	Resource string
	// Audience is Auth0's parameter audience.
	Audience string
	// Scopes to ask the token endpoint for, such as api://notes/read (Entra ID). If the IdP
	// asks for consent at the log-in, add them to Config.Scopes, too.
	Scopes []string
}

func (a *API) own() bool { return a.Resource != "" || a.Audience != "" || len(a.Scopes) > 0 }

// audience is nil for the token of the log-in.
func (a *API) audience() *engine.Audience {
	if !a.own() {
		return nil
	}
	form := url.Values{}
	h := sha256.New()
	for _, part := range []struct{ name, value string }{{"resource", a.Resource}, {"audience", a.Audience},
		{"scope", strings.Join(a.Scopes, " ")}} {
		_ = binary.Write(h, binary.BigEndian, uint32(len(part.value))) // a hash takes everything
		h.Write([]byte(part.value))
		if part.value != "" {
			form.Set(part.name, part.value)
		}
	}
	return &engine.Audience{ID: string(h.Sum(nil)[:16]), Form: form, Name: a.Origin}
}

// checkAPIs completes and checks Config.APIs.
func (c *Config) checkAPIs(fault func(field, cure string, args ...any)) {
	c.APIs = slices.Clone(c.APIs)
	origins, kinds := map[string]bool{}, map[string]bool{}
	for i := range c.APIs {
		a := &c.APIs[i]
		if err := weburl.CheckOrigin(a.Origin, c.InsecureAllowHTTP); err != nil {
			fault("APIs", "%v", err)
			continue
		}
		a.Origin = weburl.Origin(a.Origin)
		if origins[a.Origin] {
			fault("APIs", "has %s twice; an origin can get only one token, so keep one of the two", a.Origin)
		}
		origins[a.Origin] = true
		if !a.own() {
			continue
		}
		kinds[a.audience().ID] = true
		if c.Kind != RefreshToken {
			fault("APIs", "%s needs an access token of its own, and only a refresh token can fetch one: set Kind to "+
				"rp.RefreshToken", a.Origin)
		}
		if u, err := url.Parse(a.Resource); a.Resource != "" &&
			(err != nil || !u.IsAbs() || strings.Contains(a.Resource, "#")) {
			fault("APIs", "%s has the resource %q; use an absolute URI without a fragment (RFC 8707 §2), or Audience",
				a.Origin, a.Resource)
		}
		for _, scope := range a.Scopes {
			if !isScope(scope) {
				fault("APIs", "%s has the scope %q; give each scope by itself, without spaces", a.Origin, scope)
			}
		}
		if len(a.Resource)+len(a.Audience)+len(strings.Join(a.Scopes, " ")) > maxAPIName {
			fault("APIs", "%s asks for more than %d bytes", a.Origin, maxAPIName)
		}
	}
	if len(kinds) > engine.MaxOwnTokens {
		fault("APIs", "asks for %d different tokens, but a session keeps at most %d: give APIs the same Resource, "+
			"Audience and Scopes, so that they share a token", len(kinds), engine.MaxOwnTokens)
	}
}

const maxAPIName = 1 << 10 // bytes of what is asked for

// isScope is RFC 6749 §3.3.
func isScope(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < '!' || r > '~' || r == '"' || r == '\\' })
}

// audiencesOf maps origins to what their token is asked for; nil: that of the log-in.
func audiencesOf(apis []API) map[string]*engine.Audience {
	of, byID := map[string]*engine.Audience{}, map[string]*engine.Audience{}
	for i := range apis {
		a := apis[i].audience()
		if a != nil {
			if byID[a.ID] == nil {
				byID[a.ID] = a
			}
			a = byID[a.ID]
		}
		of[apis[i].Origin] = a
	}
	return of
}

// resourcesOf are what the authorization request names of Config.APIs (RFC 8707 §2.1).
func resourcesOf(apis []API) (all []string) {
	for i := range apis {
		if r := apis[i].Resource; r != "" && !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	return all
}
