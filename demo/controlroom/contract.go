package controlroom

// Clause of the contract that the library keeps.
type Clause struct{ Name, Title, Text string }

// Contract is what the library promises. W is the IdP's idle window, δ how often
// activity is reported.
func Contract() []Clause {
	return []Clause{
		{"C1", "Active stays", "Whoever is active again before W − δ is over is never logged out, however long the " +
			"access token lives."},
		{"C2", "Idle ends", "Once a person is inactive in every app, no app serves them after W + δ. A poll never " +
			"postpones that."},
		{"C3", "One clock", "Activity in one app keeps the person's other apps signed in. A quiet app asks the IdP " +
			"before it gives up."},
		{"C4", "One refresh", "At most one refresh is in flight per session, and a rotated refresh token is never " +
			"presented again."},
		{"C5", "Nothing comes back", "After an end, nothing in flight re-creates the session; a log-out that " +
			"overtakes a log-in wins."},
		{"C6", "An outage is not a log-out", "Only a confirmed verdict ends a session. Trouble costs a retry, a " +
			"bounded grace, then 503; never the cookie."},
		{"C7", "The absent do not linger", "No signal is sent unless the person was active since the last one."},
		{"C8", "Everybody is told", "Every end has one reason, and reaches every open tab within a second."},
	}
}
