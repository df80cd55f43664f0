package page

import "maps"

// Word is the key of a text on one of the library's own pages. One that is no key is the
// text itself: what an app says in its own words is shown as it is.
type Word string

// Texts are the texts in English, by their keys. Those that session.js has, too, (ended-…,
// quiet) have the same words there.
func Texts() map[string]string { return maps.Clone(english) }

// Known is the Word of a key, if it is one.
func Known(key string) (w Word, ok bool) { return Word(key), english[key] != "" }

// English is a text for those who read no page: an error's.
func English(words ...Word) string { return (&tongue{}).say(0, words...) }

var english = map[string]string{
	"to-login":       "Log in",
	"to-login-again": "Log in again",
	"to-continue":    "Continue",
	"to-retry":       "Try again",
	"to-logout":      "Log out",
	"to-another":     "Use another account",
	"to-send":        "Send",
	"to-leave":       "Do not send it",
	"to-look":        "Look for what was sent",

	"almost-title":    "Logging in",
	"almost":          "You are almost there.",
	"login-title":     "Please log in.",
	"hidden-title":    "Are you still there?",
	"hidden":          "You have not used this page for a while, so it is hidden.",
	"more-title":      "Please log in once more.",
	"more":            "This page needs a stronger or newer log-in.",
	"denied-title":    "This page needs more than your log-in gives.",
	"denied":          "Please ask the people who run it.",
	"forbidden-title": "You may not open this page.",
	"forbidden":       "You are logged in, but this account is not allowed to see it.",
	"not-taken":       "What you have just sent was not taken.",
	"kept":            "What you have just sent waits in this tab: you can send it afterwards.",
	"send-title":      "Send it now?",
	"send":            "You are logged in again. What you had sent was not taken.",
	"lost-title":      "What you had sent cannot be sent again.",
	"lost":            "It was sent too long ago, or by somebody else, or it has been given back already.",
	"nothing-title":   "Nothing is left to send.",
	"nothing":         "You are logged in.",

	"ended-title":               "You are logged out.",
	"ended":                     "Please log in again.",
	"ended-user_logout":         "You have logged out.",
	"ended-idle":                "You were not active for a while.",
	"ended-inactivity":          "You were not active in any application for a while.",
	"ended-absolute":            "You had been logged in for as long as is allowed.",
	"ended-idp_ceiling":         "You had been logged in for as long as your log-in service allows.",
	"ended-refresh_rejected":    "Your log-in service has ended your session.",
	"ended-api_unauthorized":    "Your log-in service has ended your session.",
	"ended-backchannel_logout":  "You have logged out elsewhere, or your log-in service has ended your session.",
	"ended-frontchannel_logout": "You have logged out elsewhere.",
	"ended-replaced":            "There has been another log-in in this browser.",
	"ended-other_subject":       "There has been another log-in in this browser.",
	"ended-session_limit":       "You have logged in elsewhere.",
	"ended-admin":               "Your session was ended by this application.",
	"ended-unconfirmed":         "Your log-in service does not know your session any more.",
	"quiet":                     "Nobody was active here for {minutes} minutes.",

	"loggedout":             "You can close this page or log in again.",
	"leaving-title":         "Logging out",
	"leaving":               "You have left this application. The log-in service comes next.",
	"logout-question-title": "Log out?",
	"logout-question":       "Your browser does not say which page has asked for this.",

	"outage-title":           "Please try again in a moment.",
	"outage":                 "This application cannot answer right now.", // an error of an app's own making
	"outage-store":           "This application cannot look up who is logged in right now. Nobody has been logged out.",
	"outage-idp_unreachable": "The log-in service does not answer right now.",
	"outage-idp":             "The log-in service has a problem right now.",
	"outage-busy":            "This application is busy right now.",
	"still-in":               "You are still logged in.",
	"origin-title":           "This request came from another site.",
	"origin":                 "Please go back and try again from this application.",
	"setup-title":            "This application is not set up right.",
	"setup":                  "Please tell the people who run it: its log-in is guarded by itself.",
	"error-title":            "Something went wrong.",
	"error":                  "Please try again.",

	"failed":           "The log-in service could not log you in.",
	"failed-cancelled": "The log-in was cancelled or refused.",
	"failed-link":      "This log-in link is not valid.",
	"failed-elsewhere": "This log-in link belongs to another log-in service.",
	"failed-old":       "This log-in was not started in this browser, or is too old.",
	"failed-done":      "This log-in has been finished already.",
	"failed-issuer":    "The answer did not come from the expected log-in service.",
	"failed-code":      "The log-in service did not accept this log-in.",
	"failed-client":    "The log-in service refused this application.",
	"failed-trust":     "The log-in service's answer could not be trusted.",
	"failed-type":      "The log-in service's answer does not fit this application.",
	"failed-size":      "The log-in service's answer is too large.",
	"failed-over":      "By the log-in service's word your session is over already.",
	"failed-loggedout": "You were logged out while this log-in was under way.",
	"failed-later":     "The log-in could not be finished.",
	"failed-account":   "You cannot use this application with this account.",
	"failed-subject":   "The log-in service says two different things about who you are.",
	"failed-profile":   "The log-in service does not tell this application who you are.",
	"advice-app":       "This application has a problem. Please try again in a moment, or tell the people who run it.",
	"failed-weak":      "This page needs a stronger log-in.",
	"advice-weak":      "The log-in service did not give it. You are still logged in as before.",
	"advice-login":     "Please log in again.",
	"advice-moment":    "Please try again in a moment.",
	"advice-tell":      "Please tell the people who run it.",
}
