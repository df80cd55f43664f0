// Package reason has the words for why a session ended, and for why a request could not be
// answered. Package rp, its events, its pages and its stores share them.
package reason

// Reason says why a session ended. A session ends for exactly one reason; the
// literal reaches the page, the log and the event.
type Reason string

const (
	// UserLogout: the person pressed "log out" in this app.
	UserLogout Reason = "user_logout"
	// Idle: no activity in this app for Config.Idle.
	Idle Reason = "idle"
	// Absolute: the session reached Config.Absolute.
	Absolute Reason = "absolute"
	// IdPCeiling: the IdP said beforehand when the session ends at the latest
	// (session_expiry in the ID token, authorization_expires_in beside it).
	IdPCeiling Reason = "idp_ceiling"
	// RefreshRejected: the IdP answered invalid_grant to the current refresh token.
	RefreshRejected Reason = "refresh_rejected"
	// APIUnauthorized: an API or the userinfo endpoint refused the access token,
	// and a second look confirmed it.
	APIUnauthorized Reason = "api_unauthorized"
	// BackchannelLogout: a valid logout token arrived.
	BackchannelLogout Reason = "backchannel_logout"
	// FrontchannelLogout: the IdP loaded the front-channel logout URI.
	FrontchannelLogout Reason = "frontchannel_logout"
	// Replaced: the same browser logged in again.
	Replaced Reason = "replaced"
	// SessionLimit: the person logged in elsewhere, and that was one session more than
	// Config.MaxSessionsPerSubject.
	SessionLimit Reason = "session_limit"
	// Admin: the app's own code ended the session.
	Admin Reason = "admin"
	// OtherSubject: the IdP gave out an ID token of another person for this session. Userinfo
	// of another person ends nothing: it is not used (OpenID Connect Core 1.0 §5.3.2).
	OtherSubject Reason = "other_subject"
	// Unconfirmed: the IdP answered prompt=none with login_required or with
	// another person, or the record could no longer be read.
	Unconfirmed Reason = "unconfirmed"
)

// EndCause says more about an end than its Reason, where the IdP has said it. The reason
// tells how this app has learnt of the end; the cause, why the IdP has ended the session.
type EndCause string

// Inactivity means that nobody was active in any app for as long as the IdP allows. Only the
// IdP can say so (in its logout token: logout_reason of Duende, cause of Ping).
const Inactivity EndCause = "inactivity"
