package simulation

import (
	"net/http"
	"slices"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/idps"
)

// Kinds of IdPs. The empty one is what the library was made for: every call with a
// token extends the session and proves that it lives.
const (
	likeKeycloak = "keycloak" // a quiet app's refresh token dies before the session
	likeEntra    = "entra"    // tokens and the session know nothing of each other; nobody is told
	likeStrict   = "strict"   // reuse or revocation of one token takes all of the person's at the app
	likeDex      = "dex"      // its words, one refresh token per person, repeated within the grace
)

var kindsOfIdP = []string{"", "", likeKeycloak, likeEntra, likeStrict, likeDex}

// api is who asks about tokens.
const api = "api"

// temperament is that of an IdP as it is drawn.
func (k idpKnobs) temperament() idpmock.Temperament {
	var t idpmock.Temperament
	switch k.Like {
	case likeDex: // in these things; else it honours every call, which Dex does not
		t.Refusals = idpmock.Refusals{
			Refresh:  idpmock.Refusal{Error: "invalid_request", Description: "Refresh token is invalid."},
			Userinfo: idpmock.Refusal{Error: "access_denied", Status: http.StatusForbidden},
		}
		t.MaxRefreshTokens, t.RepeatInGrace = 1, true
	case "":
		// Keycloak's kind has one session of each client in the person's, which a later
		// log-in joins.
		if t.Revocation = k.Takes; k.Takes == idpmock.ReachClientSession {
			t.SharedClientSession, t.LastClientEndsSession = true, true
		}
	default:
		var err error
		if t, err = idpmock.Like(k.Like); err != nil {
			panic(err)
		}
		if k.Like == likeKeycloak && k.Rotates { // the realm's switch Revoke Refresh Token
			t.Rotation = idpmock.RotationStrict
		}
	}
	return t
}

// capabilities are what an app is told of its IdP; nil: nothing.
func (k idpKnobs) capabilities(revocation idps.RevocationScope) *idps.Capabilities {
	name := "generic"
	if k.Like == likeKeycloak || k.Like == likeEntra {
		name = k.Like
	} else if revocation == idps.RevokesGrant {
		return nil
	}
	can, _ := idps.Named(name)
	can.Revocation = revocation
	return &can
}

// spares are what an app may say of an IdP: how far a revocation reaches, or further.
func (k idpKnobs) spares() []idps.RevocationScope {
	switch {
	case k.Like == likeStrict, k.Like == likeEntra, k.Like == "" && k.Takes == idpmock.ReachUserClient:
		return []idps.RevocationScope{idps.RevokesGrant}
	case k.Like == likeKeycloak, k.Like == "" && k.Takes == idpmock.ReachClientSession:
		return []idps.RevocationScope{idps.RevokesClientSession, idps.RevokesClientSession, idps.RevokesGrant}
	}
	return []idps.RevocationScope{idps.RevokesFamily, idps.RevokesToken, idps.RevokesClientSession, idps.RevokesGrant}
}

// What the oracle knows of an IdP.

// announces: token answers say when the refresh token ends, which is W.
func (p *provider) announces() bool {
	return p.knobs.Like == likeKeycloak || p.knobs.Like == "" && p.expiresIn
}

// honours: a call extends the session, and fails once that is over.
func (p *provider) honours(kind callKind) bool { return p.extends(kind) && p.proves(kind) }

func (p *provider) extends(kind callKind) bool { return p.temper.Extends(endpointOf(kind)) }
func (p *provider) proves(kind callKind) bool  { return p.temper.Proves(endpointOf(kind)) }

func endpointOf(kind callKind) idpmock.Endpoint {
	switch kind {
	case callRefresh:
		return idpmock.EndpointRefresh
	case callUserinfo:
		return idpmock.EndpointUserinfo
	case callResource:
		return idpmock.EndpointIntrospect
	}
	return idpmock.EndpointAuthorize
}

// refusesSilence: prompt=none is no way to ask this IdP; only a log-in is.
func (p *provider) refusesSilence() bool { return p.temper.SilentWithoutHint != "" }

// signals: the app can tell its IdP of activity by a call of its own.
func (a *app) signals() bool {
	switch a.kind {
	case rp.RefreshToken:
		return a.provider.extends(callRefresh) || a.provider.extends(callUserinfo)
	case rp.ReferenceToken:
		return a.provider.extends(callUserinfo)
	}
	return false
}

// deaf: there is no way at all to ask about s while its tokens last: no call, no silent check.
func (s *session) deaf() bool { return !s.app.signals() && !s.app.knobs.Silent }

// perhapsDeaf: by some clock, and with some of the tokens that may be those of s, nothing has to
// be renewed yet.
func (s *session) perhapsDeaf(at time.Duration) bool {
	const around = 12 * time.Second
	all := s.chains()
	return s.deaf() && (len(all) == 0 || slices.ContainsFunc(all, func(c *chain) bool {
		return !s.over(c, at-around-2*s.app.skew())
	}))
}

// surelyDeaf: by all clocks, and with all of them.
func (s *session) surelyDeaf(at time.Duration) bool {
	return s.deaf() && !s.mistrusts() && !slices.ContainsFunc(s.chains(), func(c *chain) bool { return s.over(c, at) })
}

// refusedOwn: an IdP has refused the session's token in words that are no verdict.
func (c *call) refusedOwn() bool {
	switch {
	case c.kind != callRefresh, c.status < 400, c.status >= 500, c.status == http.StatusTooManyRequests:
		return false
	}
	return c.err != "invalid_client" && c.err != "invalid_grant"
}
