package idpmock

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// requestObject replaces a signed authorization request by what is in it (RFC 9101 §6.3):
// what stands beside it counts for nothing. One that was fetched from the client need not be
// signed (OpenID Connect Core 1.0 §6.1), unless signatures are demanded.
func (p *IDP) requestObject(cfg *settings, form url.Values, fetched bool) (url.Values, *authError) {
	c := cfg.clients[form.Get("client_id")]
	if c == nil || len(c.JWKS) == 0 && !fetched {
		return form, nil // parseAuthRequest says what is wrong
	}
	raw, demanded := form.Get("request"), len(c.JWKS) > 0 && (cfg.RequireJAR || c.RequireJAR)
	switch {
	case raw == "" && demanded:
		return nil, refuse(nil, "invalid_request", "client %q must sign its authorization requests (RFC 9101)", c.ID)
	case raw == "":
		return form, nil
	}
	bad := func(why string) (url.Values, *authError) {
		return nil, refuse(nil, "invalid_request_object", "%s", why)
	}
	payload, ok := verifyWithSet(raw, c.JWKS)
	if !ok && fetched && !demanded {
		payload, ok = unsignedBody(raw)
	}
	if !ok {
		return bad("no key of the client verifies the request object")
	}
	var claims map[string]any
	if json.Unmarshal(payload, &claims) != nil {
		return bad("the request object cannot be read")
	}
	now := p.Now()
	at := func(name string) time.Time {
		n, _ := claims[name].(float64)
		return time.Unix(int64(n), 0)
	}
	switch {
	case claims["iss"] != c.ID || claims["client_id"] != c.ID:
		return bad("iss and client_id of the request object must be the client")
	case claims["aud"] != cfg.Issuer:
		return bad("aud of the request object must be the issuer")
	case claims["request"] != nil || claims["request_uri"] != nil:
		return bad("a request object must not name another one")
	case !now.Before(at("exp").Add(skew)) || at("exp").Sub(now) > time.Hour:
		return bad("the request object is too old, or good for too long")
	case at("nbf").After(now.Add(skew)) || now.Sub(at("nbf")) > time.Hour:
		return bad("nbf of the request object is missing, too old or in the future")
	}
	out := url.Values{}
	for name, v := range claims {
		switch v := v.(type) {
		case string:
			out.Set(name, v)
		case float64:
			out.Set(name, fmt.Sprint(int64(v)))
		case []any:
			for _, one := range v {
				out.Add(name, fmt.Sprint(one))
			}
		case map[string]any:
			text, _ := json.Marshal(v) // it was JSON
			out.Set(name, string(text))
		}
	}
	for _, name := range []string{"iss", "aud", "exp", "iat", "nbf", "jti"} {
		out.Del(name)
	}
	return out, nil
}

// unsignedBody is what stands in a token of alg none (RFC 7519 §6).
func unsignedBody(raw string) (payload []byte, ok bool) {
	header, rest, _ := strings.Cut(raw, ".")
	body, signature, _ := strings.Cut(rest, ".")
	head, err := base64.RawURLEncoding.DecodeString(header)
	var named struct{ Alg string }
	if err != nil || signature != "" || json.Unmarshal(head, &named) != nil || named.Alg != "none" {
		return nil, false
	}
	payload, err = base64.RawURLEncoding.DecodeString(body)
	return payload, err == nil
}
