package verdict

import "net/http"

// Refusal is what an error says of a log-in, or of a silent check, that does not go on.
type Refusal uint8

const (
	// Failed: nothing more is known. A new log-in may work.
	Failed Refusal = iota
	// Cancelled: the person has said no.
	Cancelled
	// Elsewhere: another tab may have finished the log-in. Else a new one may begin.
	Elsewhere
	// Later: trouble that passes. Nothing is concluded about a session.
	Later
	// Spent: the code is used up, too old, or another's.
	Spent
	// Unfit: this client and this IdP do not fit. Loud.
	Unfit
	// NoSession: there is no session at the IdP, so that of the app ends.
	NoSession
	// NotSilently: the person has to act. The session is kept; once trust is over a navigation
	// is sent to the log-in.
	NotSilently
	// NotTaken: the request of a silent check is not taken, perhaps for its hint: an IdP that
	// has withdrawn its keys does not know its own ID tokens any more. A log-in sends none.
	NotTaken
)

var refusals = [...]string{"failed", "cancelled", "elsewhere", "later", "spent", "unfit", "no_session", "not_silently",
	"not_taken"}

func (r Refusal) String() string { return refusals[r] }

// Login judges the error code by which the authorization endpoint answers a log-in. RFC 6749
// §4.1.2.1.
func Login(code string) Refusal {
	switch code {
	case "access_denied":
		return Cancelled
	case "temporarily_unavailable": // Keycloak's word to the second of two tabs, too
		return Elsewhere
	case "server_error":
		return Later
	}
	return Failed
}

// Silent judges the error code by which the authorization endpoint answers a silent check
// (prompt=none). Only login_required says that there is no session (OpenID Connect Core 1.0
// §3.1.2.6, SM-04); others want the person to act. What is not known is trouble, and trouble
// at the IdP is not a logout.
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

// Exchange judges an answer of the token endpoint that has brought no tokens for a code.
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

// Pushed judges an authorization request that was pushed and not taken (RFC 9126 §2.3). At a
// silent check somebody is logged in, and stays so whatever is said of the client.
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

// passes: the endpoint has not answered, or not to what was asked.
func passes(a Answer) bool {
	return a.Fault != None || a.Status >= 500 || a.Status == http.StatusTooManyRequests
}
