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
	// Ended: the IdP says that the session is over. The caller must still check that it sent
	// the current token.
	Ended
	// Retry: a failure that may pass. It says nothing about the session.
	Retry
	// Unknown: the IdP may have carried out the request. The caller tries once more with the
	// same token, and the answer to that counts.
	Unknown
	// Misconfigured: the configuration of this client does not fit the IdP. The error is
	// logged, the call is rarely tried again, and every session is kept.
	Misconfigured
	// Interact: the IdP refuses this session's token, or wants the person to log in, but does
	// not say that the session has ended. The session is kept. When
	// Config.TrustFor has passed, a navigation is sent to the log-in.
	Interact
	// Ask: the token has expired, or its refusal proves nothing. A navigation can make a
	// silent log-in, which shows whether the session lives.
	Ask
	// StepUp: the token is valid, but this resource demands more.
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
	Malformed       // 200 with an unusable body: no JSON, no access_token, too large
	OtherUser       // 200 with tokens of another person
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
		return Retry // RT-05, RT-06, whatever the error code
	}
	switch a.Code {
	case "invalid_grant":
		return Ended // RT-01
	case "temporarily_unavailable", "server_error":
		return Retry // RT-05
	case "invalid_client", "unauthorized_client", "unsupported_grant_type", "use_dpop_nonce", "invalid_dpop_proof":
		// RT-02, RT-03, RT-12. This client makes the DPoP proof, and after a new log-in it
		// would make the next proof in the same way. This does not concern every session: an
		// IdP may refuse the proofs of one key only.
		return Misconfigured
	case "":
		switch a.Status {
		case http.StatusRequestTimeout, http.StatusTooEarly:
			return Retry
		case http.StatusUnauthorized: // RFC 6749 §5.2 has it for invalid_client alone
			return Misconfigured
		}
	}
	// RT-03, RT-04, RT-13, RT-14. Dex answers invalid_request to a token that it has given to
	// another browser; Entra ID answers interaction_required. Only this session is concerned.
	return Interact
}

// APIToken judges an answer of the token endpoint to a refresh for the token of one API.
// An error code about what was asked for (invalid_target, RFC 8707 §2; invalid_scope; the
// codes by which Entra ID reports a missing consent) concerns that API alone. Ended does not
// end the session yet: the caller first makes a refresh without these parameters, because
// Entra ID answers invalid_grant to a missing consent, too.
func APIToken(a Answer) Verdict {
	v := Token(a)
	if v == Interact || a.Code == "unauthorized_client" && v == Misconfigured && a.Fault == None && a.Status >= 400 {
		return Denied
	}
	return v
}

// Doubtful reports whether a failed refresh may have used up its token: perhaps the server
// carried out the request, and then the server, or a proxy in front of it, did not answer
// well. If that token is refused later, this proves nothing.
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

// Userinfo judges an answer of the userinfo endpoint. The call shows whether the IdP still
// accepts the access token (UI-01). valid: the token has not expired, and the endpoint has
// accepted a token of this session before. Some endpoints never accept one, because the token
// is for another resource (Entra ID, AD FS, RFC 8707).
func Userinfo(a Answer, valid bool) Verdict {
	switch {
	case a.Fault == OtherUser, a.Fault == TLS:
		return Misconfigured // CORE-11: nothing of the answer is used
	case a.Fault != None:
		return Retry // to ask twice does no harm: no token is used up
	case a.Status >= 200 && a.Status < 300:
		return OK
	case a.Status == http.StatusTooManyRequests, a.Status >= 500, a.Status == http.StatusRequestTimeout:
		return Retry
	case a.Status < 400:
		return Misconfigured
	case a.Status == http.StatusUnauthorized && a.Code == OtherScheme:
		return Misconfigured // the answer is not about our token
	case a.Code == "use_dpop_nonce", a.Code == "invalid_dpop_proof":
		return Misconfigured // DPOP-02: the answer is about the proof
	case valid && (a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden):
		return Ended // Hydra: request_unauthorized; Dex, ZITADEL: 403
	}
	return Ask
}

// OtherScheme is the code for a challenge that is not about our token, such as that of a proxy
// that asks for its own password.
const OtherScheme = "other_scheme"

// API judges an answer of a resource server to a request with our token. Ended does not end
// the session yet: the caller first makes a refresh or a userinfo call (SecondLook).
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

// SecondLook decides about a session whose token an API has refused. renewed: the IdP has
// issued that token just now. Then the API is at fault, whatever userinfo answers. Otherwise
// probe, the verdict about the userinfo call, decides. An API alone never logs anybody out.
func SecondLook(renewed bool, probe Verdict) Verdict {
	switch {
	case renewed, probe == OK:
		return Blamed
	case probe == Ended, probe == Ask:
		return probe
	}
	return Retry
}
