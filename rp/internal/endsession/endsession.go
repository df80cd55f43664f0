// Package endsession makes the request that continues a log-out at the IdP (OpenID Connect
// RP-Initiated Logout 1.0 §2). The caller decides whether it is sent, and whose session ends.
package endsession

import (
	"cmp"
	"net/url"

	"github.com/tandem-sso/tandem/rp/idps"
	"github.com/tandem-sso/tandem/rp/internal/cookie"
)

// maxURL is the default of LogoutRules.MaxURL, in bytes.
const maxURL = 7 << 9

// MaxWord bounds one field of the log-out's form, in bytes.
const MaxWord = 200

// Logout says how the log-outs of one client continue at the IdP.
type Logout struct {
	ClientID string
	Rules    *idps.LogoutRules // what the IdP accepts
	Params   map[string]string // of every log-out
	Form     []string          // the parameters that the form of a log-out may set
	NoHint   bool              // the request never says whose session is to end
	Post     bool              // as a form, so that no URL has the ID token
}

// Person is the person whose session is to end at the IdP.
type Person struct {
	IDToken string
	Claim   func(name string) string // the value of a claim that is a text; empty if there is none
}

// Words returns the other parameters of a log-out: those of the configuration and of its form.
func (l *Logout) Words(form url.Values) url.Values {
	words := url.Values{}
	for name, value := range l.Params {
		words.Set(name, value)
	}
	for _, name := range l.Form {
		if value := form.Get(name); value != "" && len(value) <= MaxWord {
			words.Set(name, value)
		}
	}
	return words
}

// Request is the request to the IdP. An empty To: the IdP would accept no request that can be made.
type Request struct {
	To     string // with the fields in it, if they are not posted
	Fields url.Values
	Post   bool
	Hinted bool // the request says whose session is to end
}

// Request makes a log-out request that the IdP accepts. Afterwards the IdP sends the browser to
// back. whom is nil if the request must not say whose session is to end.
func (l *Logout) Request(endpoint, back string, words url.Values, whom *Person) Request {
	param := cmp.Or(l.Rules.RedirectParam, "post_logout_redirect_uri")
	q := Request{To: endpoint, Fields: url.Values{}, Post: l.Post}
	for name := range words {
		q.Fields.Set(name, words.Get(name))
	}
	q.Fields.Set("client_id", l.ClientID)
	q.Fields.Set(param, back)
	if l.Rules.RedirectParam == "" {
		q.Fields.Set("state", cookie.Random())
	}
	if whom != nil && !l.NoHint {
		q.hint(l.Rules, whom)
	}
	if !q.Fields.Has("id_token_hint") {
		switch l.Rules.Hint {
		case idps.HintRequired:
			return Request{}
		case idps.HintForRedirect:
			q.Fields.Del(param)
			q.Fields.Del("state")
		}
	}
	if !q.Post {
		q.To = withQuery(endpoint, q.Fields)
	}
	return q
}

// hint adds whose session is to end: id_token_hint, unless the ID token is too long, and
// logout_hint, if the IdP has a claim for it or if there is no id_token_hint.
func (q *Request) hint(rules *idps.LogoutRules, whom *Person) {
	if rules.Hint != idps.HintRefused && whom.IDToken != "" &&
		(rules.MaxHint == 0 || len(whom.IDToken) <= rules.MaxHint) {
		q.Fields.Set("id_token_hint", whom.IDToken)
		q.Hinted = true
	}
	if q.Hinted && !q.Post && len(withQuery(q.To, q.Fields)) > cmp.Or(rules.MaxURL, maxURL) {
		if q.Post = rules.Hint == idps.HintRequired; !q.Post {
			q.Fields.Del("id_token_hint")
			q.Hinted = false
		}
	}
	name := whom.Claim(cmp.Or(rules.HintClaim, "login_hint"))
	if name != "" && (!q.Hinted || rules.HintClaim != "") && !q.Fields.Has("logout_hint") {
		q.Fields.Set("logout_hint", name)
		q.Hinted = true
	}
}

// withQuery adds fields to the query of an address.
func withQuery(endpoint string, fields url.Values) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return endpoint // it was checked
	}
	q := u.Query()
	for name := range fields {
		q.Set(name, fields.Get(name))
	}
	u.RawQuery = q.Encode()
	return u.String()
}
