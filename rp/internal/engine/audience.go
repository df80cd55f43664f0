package engine

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

const (
	MaxOwnTokens = 8       // kinds of them in a session
	maxAPIToken  = 8 << 10 // bytes of one
	maxAPITokens = 16 << 10
)

// Audience is what an access token is asked for.
type Audience struct {
	ID   string     // of that, in records
	Form url.Values // for the token endpoint
	Name string     // for people: the first of its origins
}

// ignored reports whether the IdP has left out what was asked for: the access token is a JWT
// for the very audience of the log-in's one, and not for the API. Auth0 does so where the API
// is not in the client's refresh token policies. Such a token must not be sent: this API could
// use it at another API. Nobody can see this in an opaque token, or if the audience has another
// name at the IdP.
func (a *Audience) ignored(ownToken, token string) bool {
	asked := a.Form.Get("resource") + a.Form.Get("audience")
	own, got := audOf(ownToken), audOf(token)
	return asked != "" && len(got) > 0 && slices.Equal(own, got) &&
		!slices.Contains(got, a.Form.Get("resource")) && !slices.Contains(got, a.Form.Get("audience"))
}

// audOf is the audience of an access token that is a JWT, in order; its signature is for
// the API to check. Nil: it says none.
func audOf(token string) (aud []string) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil
	}
	var claims struct {
		Aud json.RawMessage `json:"aud"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return nil
	}
	var one string
	if json.Unmarshal(claims.Aud, &one) == nil && one != "" {
		return []string{one}
	}
	if json.Unmarshal(claims.Aud, &aud) != nil {
		return nil
	}
	slices.Sort(aud)
	return aud
}
