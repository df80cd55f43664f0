package rp

import (
	"context"
	"fmt"
	"slices"

	"github.com/tandem-sso/tandem/rp/idps"
	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/names"
	"github.com/tandem-sso/tandem/rp/store"
)

// Findings returns what an operator should know about this client, its IdP and its Store, as
// discovery and token responses have shown it.
func (p *RelyingParty) Findings() []store.Finding {
	return p.engine.Known()
}

// Diagnose checks a configuration, discovers the IdP and returns what does not fit, without serving
// requests. It asks the IdP whether it accepts the client, its secret and its redirect URI, by
// requests that do not lead to a log-in. If the app runs already, Diagnose also says what blocks
// requests to its endpoints. The errors are those of New.
func Diagnose(ctx context.Context, cfg Config) ([]store.Finding, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	to := newProvider(&cfg)
	if err := ofConfig(to.Discover(ctx)); err != nil {
		return nil, err
	}
	all := slices.Concat(judgeProvider(&cfg, to.At()), cfg.registration(to.At()).Ask(ctx),
		engine.StoreFindings(ctx, cfg.Store, cfg.RequestTimeout), judgeSites(&cfg), judgePages(cfg.pageSet(nil)))
	if !cfg.SkipSelfCheck {
		party, err := names.New(cfg.Issuer, cfg.ClientID, cfg.Keys)
		if err != nil {
			return nil, wrong("Keys", "%v", err)
		}
		all = append(all, cfg.reach(party.Owner, to.At().BackchannelLogout).Look(ctx)...)
	}
	return append(all, engine.JudgeClock(cfg.Skew, to.Ahead())...), nil
}

func judgeProvider(c *Config, m *idp.Endpoints) []store.Finding {
	var out []store.Finding
	say := func(serious bool, code, text string, args ...any) {
		out = append(out, store.Finding{Code: code, Serious: serious, Text: fmt.Sprintf(text, args...)})
	}
	can, name := c.Capabilities, c.Capabilities.Name
	if name == idps.Unverified && m.Mock { // it says so itself, and the tests of both hold it
		name = "idp-mock"
	}
	say(false, "capabilities", "This app treats the IdP as %q: a refresh %s its session, userinfo %s, introspection "+
		"%s; the revocation of a refresh token revokes %s. If that is wrong, set Config.Capabilities.",
		name, extends(can.Extends.Refresh), extends(can.Extends.Userinfo), extends(can.Extends.Introspection),
		can.Revocation)

	if name == idps.Unverified {
		say(true, "idp_unverified", "Config.Capabilities is not set, and the IdP's address does not tell what kind "+
			"of IdP this is. So this app only assumes that calls extend the IdP's session, and that the IdP refuses "+
			"calls after the session's end. If that is wrong, active people are logged out after the IdP's window, "+
			"or people who have logged out there stay logged in here. Set Config.Capabilities as the guide of your "+
			"IdP says (docs/idp), or to "+
			"idps.Named(\"generic\") once you have tried it.")
	}

	noMeans := !c.SilentCheck && (c.Kind == NoToken ||
		!(c.Kind == RefreshToken && can.Extends.Refresh) && !(can.Extends.Userinfo && m.UserinfoURL != ""))
	if noMeans && c.Kind != NoToken {
		say(true, "no_signal", "No call with a token extends this IdP's session: activity here does not keep people "+
			"signed in elsewhere, and the app cannot ask whether the IdP's session still exists. Set "+
			"Config.SilentCheck, or set Config.Idle as the app's own limit.")
	}
	if c.Kind == NoToken && !c.SilentCheck {
		say(false, "told_nothing", "A client without tokens tells the IdP nothing: people who use only this app are "+
			"logged out after the IdP's window; set Config.SilentCheck if that is not wanted.")
	}
	switch {
	case c.APIIntrospects && !can.Extends.Introspection:
		say(false, "introspection_extends_not", "Config.APIIntrospects is set, but introspection does not extend "+
			"this IdP's session: calls of an API do not count as signals.")
	case !c.APIIntrospects && len(c.APIs) > 0 && c.Kind == ReferenceToken:
		say(false, "api_is_no_signal", "Config.APIIntrospects is not set, so the answer of an API does not prove "+
			"that the IdP knows of the activity: the app itself tells the IdP by userinfo calls.")
	}
	for i := range c.APIs {
		switch a := &c.APIs[i]; {
		case can.Name == "entra" && (a.Resource != "" || a.Audience != ""):
			say(true, "api_parameter", "Entra ID refuses the parameters resource and audience: name the API %s in "+
				"Config.APIs by Scopes, such as api://…/.default.", a.Origin)
		case can.Name == "auth0" && a.Audience == "" && a.own():
			say(true, "api_parameter", "Auth0 knows an API by its audience. Without an audience it answers with the "+
				"token of the log-in: set Audience of %s in Config.APIs.", a.Origin)
		}
	}
	if !m.BackchannelLogout {
		switch {
		case noMeans && c.Idle == 0:
			say(true, "blind", "The IdP offers no back-channel logout and this client cannot ask: a session ends "+
				"after Config.Absolute (%v) only; set Config.Idle or Config.SilentCheck.", c.Absolute)
		default:
			frame := ""
			if m.CheckSession != "" {
				frame = " Pages that are open can ask its check_session_iframe: docs/session-js.md."
			}
			say(false, "no_backchannel", "The IdP offers no back-channel logout: this app notices a log-out elsewhere "+
				"at the next signal, after %v at the latest, and only while the person is active.%s", c.TrustFor, frame)
		}
	} else if !m.BackchannelSID {
		say(false, "backchannel_without_sid", "The IdP's logout tokens carry no sid: a log-out in one browser ends "+
			"the person's sessions in all browsers.")
	} else if !can.LogoutOnExpiry && noMeans && c.Idle == 0 {
		say(true, "no_logout_on_expiry", "This kind of IdP sends no logout token when its session expires by "+
			"inactivity, and this client cannot ask: set Config.Idle or Config.SilentCheck.")
	}
	if m.EndSession == "" {
		say(false, "no_end_session", "The IdP has no end_session_endpoint: a log-out here leaves the person signed in "+
			"there, and the next log-in needs no password; if it has one and does not say so, set Config.Logout.URL.")
	}
	if m.RevocationURL == "" && c.Kind != NoToken {
		say(false, "no_revocation", "The IdP has no revocation endpoint: tokens of an ended session live until they "+
			"run out.")
	}
	if m.UserinfoURL == "" && c.Kind == ReferenceToken {
		say(true, "no_userinfo", "The IdP has no userinfo endpoint: only calls of an API tell it of activity, and "+
			"after an API has refused a token, only a new log-in can confirm the session.")
	}
	if !m.IssInResponse {
		say(false, "no_iss", "The IdP does not name itself in its answers (RFC 9207); that matters only if this app "+
			"uses several IdPs.")
	}
	if c.IdPWindow > 0 && c.TrustFor > c.IdPWindow {
		say(false, "trust_capped", "Config.TrustFor (%v) is longer than the IdP's window; the window (%v) counts.",
			c.TrustFor, c.IdPWindow)
	}
	if c.Idle > 0 && c.IdPWindow > c.Idle {
		say(false, "idle_below_window", "Config.Idle (%v) is shorter than the IdP's window (%v): this app logs out "+
			"people who are active in another one.", c.Idle, c.IdPWindow)
	}
	return append(append(out, judgeHardening(c, m)...), judgeRequestURI(c, m)...)
}

func extends(yes bool) string {
	if yes {
		return "extends"
	}
	return "does not extend"
}
