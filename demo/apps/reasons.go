package apps

import "github.com/tandem-sso/tandem/rp/reason"

// Reason is the answer to "why was I logged out?".
type Reason struct {
	Reason reason.Reason
	Title  string
	Text   string
}

// Reasons in the order of the library's list. A card of the control room has room for about 100
// letters of text.
func Reasons() []Reason {
	return []Reason{
		{reason.UserLogout, "You logged out", "Somebody pressed “Log out” in this app, in this browser."},
		{reason.Idle, "This app's own idle limit was reached", "Nobody was active in this app for longer than it " +
			"allows, whatever happened in the other apps."},
		{reason.Absolute, "The longest time was reached", "However active a person is, a session lasts only so long; " +
			"then a new log-in is needed."},
		{reason.IdPCeiling, "The log-in service had set this end", "It said beforehand when the session ends at the " +
			"latest, and that moment has come."},
		{reason.RefreshRejected, "The log-in service's session is over",
			"Its refresh was refused: the session there has ended; probably nobody was active."},
		{reason.APIUnauthorized, "The API no longer takes the token",
			"It answered 401, and a second look at the log-in service confirmed it: the session there is over."},
		{reason.BackchannelLogout, "The log-in service told the app",
			"It sent a logout token: somebody logged out in another app, or nobody was active for too long."},
		{reason.FrontchannelLogout, "The log-in service told the app by the browser",
			"While somebody logged out elsewhere, its page loaded this app's logout address (front-channel logout)."},
		{reason.Replaced, "There is a newer session", "The same browser logged in again; the old session was thrown " +
			"away with its id."},
		{reason.SessionLimit, "There were too many sessions", "The same person logged in elsewhere, and the app " +
			"allows only so many sessions: the longest unused one ended."},
		{reason.Admin, "The app ended it", "The app's own code or its administrator ended this session."},
		{reason.OtherSubject, "It belongs to somebody else now", "The log-in service gave out an ID token of another " +
			"person for this session."},
		{reason.Unconfirmed, "The log-in service did not confirm it",
			"Asked in the background, it answered that nobody, or somebody else, is signed in there."},
	}
}

// ReasonOf returns the words for a reason.
func ReasonOf(r reason.Reason) Reason {
	for _, known := range Reasons() {
		if known.Reason == r {
			return known
		}
	}
	return Reason{r, "The session is over", ""}
}
