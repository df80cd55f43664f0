package rp

import (
	"net/url"
	"strings"
)

// Profile says what an IdP honours: which calls extend its session, and which
// prove that it lives. A wrong guess is costly both ways, so it can be set by
// hand (Config.Profile) and Diagnose names the one in use.
type Profile struct {
	Name string
	// RefreshExtends: a refresh resets the idle timer of the IdP session, and is
	// refused once the session has ended.
	RefreshExtends bool
	// UserinfoExtends: so does a call of the userinfo endpoint.
	UserinfoExtends bool
	// IntrospectionExtends: so does an API that introspects.
	IntrospectionExtends bool
	// LogoutOnExpiry: back-channel logout is sent when the session expires too,
	// not only when somebody logs out.
	LogoutOnExpiry bool
}

// GenericProfile trusts that the IdP honours what the known answer to the problem
// needs: every call extends.
func GenericProfile() Profile {
	return Profile{Name: "generic", RefreshExtends: true, UserinfoExtends: true, IntrospectionExtends: true}
}

// DuendeProfile is Duende IdentityServer with coordinated client lifetimes
// (CoordinateClientLifetimesWithUserSession).
func DuendeProfile() Profile {
	return Profile{Name: "duende", RefreshExtends: true, UserinfoExtends: true, IntrospectionExtends: true, LogoutOnExpiry: true}
}

// KeycloakProfile is Keycloak: a refresh resets SSO Session Idle; introspection does not any
// more (KEYCLOAK-18982), and expiry sends no logout token.
func KeycloakProfile() Profile { return Profile{Name: "keycloak", RefreshExtends: true} }

// Auth0Profile is Auth0: only the authorization endpoint extends the session; refresh
// tokens outlive it.
func Auth0Profile() Profile { return Profile{Name: "auth0"} }

// OktaProfile is Okta: refresh tokens have a clock of their own.
func OktaProfile() Profile { return Profile{Name: "okta"} }

// EntraProfile is Microsoft Entra ID: refresh tokens have a clock of their own; front-channel logout
// only.
func EntraProfile() Profile { return Profile{Name: "entra"} }

// HydraProfile is Ory Hydra: refresh tokens are independent of the login session.
func HydraProfile() Profile { return Profile{Name: "hydra"} }

// ProfileFor guesses from the issuer; what it does not know is generic.
func ProfileFor(issuer string) Profile {
	u, err := url.Parse(issuer)
	if err != nil {
		return GenericProfile()
	}
	host := strings.ToLower(u.Hostname())
	under := func(domain string) bool { return host == domain || strings.HasSuffix(host, "."+domain) }
	switch {
	case under("auth0.com"):
		return Auth0Profile()
	case under("okta.com"), under("oktapreview.com"), under("okta-emea.com"):
		return OktaProfile()
	case under("login.microsoftonline.com"), under("sts.windows.net"), under("ciamlogin.com"):
		return EntraProfile()
	case under("ory.sh"), under("oryapis.com"):
		return HydraProfile()
	case strings.Contains(u.Path, "/realms/"):
		return KeycloakProfile()
	}
	return GenericProfile()
}
