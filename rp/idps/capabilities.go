// Package idps knows the kinds of IdPs: which calls extend the session of each, which prove
// that it lives, what a revocation also revokes, and which parameters its log-out accepts.
package idps

import (
	"net/url"
	"sort"
	"strings"

	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// Capabilities say what an IdP honours: which calls extend its session, which
// prove that it lives, and what a revocation takes along. A wrong guess does harm in both
// directions, so they can be set by hand (Config.Capabilities), and Diagnose names those in
// use.
type Capabilities struct {
	// Name is for people: logs, findings.
	Name string
	// Extends says which calls reset the idle timer of the IdP session.
	Extends Calls
	// Proves says which calls are refused once the IdP session has ended. Only they
	// confirm a session.
	Proves Calls
	// Revocation says what the revocation of a refresh token also revokes. The zero value,
	// RevokesGrant, is the safest.
	Revocation RevocationScope
	// AnnouncesWindow: refresh_expires_in or refresh_token_timeout in a token
	// response is the idle window W of the IdP session.
	AnnouncesWindow bool
	// LogoutOnExpiry: back-channel logout is sent when the session expires too, not
	// only when somebody logs out.
	LogoutOnExpiry bool
	// Logout says what the end_session_endpoint takes.
	Logout LogoutRules
	// UserinfoByPost sends the access token to the userinfo endpoint in a posted form (RFC 6750
	// §2.2) and not in a header, for an IdP behind something that removes the header. A token
	// that is bound by DPoP is in the header all the same (RFC 9449 §7.1).
	UserinfoByPost bool
}

// LogoutRules say what an end_session_endpoint takes. The zero value is what
// RP-Initiated Logout 1.0 §2 says.
type LogoutRules struct {
	// Hint says what becomes of id_token_hint.
	Hint HintRule
	// HintClaim is the claim of the ID token that is sent as logout_hint. Empty:
	// login_hint, if the ID token has it, and only where id_token_hint is left out.
	HintClaim string
	// RedirectParam is the name of what is post_logout_redirect_uri elsewhere. An IdP
	// with a name of its own gets no state.
	RedirectParam string
	// MaxURL bounds the address of a log-out, in bytes: a longer one goes without
	// id_token_hint. Default 3,584, because nginx answers 502 to a redirect whose
	// header is larger than 4 KB.
	MaxURL int
	// MaxHint bounds id_token_hint, in characters. Default 0: no limit but MaxURL's.
	MaxHint int
}

// HintRule says what an IdP wants of id_token_hint at a log-out.
type HintRule uint8

const (
	// HintOptional: without it the IdP asks the person, and comes back all the same.
	HintOptional HintRule = iota
	// HintRefused: never sent.
	HintRefused
	// HintForRedirect: without it post_logout_redirect_uri is an error. So that is left
	// out too, and the person stays on the IdP's page.
	HintForRedirect
	// HintRequired: without it every log-out is an error. So nobody is sent to the IdP
	// then, and where it is too long for an address it is posted.
	HintRequired
)

// Calls are the calls that a client, or an API on its behalf, can make.
type Calls struct {
	Refresh       bool // the token endpoint, with a refresh token
	Userinfo      bool
	Introspection bool // by an API
}

// RevocationScope is what else dies when a refresh token is revoked (RFC 7009 §2.1
// leaves that to the IdP).
type RevocationScope uint8

const (
	// RevokesGrant: all that the person has granted this client, in every browser.
	// The default where nothing else is known.
	RevokesGrant RevocationScope = iota
	// RevokesClientSession: everything that this client has in the same session of the IdP, a
	// later log-in included; and that session, if no other client is left in it.
	RevokesClientSession
	// RevokesFamily: the tokens that came from the same log-in.
	RevokesFamily
	// RevokesToken: the token alone.
	RevokesToken
)

func (s RevocationScope) String() string {
	switch s {
	case RevokesToken:
		return "the token alone"
	case RevokesFamily:
		return "the tokens of the same log-in"
	case RevokesClientSession:
		return "everything that this client has in the same session of the IdP"
	}
	return "everything that the person has granted this client"
}

var (
	allCalls = Calls{Refresh: true, Userinfo: true, Introspection: true}

	// known is what was read in the documents and sources of the IdPs in 2026, or
	// measured; what nobody knows stays zero.
	known = map[string]Capabilities{
		// The generic one trusts that the IdP honours what the known answer to the
		// problem needs: every call extends and proves.
		"generic": {Extends: allCalls, Proves: allCalls, AnnouncesWindow: true},
		// Duende IdentityServer with coordinated client lifetimes. A revocation removes
		// the reference tokens of (sub, client, sid).
		"duende": {Extends: allCalls, Proves: allCalls, Revocation: RevokesClientSession, LogoutOnExpiry: true,
			Logout: LogoutRules{MaxHint: 4000}},
		// Keycloak 26: a refresh resets SSO Session Idle; introspection does not any more
		// (KEYCLOAK-18982); expiry sends no logout token.
		"keycloak": {Extends: Calls{Refresh: true}, Proves: Calls{Refresh: true, Userinfo: true},
			Revocation: RevokesClientSession, AnnouncesWindow: true},
		// Auth0: only the authorization endpoint extends; classic refresh tokens outlive
		// the session. A tenant may let a revocation delete the grant. Its logout_hint is
		// the sid.
		"auth0": {Logout: LogoutRules{HintClaim: "sid"}},
		// Okta: refresh tokens have a clock of their own.
		"okta": {Revocation: RevokesFamily, Logout: LogoutRules{Hint: HintRequired}},
		// Microsoft Entra ID and AD FS: the same; front-channel logout only; no
		// revocation endpoint. Entra ID refuses long addresses (AADSTS90015; nobody says
		// how long), and without logout_hint it asks which account.
		"entra": {Logout: LogoutRules{HintClaim: "login_hint", MaxURL: 2000}},
		"adfs":  {},
		// Ory Hydra: refresh tokens are independent of the login session; a revocation
		// takes all tokens of that authorization.
		"hydra": {Revocation: RevokesFamily, Logout: LogoutRules{Hint: HintForRedirect}},
		// Dex: refresh tokens are independent of the session, but for clients that are
		// set to session-bound; no revocation endpoint.
		"dex": {Logout: LogoutRules{Hint: HintForRedirect}},
		// ZITADEL: refresh tokens are independent of the session.
		"zitadel": {},
		// node-oidc-provider, and Logto upon it: refresh tokens without offline_access
		// are bound to the session, and do not extend it. A revocation takes the grant.
		"oidc-provider": {Proves: Calls{Refresh: true}},
		"logto":         {Proves: Calls{Refresh: true}},
		// Kanidm checks the parent session at each refresh; nothing extends.
		"kanidm": {Proves: Calls{Refresh: true}},
		// PingOne: tokens are void as soon as the session is, unless the application
		// says skipTokenSessionValidation.
		"pingone": {Proves: allCalls},
		// Amazon Cognito and Google: tokens outlive the session. Cognito's log-out has
		// names of its own and knows no hint.
		"cognito": {Revocation: RevokesFamily, Logout: LogoutRules{Hint: HintRefused, RedirectParam: "logout_uri"}},
		"google":  {},
		// Authelia: tokens have clocks of their own; no log-out of any kind.
		"authelia": {},
		// login.gov: no refresh tokens, no revocation, no notice of an end; a hint at the
		// log-out is refused.
		"login.gov": {Logout: LogoutRules{Hint: HintRefused}},
	}
)

// Named returns those of a kind of IdP; ok is false for a name that is
// not one of Names.
func Named(name string) (c Capabilities, ok bool) {
	c, ok = known[name]
	c.Name = name
	return c, ok
}

// Names are the kinds of IdP that Named knows, in order.
func Names() []string {
	names := make([]string, 0, len(known))
	for name := range known {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Unverified is the Name of what Guess returns for an IdP that it does not know.
const Unverified = "unverified"

// Guess guesses from the issuer. What it does not know is [Unverified], with the calls of
// "generic": nobody has looked whether that is so.
func Guess(issuer string) Capabilities {
	kind := kindOf(issuer)
	c, _ := Named(kind)
	if kind == "generic" {
		c.Name = Unverified
	}
	return c
}

func kindOf(issuer string) string {
	u, err := url.Parse(issuer)
	if err != nil {
		return "generic"
	}
	host := weburl.Host(u)
	under := func(domains ...string) bool {
		for _, domain := range domains {
			if host == domain || strings.HasSuffix(host, "."+domain) {
				return true
			}
		}
		return false
	}
	switch {
	case under("auth0.com"):
		return "auth0"
	case under("okta.com", "oktapreview.com", "okta-emea.com"):
		return "okta"
	case under("login.microsoftonline.com", "sts.windows.net", "ciamlogin.com"):
		return "entra"
	case under("ory.sh", "oryapis.com"):
		return "hydra"
	case under("zitadel.cloud"):
		return "zitadel"
	case under("logto.app"):
		return "logto"
	case under("pingone.com", "pingone.eu", "pingone.asia", "pingone.ca"):
		return "pingone"
	case strings.HasPrefix(host, "cognito-idp.") && under("amazonaws.com"):
		return "cognito"
	case host == "secure.login.gov" || under("identitysandbox.gov"):
		return "login.gov"
	case host == "accounts.google.com":
		return "google"
	case strings.Contains(u.Path, "/realms/") && !strings.Contains(u.Path, "/oauth2/"): // PingAM has /oauth2/realms/
		return "keycloak"
	case u.Path == "/adfs":
		return "adfs"
	case strings.HasPrefix(u.Path, "/oauth2/openid/"):
		return "kanidm"
	}
	return "generic"
}
