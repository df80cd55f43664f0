package idpmock

import "net/http"

// dead says why a token is no longer good. Empty: it is. The texts are outcomes
// of events.
type dead string

const (
	deadUnknown  dead = "unknown token"
	deadExpired  dead = "the token has expired"
	deadRevoked  dead = "revoked by the client"
	deadConsent  dead = "the consent was revoked"
	deadReplaced dead = "too many refresh tokens"
	deadCode     dead = "code reuse"
	deadReused   dead = "refresh token reuse"
	deadEnded    dead = "session is gone"
	deadIdle     dead = "the client has not refreshed for a whole window"
	deadLeft     dead = "the client session is gone"
)

// or returns this refusal if it says something, else the other one.
func (r Refusal) or(other Refusal) Refusal {
	if r.Error != "" {
		return r
	}
	return other
}

// answer is the refusal as an answer, or the provider's own one.
func (r Refusal) answer(status int, own *oauthError) *oauthError {
	if r.Error == "" {
		return own
	}
	e := &oauthError{status: or(r.Status, status), Code: r.Error, Desc: r.Description}
	if e.status == http.StatusUnauthorized {
		e.scheme, e.challenge = own.scheme, r.Challenge
	}
	return e
}

// refresh refuses a refresh token.
func (r *Refusals) refresh(why dead, desc string) *oauthError {
	special := Refusal{}
	switch why {
	case deadExpired, deadIdle:
		special = r.RefreshExpired
	case deadReused:
		special = r.RefreshReused
	case deadEnded:
		special = r.RefreshEnded
	case deadRevoked, deadConsent, deadLeft:
		special = r.RefreshLeft
	}
	return special.or(r.Refresh).answer(http.StatusBadRequest, errInvalidGrant(desc))
}

// userinfo refuses an access token at userinfo.
func (r *Refusals) userinfo(why dead, own *oauthError) *oauthError {
	special := Refusal{}
	switch why {
	case deadEnded, deadIdle, deadRevoked, deadConsent, deadLeft, deadReused:
		special = r.UserinfoEnded
	}
	return special.or(r.Userinfo).answer(http.StatusUnauthorized, own)
}
