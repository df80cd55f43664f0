package idpmock

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// API is a resource server for which a client may ask for a separate token, in each way that
// providers have: resource (RFC 8707; Logto, oidc-provider), audience (Auth0), and scopes
// that begin with the API's name (Entra ID: api://notes/read). The audience of the access
// token is then only that API.
type API struct {
	// Audience is the API's name, and the aud of its tokens.
	Audience string `json:"audience"`
	// Scopes that the API knows. If the client asks for none, the token has all of them.
	Scopes []string `json:"scopes,omitempty"`
	// AtLogin issues its tokens only if the authorization request has named it by
	// resource, as oidc-provider and Logto do (RFC 8707 §2.2).
	AtLogin bool `json:"at_login,omitempty"`
}

// defaultScope of an API at Entra ID: whatever has been granted.
const defaultScope = ".default"

func (s *settings) api(name string) *API {
	for i := range s.APIs {
		if s.APIs[i].Audience == name {
			return &s.APIs[i]
		}
	}
	return nil
}

// target is what a token request asks for beside what was granted.
type target struct {
	api   *API     // nil: no API of its own
	scope []string // of the API
	rest  string   // the scopes that are no API's
	asked bool     // scope was there
}

func errInvalidScope(desc string) *oauthError {
	return &oauthError{status: http.StatusBadRequest, Code: "invalid_scope", Desc: desc}
}

func errInvalidTarget(format string, a ...any) *oauthError {
	return &oauthError{status: http.StatusBadRequest, Code: "invalid_target", Desc: fmt.Sprintf(format, a...)}
}

// targetOf reads resource, audience and scope. Without Config.APIs it reads nothing.
func (s *settings) targetOf(form url.Values) (t target, oerr *oauthError) {
	t.rest = form.Get("scope")
	t.asked = t.rest != ""
	if len(s.APIs) == 0 {
		return t, nil
	}
	for _, name := range slices.Concat(form["resource"], form["audience"]) {
		api := s.api(name)
		if api == nil {
			return t, errInvalidTarget("no such API")
		}
		if t.api != nil && t.api != api {
			return t, errInvalidTarget("a token is for one API")
		}
		t.api = api
	}
	var rest []string
	for word := range strings.FieldsSeq(form.Get("scope")) {
		api, scope := s.apiScope(word)
		if api == nil && t.api != nil && slices.Contains(t.api.Scopes, word) {
			api, scope = t.api, word
		}
		switch {
		case api == nil:
			rest = append(rest, word)
			continue
		case t.api != nil && t.api != api: // AADSTS28000
			return t, errInvalidScope("the scopes are of more than one API")
		case scope != defaultScope && !slices.Contains(api.Scopes, scope):
			return t, errInvalidScope("the API has no such scope")
		case scope != defaultScope:
			t.scope = append(t.scope, word)
		}
		t.api = api
	}
	if t.api != nil && len(t.scope) == 0 {
		t.scope = t.api.Scopes
	}
	t.rest = strings.Join(rest, " ")
	return t, nil
}

// apiScope reads a scope of the form AUDIENCE/scope.
func (s *settings) apiScope(word string) (*API, string) {
	for i := range s.APIs {
		if scope, ok := strings.CutPrefix(word, s.APIs[i].Audience+"/"); ok {
			return &s.APIs[i], scope
		}
	}
	return nil, ""
}

// named refuses an API that the log-in has not named, where it has to.
func (t *target) named(g *grant) *oauthError {
	if t.api != nil && t.api.AtLogin && !slices.Contains(g.resources, t.api.Audience) {
		return errInvalidTarget("the authorization request has not named this API")
	}
	return nil
}

// checkAPIs reports what is wrong with Config.APIs.
func checkAPIs(apis []API) (errs []error) {
	seen := map[string]bool{}
	for i, a := range apis {
		if a.Audience == "" || seen[a.Audience] {
			errs = append(errs, fmt.Errorf("idpmock: Config.APIs[%d].Audience: %q is empty or taken", i, a.Audience))
		}
		seen[a.Audience] = true
	}
	return errs
}

// audiencesIn are the audiences that a request names, for a provider without APIs of its own,
// which takes any.
func audiencesIn(form url.Values) []string {
	return slices.DeleteFunc(slices.Concat(form["resource"], form["audience"]), func(name string) bool {
		return name == ""
	})
}
