package rp

import (
	"slices"

	"github.com/tandem-sso/tandem/rp/internal/endsession"
	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// LogoutConfig says how a log-out goes on at the IdP (OpenID Connect RP-Initiated
// Logout 1.0). What the IdP takes is in [idps.LogoutRules].
type LogoutConfig struct {
	// URL is the IdP's end_session_endpoint if discovery names none or another one: Auth0,
	// Cognito. Default: the one of discovery; if there is none, the person is logged out of
	// this app only.
	URL string
	// Params are sent with every log-out: ui_locales, logout_hint, federated (Auth0), ….
	// Parameters that the library sets cannot be changed.
	Params map[string]string
	// Form are the names that the form of the log-out may set: "ui_locales", …. They go
	// before Params. Default: none.
	Form []string
	// NoHint leaves id_token_hint and logout_hint out: no token is in an address, and most IdPs
	// ask the person. Default: they are sent if the IdP accepts them.
	NoHint bool
	// Post sends the browser on by a form, so that the ID token is in no URL. The IdP must
	// accept POST and have a SameSite=None cookie. Default: a redirect.
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

// endSession is how a log-out goes on at the IdP.
func (c *Config) endSession() *endsession.Logout {
	return &endsession.Logout{ClientID: c.ClientID, Rules: &c.Capabilities.Logout, Params: c.Logout.Params,
		Form: c.Logout.Form, NoHint: c.Logout.NoHint, Post: c.Logout.Post}
}
