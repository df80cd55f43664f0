package simulation

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/rp"
)

// Tokens that do not belong together, and tokens that nobody waits for any more.

// mixedUp says why an access token is not of the ID token beside it, or that not of the app:
// an IdP, or a proxy, may have mixed up two answers (RT-09, CORE-08).
func mixedUp(a *app, idToken, access string) string {
	part := func(n int, into any) bool {
		parts := strings.Split(idToken, ".")
		if len(parts) != 3 {
			return false
		}
		raw, err := base64.RawURLEncoding.DecodeString(parts[n])
		return err == nil && json.Unmarshal(raw, into) == nil
	}
	var head struct {
		Alg string `json:"alg"`
	}
	var c struct {
		Iss    *string         `json:"iss"`
		Aud    json.RawMessage `json:"aud"`
		Azp    string          `json:"azp"`
		AtHash string          `json:"at_hash"`
	}
	if !part(0, &head) || !part(1, &c) {
		return ""
	}
	var one string
	var aud []string
	if json.Unmarshal(c.Aud, &one) == nil {
		aud = []string{one}
	} else if json.Unmarshal(c.Aud, &aud) != nil {
		return ""
	}
	sum := sha256.Sum256([]byte(access))
	switch {
	case head.Alg != "ES256":
		return "alg"
	case c.Iss == nil || *c.Iss != a.provider.issuer:
		return "iss"
	case slices.ContainsFunc(aud, func(s string) bool { return s != a.client }):
		return "aud"
	case c.Azp != "" && c.Azp != a.client:
		return "azp"
	case c.AtHash != "" && c.AtHash != base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2]):
		return "at_hash"
	}
	return ""
}

// judgeMixed holds C9: who knows whose access token that is?
func (o *oracle) judgeMixed(c *call) {
	if why := o.mixed[c.token]; why != "" && (c.kind == callUserinfo || c.kind == callResource) {
		o.breach("C9", "%s shows an access token that came beside an ID token with a wrong %s", c.in.name, why)
	}
}

// expectGivenUp holds C5 for a code whose answer comes when nobody waits for it any more: no
// session begins, and the tokens are revoked where that takes nothing else along.
func (o *oracle) expectGivenUp(c *call) {
	a := c.in.app
	if c.to-c.from <= waitFor || a.wide() || a.kind == rp.NoToken || !a.provider.temper.Has("revocation_endpoint") {
		return
	}
	o.counts["codes answered too late"]++
	o.later(c.to+time.Minute, func(now time.Duration) {
		token, _ := c.chain.last()
		switch {
		case c.chain.revoked[token], o.excused(a, pathStore|pathRestart, c.from, now):
		case c.chain.session != nil:
			o.breach("C6", "%s begins %s with a code whose answer has taken %v", c.in.name, c.chain.session.label,
				c.to-c.from)
		case !o.revocable(a, c.to, now):
		default:
			o.breach("C5", "%s has got tokens for a code at %s, when nobody waited any more, and has not revoked them "+
				"by %s", c.in.name, stamp(c.to), stamp(now))
		}
	})
}

// revocable: nothing keeps an app from revoking tokens.
func (o *oracle) revocable(a *app, from, to time.Duration) bool {
	return !slices.ContainsFunc(o.troubles, func(t *trouble) bool {
		return t.path&pathIdP != 0 && t.felt(a, from, to) && !t.onlyCodes
	})
}
