package rp

import (
	"cmp"
	"encoding/json"
	"net/url"
	"slices"

	"github.com/tandem-sso/tandem/rp/idps"
	"github.com/tandem-sso/tandem/rp/internal/cookie"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// LogoutConfig says how a log-out goes on at the IdP (OpenID Connect RP-Initiated
// Logout 1.0). What the IdP takes is in [LogoutRules].
type LogoutConfig struct {
	// URL is the IdP's end_session_endpoint where discovery names none or another one: Auth0,
	// Cognito. Default: the one of discovery; where there is none, a log-out ends here.
	URL string
	// Params are sent with every log-out: ui_locales, logout_hint, federated (Auth0), ….
	// What the library sets itself cannot be set.
	Params map[string]string
	// Form are the names that the form of the log-out may set: "ui_locales", …. They go
	// before Params. Default: none.
	Form []string
	// NoHint leaves id_token_hint and logout_hint out: no token is in an address, and most IdPs
	// ask the person. Default: sent where the IdP takes it.
	NoHint bool
	// Post sends the browser on by a form, so that the ID token is in no URL. The IdP has to
	// take POST and have a SameSite=None cookie. Default: a redirect.
	Post bool
}

// ownLogoutParams are set by the library, or have a meaning in the form.
var ownLogoutParams = []string{"client_id", "id_token_hint", "post_logout_redirect_uri", "state", "", "everywhere",
	proofField}

func (c *LogoutConfig) check(allowHTTP bool, fault func(field, cure string, args ...any)) {
	if c.URL != "" {
		if err := weburl.Check(c.URL, allowHTTP); err != nil {
			fault("Logout.URL", "%v", err)
		}
	}
	for name := range c.Params {
		if slices.Contains(ownLogoutParams, name) {
			fault("Logout.Params", "has %q, which the library sets itself", name)
		}
	}
	for _, name := range c.Form {
		if slices.Contains(ownLogoutParams, name) {
			fault("Logout.Form", "has %q, which the library uses itself", name)
		}
	}
}

// maxLogoutURL is the default of LogoutRules.MaxURL, and maxLogoutWord bounds one field
// of the form, in bytes.
const (
	maxLogoutURL  = 7 << 9
	maxLogoutWord = 200
)

// logoutWords are what a log-out asks for beside, by configuration and form.
func (p *RelyingParty) logoutWords(form url.Values) url.Values {
	words := url.Values{}
	for name, value := range p.cfg.Logout.Params {
		words.Set(name, value)
	}
	for _, name := range p.cfg.Logout.Form {
		if value := form.Get(name); value != "" && len(value) <= maxLogoutWord {
			words.Set(name, value)
		}
	}
	return words
}

// logoutAsk is what the IdP is asked. An empty to: it would take none of what there is.
type logoutAsk struct {
	to     string // with the fields in it, if they are not posted
	fields url.Values
	post   bool
	hinted bool // it says whose session is to end
}

// askLogout makes a log-out that the IdP takes. d is nil where it is not to be told
// whose session is meant.
func (p *RelyingParty) askLogout(base, endpoint string, words url.Values, d *record.Data) logoutAsk {
	rules := &p.cfg.Capabilities.Logout
	back := orElse(rules.RedirectParam, "post_logout_redirect_uri")
	a := logoutAsk{to: endpoint, fields: url.Values{}, post: p.cfg.Logout.Post}
	for name := range words {
		a.fields.Set(name, words.Get(name))
	}
	a.fields.Set("client_id", p.cfg.ClientID)
	a.fields.Set(back, base+p.cfg.Prefix+"/logged-out")
	if rules.RedirectParam == "" {
		a.fields.Set("state", cookie.Random())
	}
	if d != nil && !p.cfg.Logout.NoHint {
		a.hint(rules, d)
	}
	if !a.fields.Has("id_token_hint") {
		switch rules.Hint {
		case idps.HintRequired:
			return logoutAsk{}
		case idps.HintForRedirect:
			a.fields.Del(back)
			a.fields.Del("state")
		}
	}
	if !a.post {
		a.to = withQuery(endpoint, a.fields)
	}
	return a
}

// hint says whose session is to end: by the ID token, unless that is too long, and by
// logout_hint where the IdP has a claim for it, or instead of the ID token.
func (a *logoutAsk) hint(rules *idps.LogoutRules, d *record.Data) {
	if rules.Hint != idps.HintRefused && d.IDToken != "" && (rules.MaxHint == 0 || len(d.IDToken) <= rules.MaxHint) {
		a.fields.Set("id_token_hint", d.IDToken)
		a.hinted = true
	}
	if a.hinted && !a.post && len(withQuery(a.to, a.fields)) > cmp.Or(rules.MaxURL, maxLogoutURL) {
		if a.post = rules.Hint == idps.HintRequired; !a.post {
			a.fields.Del("id_token_hint")
			a.hinted = false
		}
	}
	name := claimOf(d, orElse(rules.HintClaim, "login_hint"))
	if name != "" && (!a.hinted || rules.HintClaim != "") && !a.fields.Has("logout_hint") {
		a.fields.Set("logout_hint", name)
		a.hinted = true
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

// claimOf returns a claim that is a text; empty if there is none.
func claimOf(d *record.Data, name string) (text string) {
	var all map[string]json.RawMessage
	if decodeClaims(d, &all) == nil {
		_ = json.Unmarshal(all[name], &text) // another type is no text
	}
	return text
}
