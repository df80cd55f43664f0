package verdict

import "net/http"

// Refusal is the meaning of an error that stops a log-in or a silent check.
type Refusal uint8

const (
	// Failed: nothing more is known. A new log-in may work.
	Failed Refusal = iota
	// Cancelled: the person has refused.
	Cancelled
	// Elsewhere: another tab may have finished the log-in. If not, a new one may begin.
	Elsewhere
	// Later: a failure that may pass. It says nothing about a session.
	Later
	// Spent: the code was used before, has expired, or was issued to another client.
	Spent
	// Unfit: the configuration of this client does not fit the IdP. The error is logged.
	Unfit
	// NoSession: the IdP has no session, so the session of the app ends.
	NoSession
	// NotSilently: the person has to act. The session is kept. When Config.TrustFor has passed,
	// a navigation is sent to the log-in.
	NotSilently
	// NotTaken: the IdP refuses the request of a silent check, perhaps because of the hint: an
	// IdP that has withdrawn its keys does not accept its older ID tokens. A log-in sends no
	// hint.
	NotTaken
)

var refusals = [...]string{"failed", "cancelled", "elsewhere", "later", "spent", "unfit", "no_session", "not_silently",
	"not_taken"}

func (r Refusal) String() string { return refusals[r] }

// Login judges the error code of the authorization endpoint's answer to a log-in. RFC 6749
// §4.1.2.1.
func Login(code string) Refusal {
	switch code {
	case "access_denied":
		return Cancelled
	case "temporarily_unavailable": // Keycloak sends it to the second of two tabs, too
		return Elsewhere
	case "server_error":
		return Later
	}
	return Failed
}

// Silent judges the error code of the authorization endpoint's answer to a silent check
// (prompt=none). Only login_required says that there is no session (OpenID Connect Core 1.0
// §3.1.2.6, SM-04). Three others say that the person has to act. An unknown code counts as a
// failure of the IdP, and a failure of the IdP is not a log-out.
func Silent(code string) Refusal {
	switch code {
	case "login_required":
		return NoSession
	case "interaction_required", "consent_required", "account_selection_required":
		return NotSilently
	case "invalid_request":
		return NotTaken
	}
	return Later
}

// Exchange judges an answer of the token endpoint that has no tokens for an authorization code.
// RFC 6749 §5.2.
func Exchange(a Answer) Refusal {
	switch {
	case passes(a):
		return Later
	case a.Code == "invalid_grant":
		return Spent
	}
	return Unfit
}

// Pushed judges the refusal of a pushed authorization request (RFC 9126 §2.3). During a silent
// check a person is logged in, and stays logged in whatever the IdP says about the client.
func Pushed(a Answer, silent bool) Refusal {
	switch {
	case passes(a):
		return Later
	case !silent:
		return Unfit
	case a.Status >= 400 && !ClientWide(a):
		return NotTaken
	}
	return Later
}

// passes reports a failure that may pass: no answer, or one that is not about the request.
func passes(a Answer) bool {
	return a.Fault != None || a.Status >= 500 || a.Status == http.StatusTooManyRequests
}
