package authrequest

import (
	"slices"

	"golang.org/x/oauth2"

	"github.com/tandem-sso/tandem/rp/internal/loginflow"
)

// maxHinted bounds a URL with a hint in it, in bytes: some IdPs and the proxies
// before them refuse longer ones.
const maxHinted = 2 << 10

// Subject is whose session a silent request is about (OpenID Connect Core 1.0 §3.1.2.1).
type Subject struct {
	IDToken   string
	LoginHint string // the claim by which Entra ID names the person
}

func (s *Subject) hints() []oauth2.AuthCodeOption {
	all := []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("id_token_hint", s.IDToken)} // the best first
	if s.LoginHint != "" {
		all = append(all, oauth2.SetAuthURLParam("login_hint", s.LoginHint))
	}
	return all
}

// Silent asks whether the IdP session lives (prompt=none). tokens is what the log-in of this
// session has asked for, if the answer is to renew its tokens; nil: it is to renew none.
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
		if len(tokens.Scopes) > 0 { // else the new token could do less
			opts = append(opts, oauth2.SetAuthURLParam("scope", q.scopes(tokens)))
		}
	}
	for _, hint := range about.hints() {
		to := q.url(f, append(slices.Clip(opts), hint)) + resources
		if len(to) <= maxHinted || q.IdP.At().Pushes {
			return to
		}
	}
	return q.url(f, opts) + resources
}
