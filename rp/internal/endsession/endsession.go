// Package endsession makes the request by which a log-out goes on at the IdP (OpenID Connect
// RP-Initiated Logout 1.0 §2). Whether it is sent, and whose session is over, is for the
// caller to say.
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

// Logout is how the log-outs of one client go on.
type Logout struct {
	ClientID string
	Rules    *idps.LogoutRules // what the IdP takes
	Params   map[string]string // of every log-out
	Form     []string          // names that the form of a log-out may set
	NoHint   bool              // the IdP is never told whose session is meant
	Post     bool              // by a form, so that the ID token is in no URL
}

// Person is whose session is to end at the IdP.
type Person struct {
	IDToken string
	Claim   func(name string) string // one that is a text; empty if there is none
}

// Words are what a log-out asks for beside, by configuration and form.
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

// Request is what the IdP is asked. An empty To: it would take none of what there is.
type Request struct {
	To     string // with the fields in it, if they are not posted
	Fields url.Values
	Post   bool
	Hinted bool // it says whose session is to end
}

// Request makes a log-out that the IdP takes, after which the browser is sent to back. whom is
// nil where the IdP is not to be told whose session is meant.
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

// hint says whose session is to end: by the ID token, unless that is too long, and by
// logout_hint where the IdP has a claim for it, or instead of the ID token.
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

// withQuery adds fields to an address, whose own query stays.
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
