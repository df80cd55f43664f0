// Package verdict decides what a failed call means for the session. No other package does. It
// has one pure function for each kind of call, and one table to test them (RT-01…RT-15,
// API-01).
package verdict

import "net/http"

// Verdict is the meaning of an answer.
type Verdict uint8

const (
	// OK: a good answer.
	OK Verdict = iota
	// Ended: the IdP says that the session is over. The caller still has to make
	// sure that the token it showed was the current one.
	Ended
	// Retry: a failure that may pass. It says nothing about the session.
	Retry
	// Unknown: the request may have been carried out. One try with the same
	// token, then whatever that answers.
	Unknown
	// Misconfigured: this client and this IdP do not fit. It is logged as an error, rarely
	// retried, and every session is kept.
	Misconfigured
	// Interact: the IdP refuses this session's token, or wants the person to log in, but does
	// not say that the session has ended. The session is kept; when trust is over, a
	// navigation is sent to the log-in.
	Interact
	// Ask: the token has expired, or its refusal proves nothing. A silent log-in, which a
	// navigation can make, shows whether the session lives.
	Ask
	// StepUp: the token is good, but not good enough for this resource.
	StepUp
	// Denied: the IdP gives no token for this API. That says nothing about the session.
	Denied
	// Blamed: this API refuses a token that the IdP calls valid. The API is at fault.
	Blamed
)

var names = [...]string{"ok", "ended", "retry", "unknown", "misconfigured", "interact", "ask", "step_up", "denied",
	"blamed"}

func (v Verdict) String() string { return names[v] }

// Fault is what went wrong below HTTP.
type Fault uint8

const (
	None      Fault = iota
	NotSent         // DNS, refused, broken before the request was written
	TLS             // the server could not prove who it is
	Sent            // time-out or reset after the request was written
	Malformed       // a success that is none: no JSON, no access_token, too large
	OtherUser       // a success for another subject
)

// Answer is the answer to a call, or the reason why there is none.
type Answer struct {
	Fault  Fault
	Status int    // HTTP status; 0 without an answer
	Code   string // OAuth error code, or the error of a Bearer challenge
}

// Token judges an answer of the token endpoint to a refresh.
// RFC 6749 §5.2; OpenID Connect Core 1.0 §12.2.
func Token(a Answer) Verdict {
	switch a.Fault {
	case NotSent, Malformed:
		return Retry // RT-07, RT-09
	case TLS:
		return Misconfigured // RT-07
	case Sent:
		return Unknown // RT-08
	case OtherUser:
		return Ended // CORE-10
	}
	switch {
	case a.Status >= 200 && a.Status < 300:
		return OK
	case a.Status < 400:
		return Misconfigured // RT-15
	case a.Status == http.StatusTooManyRequests, a.Status >= 500:
		return Retry // RT-05, RT-06; whatever code stands in it
	}
	switch a.Code {
	case "invalid_grant":
		return Ended // RT-01
	case "temporarily_unavailable", "server_error":
		return Retry // RT-05
	case "invalid_client", "unauthorized_client", "unsupported_grant_type", "use_dpop_nonce", "invalid_dpop_proof":
		// RT-02, RT-03, RT-12. A proof is this client's work, and a new log-in would make the
		// next one in the same way. It is not client-wide: some may say so of one key.
		return Misconfigured
	case "":
		switch a.Status {
		case http.StatusRequestTimeout, http.StatusTooEarly:
			return Retry
		case http.StatusUnauthorized: // RFC 6749 §5.2 has it for invalid_client alone
			return Misconfigured
		}
	}
	// RT-03, RT-04, RT-13, RT-14: Dex says invalid_request of a token that it has given
	// to another browser, Entra ID interaction_required. It concerns this session.
	return Interact
}

// APIToken judges an answer of the token endpoint to a refresh for the token of one API.
// A code that is about what was asked for (invalid_target, RFC 8707 §2; invalid_scope;
// what Entra ID says of a missing consent) concerns that API alone. Ended means here: look
// a second time, by a refresh that asks for nothing else, before believing it. Entra ID
// says invalid_grant of a missing consent, too.
func APIToken(a Answer) Verdict {
	v := Token(a)
	if v == Interact || a.Code == "unauthorized_client" && v == Misconfigured && a.Fault == None && a.Status >= 400 {
		return Denied
	}
	return v
}

// Doubtful reports whether a failed refresh may have used up its token: the server may have
// acted, and then it, or a proxy in front of it, failed to answer. A later refusal of that
// token proves nothing.
func Doubtful(a Answer) bool {
	return a.Fault == Sent || a.Fault == Malformed || a.Fault == None && a.Status >= 500
}

// ClientWide reports whether a failure concerns every session of this client, so
// that one trial call at a time is enough (RT-02, RT-03, RT-15).
func ClientWide(a Answer) bool {
	switch a.Code {
	case "invalid_client", "unauthorized_client", "unsupported_grant_type":
		return true
	}
	return a.Fault == TLS || a.Status == http.StatusUnauthorized && a.Code == "" || (a.Status >= 300 && a.Status < 400)
}

// Userinfo judges an answer of the userinfo endpoint, the probe that says whether the
// IdP still knows the access token (UI-01). valid: the token has not run out, and the
// endpoint has accepted one of this session before. Some never do, because the token
// is bound to another resource (Entra ID, AD FS, RFC 8707).
func Userinfo(a Answer, valid bool) Verdict {
	switch {
	case a.Fault == OtherUser, a.Fault == TLS:
		return Misconfigured // CORE-11: none of it is used
	case a.Fault != None:
		return Retry // asking twice does no harm: nothing is consumed
	case a.Status >= 200 && a.Status < 300:
		return OK
	case a.Status == http.StatusTooManyRequests, a.Status >= 500, a.Status == http.StatusRequestTimeout:
		return Retry
	case a.Status < 400:
		return Misconfigured
	case a.Status == http.StatusUnauthorized && a.Code == OtherScheme:
		return Misconfigured // no word about our token
	case a.Code == "use_dpop_nonce", a.Code == "invalid_dpop_proof":
		return Misconfigured // DPOP-02: a word about the proof beside it
	case valid && (a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden):
		return Ended // Hydra: request_unauthorized; Dex, ZITADEL: 403
	}
	return Ask
}

// OtherScheme is the code of a challenge that is not about our token: a proxy asks for its
// own password.
const OtherScheme = "other_scheme"

// API judges an answer of a resource server to a request with our token. Ended
// means here: look a second time (refresh or probe) before believing it.
// RFC 6750 §3.1, RFC 9470 §3.
func API(a Answer) Verdict {
	switch {
	case a.Fault != None:
		return Retry
	case a.Status == http.StatusUnauthorized && a.Code == "insufficient_user_authentication":
		return StepUp
	case a.Status == http.StatusUnauthorized && (a.Code == "invalid_token" || a.Code == ""):
		return Ended
	case a.Status == http.StatusForbidden && a.Code == "insufficient_scope":
		return StepUp
	case a.Status == http.StatusTooManyRequests, a.Status >= 500:
		return Retry
	}
	return OK
}

// SecondLook decides about a session whose token an API has refused. renewed: the IdP
// has given out that token just now; then the API is to blame, whatever userinfo says.
// Else probe is the verdict of the userinfo endpoint. An API alone never logs anybody
// out.
func SecondLook(renewed bool, probe Verdict) Verdict {
	switch {
	case renewed, probe == OK:
		return Blamed
	case probe == Ended, probe == Ask:
		return probe
	}
	return Retry
}
