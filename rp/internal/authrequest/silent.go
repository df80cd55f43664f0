package authrequest

import (
	"slices"

	"golang.org/x/oauth2"

	"github.com/tandem-sso/tandem/rp/internal/loginflow"
)

// maxHinted bounds a URL with a hint, in bytes: some IdPs, and proxies in front of them, refuse
// longer URLs.
const maxHinted = 2 << 10

// Subject is the person whose session a silent request asks about (OpenID Connect Core 1.0
// §3.1.2.1).
type Subject struct {
	IDToken   string
	LoginHint string // the claim by which Entra ID names the person
}

// hints are the ways to name the person, the best first. Entra ID reads only login_hint.
func (s *Subject) hints() [][]oauth2.AuthCodeOption {
	token := oauth2.SetAuthURLParam("id_token_hint", s.IDToken)
	login := oauth2.SetAuthURLParam("login_hint", s.LoginHint)
	if s.LoginHint == "" {
		return [][]oauth2.AuthCodeOption{{token}}
	}
	return [][]oauth2.AuthCodeOption{{token, login}, {login}}
}

// Silent returns the address of a request that asks whether the IdP session lives (prompt=none). If
// the answer renews the tokens of the session, tokens has the demands of the session's log-in; nil:
// it renews no tokens.
func (q *Requests) Silent(f *loginflow.Flow, about Subject, tokens *loginflow.Wish) string {
	opts, resources := q.common(f), ""
	for name, value := range q.Params {
		opts = append(opts, oauth2.SetAuthURLParam(name, value))
	}
	opts = append(opts, oauth2.SetAuthURLParam("prompt", "none"))
	switch {
	case tokens == nil:
		opts = append(opts, oauth2.SetAuthURLParam("scope", "openid"))
	default:
		resources = q.resources(tokens)
		if len(tokens.Scopes) > 0 { // otherwise the new token would have fewer scopes
			opts = append(opts, oauth2.SetAuthURLParam("scope", q.scopes(tokens)))
		}
	}
	for _, hint := range about.hints() {
		to := q.url(f, append(slices.Clip(opts), hint...)) + resources
		if len(to) <= maxHinted || q.IdP.At().Pushes {
			return to
		}
	}
	return q.url(f, opts) + resources
}
