package planner

import (
	"fmt"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/idps"
)

// atTheIdP are the settings of the IdPs themselves, in their own words.
var atTheIdP = map[string][]string{
	"keycloak": {"Realm, Sessions: SSO Session Idle = {window}.", "Realm, Tokens: Access Token Lifespan = {token}.",
		"Client: Backchannel logout URL, session required; Front channel logout off, or the URL is not called.",
		"Do not ask for offline_access: that makes a session with a clock of its own."},
	"duende": {"CoordinateClientLifetimesWithUserSession = true, with server-side sessions.",
		"Cookie: ExpireTimeSpan = {window}, SlidingExpiration = true.",
		"Client: AccessTokenLifetime = {token}, BackChannelLogoutUri.",
		"RemoveExpiredSessionsFrequency is 10 minutes by default: a logout token can be that late."},
	"auth0": {"Tenant, Sessions: Idle Session Lifetime = {window}. Only /authorize resets it, silent calls included.",
		"Back-Channel Logout is a feature of Enterprise plans; add the initiator session-expired."},
	"entra": {"The idle time of its session is not yours to set; Conditional Access has a sign-in frequency, from " +
		"the log-in on.",
		"There is front-channel logout only: set the Front-channel logout URL."},
}

// settings for this IdP: the app's by their names in rp.Config, then the IdP's.
func (p Policy) settings(can idps.Capabilities, every time.Duration) []string {
	kinds := map[string]string{rp.RefreshToken.String(): "rp.RefreshToken",
		rp.ReferenceToken.String(): "rp.ReferenceToken", rp.NoToken.String(): "rp.NoToken"}
	out := []string{fmt.Sprintf("rp.Config: Kind = %s.", kinds[p.Kind])}
	if !can.AnnouncesWindow {
		out = append(out, fmt.Sprintf("rp.Config: IdPWindow = %s, for this IdP does not say it.", apps.Span(p.Window)))
	}
	switch {
	case every == 0 && p.Idle == 0:
		out = append(out, "rp.Config: SilentCheck = true, so that the app can tell and ask; or Idle, for a limit of "+
			"its own.")
	case every == 0:
		out = append(out, "rp.Config: SilentCheck = true would let the app tell the IdP of activity.")
	case byCall(can, p.Kind) && !p.Trailing && every >= p.Window/5:
		out = append(out, fmt.Sprintf("rp.Config: TrailingSignal = true, if up to %s less than the window is too "+
			"little for the last click.", apps.Span(every)))
	}
	if p.TokenLife >= p.Window && p.Kind != rp.NoToken.String() {
		out = append(out, fmt.Sprintf("The access token lives %s, as long as the window or longer. Tandem does not "+
			"mind; an app that refreshes only when it runs out logs active people out.", apps.Span(p.TokenLife)))
	}
	own, ok := atTheIdP[p.IdP]
	if !ok {
		return append(out, "The settings of this IdP are not in this plan: start an app with -diagnose, and it says "+
			"what does not fit.")
	}
	fill := strings.NewReplacer("{window}", apps.Span(p.Window), "{token}", apps.Span(p.TokenLife))
	for _, line := range own {
		out = append(out, p.IdP+": "+fill.Replace(line))
	}
	return out
}
