package controlroom_test

import (
	"github.com/tandem-sso/tandem/demo/system"
)

// promise is what a story's “Watch” says, in terms of the page.
type promise struct {
	events []want
	said   []string // by a card, at some time: “card ring: value caption” or “card state”
	never  []string
}

// want is a kind of event on the timeline, and how many of it. then: the last of
// them comes after the last one of the want before that has it.
type want struct {
	kind        system.Kind
	from, to    string
	title       string
	least, most int // most < 0: any number
	then        bool
}

func (w want) next() want { w.then = true; return w }

func some(n int, kind system.Kind, from, to, title string) want {
	return want{kind: kind, from: from, to: to, title: title, least: n, most: -1}
}

func exactly(n int, kind system.Kind, from, to, title string) want {
	return want{kind: kind, from: from, to: to, title: title, least: n, most: n}
}

func promises() map[string]promise {
	const (
		person, notes, reports, wiki = system.Person, system.Notes, system.Reports, system.Wiki
		naive, api, idp              = system.Naive, system.API, system.IdP
	)
	toldEverybody := []want{
		exactly(1, system.Ended, idp, "", "idle").next(),
		exactly(1, system.Delivered, idp, notes, "Logout token"),
		exactly(1, system.Delivered, idp, reports, "Logout token"),
		exactly(1, system.Ended, notes, "", "backchannel_logout").next(),
		exactly(1, system.Ended, reports, "", "backchannel_logout"),
	}
	return map[string]promise{
		// The rings. Notes is used, the others are not; still none of them runs out.
		"four-sessions": {events: append([]want{
			some(15, system.Active, person, notes, ""), exactly(1, system.Active, person, reports, ""),
			exactly(1, system.Active, person, wiki, ""),
			some(5, system.Told, notes, idp, "Refresh").next(), exactly(1, system.Delivered, idp, wiki, "Logout token"),
		}, toldEverybody...), said: []string{"idp idle: 1:", "notes idle: 1:", "reports idle: asks the IdP first",
			"wiki idle: – only the IdP knows", "wiki ended"}},
		// Who tells the IdP, by which call, and how each app finds out that it is over.
		"three-kinds": {events: []want{
			exactly(1, system.Told, notes, idp, "Refresh").next(),
			exactly(1, system.Told, api, idp, "Introspection").next(), exactly(0, system.Told, wiki, idp, ""),
			exactly(1, system.Lost, idp, notes, ""), exactly(1, system.Lost, idp, reports, ""),
			exactly(1, system.Delivered, idp, wiki, ""),
			exactly(1, system.Ended, wiki, "", "backchannel_logout").next(),
			exactly(1, system.Refused, notes, idp, "refresh").next(),
			exactly(1, system.Ended, notes, "", "refresh_rejected").next(),
			exactly(1, system.Refused, api, "", "401"), exactly(1, system.Refused, reports, idp, "userinfo"),
			exactly(1, system.Ended, reports, "", "api_unauthorized"),
		}},
		// Wiki's ring says “only the IdP knows”: its polls are no activity.
		"one-idle": {events: []want{
			some(30, system.Passive, person, wiki, "Poll"), exactly(0, system.Told, wiki, idp, ""),
			some(20, system.Told, api, idp, "Introspection").next(),
			exactly(1, system.Ended, idp, "", "idle").next(),
			exactly(1, system.Ended, wiki, "", "backchannel_logout").next(),
		}, said: []string{"wiki idle: – only the IdP knows"}},
		// The order: the app's own session first, then the IdP's, then everybody else's.
		"logout": {events: []want{
			exactly(1, system.Ended, wiki, "", "user_logout").next(),
			exactly(1, system.Ended, idp, "", "logout").next(),
			exactly(1, system.Ended, notes, "", "backchannel_logout").next(),
			exactly(1, system.Delivered, idp, reports, "Logout token"),
			exactly(1, system.Ended, reports, "", "backchannel_logout"),
		}},
		// What the three tabs are told, and how often she types her name.
		"morning": {events: []want{
			exactly(1, system.Ended, idp, "", "idle").next(),
			exactly(1, system.Refused, notes, person, "answered 401").next(),
			exactly(1, system.Refused, reports, person, "answered 401"),
			exactly(1, system.Refused, wiki, person, "answered 401"),
			exactly(2, system.Login, person, idp, "Signed in").next(),
			exactly(2, system.Login, person, wiki, "").next(),
		}, said: []string{"wiki ended", "wiki live"}},
		// What Notes answers to the copy: while Ada is signed in, and after she has logged out.
		"stolen-cookie": {events: []want{
			exactly(1, system.Login, person, notes, "").next(), some(2, system.Active, person, notes, ""),
			exactly(1, system.Ended, notes, "", "user_logout").next(),
			exactly(1, system.Refused, notes, person, "answered 401").next(),
		}, said: []string{"notes ended"}},
		// Grace's session at the IdP: nobody tells it that she is there.
		"token-outlives": {events: []want{
			some(20, system.Active, person, naive, ""), exactly(0, system.Told, naive, idp, ""),
			some(18, system.Told, notes, idp, "Refresh"),
			exactly(1, system.Ended, idp, "", "idle").next(),
			exactly(1, system.Refused, naive, idp, "invalid_grant").next(), exactly(0, system.Ended, notes, "", ""),
		}, said: []string{"naive ended"}, never: []string{"notes ended"}},
		// Polls are grey: they are served, but tell the IdP nothing.
		"polling": {events: []want{
			some(10, system.Passive, person, notes, "Poll"), exactly(0, system.Told, notes, idp, ""),
			some(3, system.Told, naive, idp, "Refresh"),
			exactly(1, system.Ended, idp, "", "idle").next(),
			exactly(1, system.Ended, notes, "", "backchannel_logout").next(),
		}, said: []string{"naive live"}, never: []string{"naive ended"}},
		// Ada's polls are grey. After the end: what a poll is answered, and what a click is.
		"htmx": {events: []want{
			some(15, system.Passive, person, notes, "Poll"), some(25, system.Active, person, notes, ""),
			exactly(1, system.Ended, idp, "", "idle").next(),
			exactly(1, system.Ended, notes, "", "backchannel_logout").next(),
			exactly(1, system.Refused, notes, person, "The poll is answered with 401").next(),
			exactly(1, system.Refused, notes, person, "The click is answered with 401").next(),
			exactly(3, system.Login, person, notes, "").next(),
		}, said: []string{"notes live"}},
		// Notes and Reports hear nothing of it. Their rings run out: “asks the IdP first”.
		"at-the-idp": {events: []want{
			some(4, system.Told, person, idp, "Visit").next(), exactly(1, system.Told, notes, idp, "Refresh"),
			some(1, system.Told, api, idp, "Introspection"),
			exactly(0, system.Ended, notes, "", ""), exactly(0, system.Ended, reports, "", ""),
		}, said: []string{"notes idle: asks the IdP first", "reports idle: asks the IdP first"},
			never: []string{"notes ended", "reports ended"}},
		// The API's questions to the IdP: they are the activity.
		"api-only": {events: []want{
			some(10, system.Asked, person, api, "/whoami"), some(10, system.Told, api, idp, "Introspection"),
			exactly(0, system.Ended, idp, "", ""),
		}, never: []string{"reports ended", "wiki ended"}},
		// The IdP's ring when Reports is opened; TestAStoryStepByStep reads it.
		"most-restrictive": {events: append([]want{exactly(1, system.Login, person, reports, "").next()},
			toldEverybody...)},
		// Notes' refreshes after the end: they are answered, and extend nothing.
		"exempt": {events: []want{
			exactly(1, system.Ended, idp, "", "idle").next(),
			some(3, system.Asked, notes, idp, "Refresh extended nothing").next(),
			exactly(0, system.Told, notes, idp, ""),
			exactly(0, system.Ended, notes, "", ""), exactly(1, system.Ended, wiki, "", "backchannel_logout"),
		}},
		// The activity that typing makes, and what happens when she is gone before she saves.
		"long-form": {events: []want{
			exactly(15, system.Active, person, notes, "Typing").next(), some(5, system.Told, notes, idp, "Refresh"),
			exactly(1, system.Ended, notes, "", "backchannel_logout").next(),
			exactly(1, system.Refused, notes, person, "401").next(),
			exactly(2, system.Active, notes, person, "201").next(),
		}, said: []string{"notes ended", "notes live"}},
		// Notes: served, then 503 with Retry-After, then served again. Nobody has to log in.
		"outage": {events: []want{
			exactly(1, system.Control, idp, "", "IdP down").next(),
			some(1, system.Trouble, notes, person, "503").next(),
			exactly(1, system.Control, idp, "", "IdP back").next(),
			some(1, system.Told, notes, idp, "Refresh").next(), exactly(1, system.Login, person, notes, ""),
			exactly(0, system.Ended, notes, "", ""),
			exactly(1, system.Refused, naive, idp, "could not be reached"), exactly(1, system.Ended, naive, "", ""),
		}, never: []string{"notes ended"}},
		// The answers of both apps: served, then 503 with Retry-After within seconds, then served again.
		"idp-hangs": {events: []want{
			exactly(1, system.Control, idp, "", "IdP hangs").next(),
			some(1, system.Trouble, notes, person, "503").next(), some(1, system.Trouble, reports, person, "503"),
			exactly(1, system.Control, idp, "", "IdP back").next(), some(1, system.Told, notes, idp, "Refresh").next(),
			exactly(1, system.Login, person, notes, ""),
			exactly(1, system.Login, person, reports, ""), exactly(0, system.Ended, notes, "", ""),
			exactly(0, system.Ended, reports, "", ""),
		}, said: []string{"notes live", "reports live"}, never: []string{"notes ended", "reports ended"}},
		// What each app does with the 401: it asks the IdP whether the token is good. Then it is the API that is to
		// blame.
		"broken-api": {events: []want{
			exactly(1, system.Control, api, "", "API broken").next(),
			some(3, system.Trouble, api, "", "API answered 401"), some(1, system.Told, notes, idp, "Refresh"),
			some(1, system.Told, reports, idp, "Userinfo"),
			some(2, system.Trouble, notes, person, "502"), some(2, system.Trouble, reports, person, "502").next(),
			exactly(1, system.Control, api, "", "API mended").next(),
			some(1, system.Asked, notes, api, "called the API").next(), exactly(0, system.Ended, idp, "", ""),
			exactly(0, system.Ended, notes, "", ""), exactly(0, system.Ended, reports, "", ""),
		}, never: []string{"notes ended", "reports ended"}},
		// Notes goes on for a moment, until it has something to tell the IdP.
		"lost-logout": {events: []want{
			exactly(1, system.Ended, idp, "", "admin").next(),
			exactly(1, system.Lost, idp, notes, "Logout token").next(),
			exactly(1, system.Refused, notes, idp, "refresh").next(),
			exactly(1, system.Ended, notes, "", "refresh_rejected").next(),
		}, said: []string{"idp ended", "notes ended"}},
		// What each API says after Ada has logged out.
		"jwt-outlives": {events: []want{
			exactly(2, system.Ended, notes, "", "user_logout"),
			some(3, system.Asked, person, api, "/whoami-jwt answers a script with 200"),
			exactly(1, system.Refused, api, person, "/whoami answers a script with 401"),
			exactly(2, system.Refused, api, person, "/whoami-jwt answers a script with 401"),
		}},
		// The number of refreshes: one by Notes, many by Naive.
		"refresh-race": {events: []want{
			some(20, system.Active, person, notes, ""), want{kind: system.Told, from: notes, to: idp, title: "Refresh",
				least: 1, most: 2},
			exactly(1, system.Told, naive, idp, "Refresh"), some(5, system.Refused, naive, idp, "invalid_grant"),
			exactly(1, system.Refused, idp, naive, "revoked"),
			exactly(0, system.Ended, notes, "", ""),
		}, said: []string{"naive ended"}, never: []string{"notes ended"}},
		// The logout token arrives at Notes before there is a session that it could end.
		"overtaking": {events: []want{
			exactly(1, system.Delivered, idp, notes, "Logout token").next(),
			exactly(0, system.Login, person, notes, ""),
			exactly(1, system.Refused, notes, person, "The late log-in").next(),
		}, never: []string{"notes live"}},
		// One refresh for both, and a log-out at one that the other knows at once.
		"two-instances": {events: []want{
			some(20, system.Active, person, notes, ""), exactly(1, system.Told, notes, idp, "Refresh").next(),
			exactly(1, system.Ended, notes, "", "user_logout").next(),
			exactly(1, system.Refused, notes, person, "The second instance"),
		}},
		// Her clicks: every one is served, by the old instance or the new one. She is never asked to log in.
		"rolling-update": {events: []want{
			exactly(2, system.Control, notes, "", "The second instance stops"),
			exactly(2, system.Control, notes, "", "The second instance is new"),
			exactly(2, system.Control, notes, "", "The first instance is new").next(),
			some(40, system.Active, person, notes, ""), some(5, system.Told, notes, idp, "Refresh"),
			exactly(1, system.Login, person, idp, "Signed in"), exactly(1, system.Login, person, notes, ""),
			exactly(1, system.Ended, notes, "", "user_logout").next(),
		}},
		// What each app knows of the other's session, and how a log-out comes from one to the other.
		"shared-store": {events: []want{
			exactly(1, system.Refused, notes, person, "answered 401"),
			exactly(1, system.Refused, reports, person, "answered 401").next(),
			exactly(1, system.Ended, reports, "", "admin").next(), exactly(2, system.Login, person, reports, "").next(),
			exactly(1, system.Login, person, idp, "Signed in"),
			exactly(1, system.Ended, notes, "", "user_logout").next(),
			exactly(1, system.Delivered, idp, reports, "Logout token").next(),
			exactly(1, system.Ended, reports, "", "backchannel_logout"),
		}},
		// The IdP's ring lives on. What do Notes and Homemade do when their people come back?
		"keycloak-quiet": {events: []want{
			some(8, system.Told, person, idp, "Visit").next(), exactly(2, system.Login, person, idp, "Signed in"),
			exactly(1, system.Ended, naive, "", "invalid_grant").next(),
			exactly(0, system.Ended, idp, "", ""), exactly(0, system.Ended, notes, "", ""),
		}, said: []string{"naive ended"}, never: []string{"notes ended"}},
		// Notes' refresh after the end, and how Wiki finds out.
		"entra-silent": {events: []want{
			exactly(1, system.Ended, idp, "", "admin").next(), exactly(0, system.Delivered, idp, "", ""),
			exactly(1, system.Refused, wiki, idp, "prompt=none").next(),
			exactly(1, system.Ended, wiki, "", "unconfirmed").next(),
			exactly(1, system.Ended, notes, "", "idle").next(),
		}, said: []string{"wiki ended", "notes ended"}},
		// Userinfo's refusal at the log-in. Then the API breaks: what does Reports make of two refusals?
		"entra-userinfo": {events: []want{
			exactly(1, system.Control, api, "", "API broken").next(), some(1, system.Trouble, reports, idp, "userinfo"),
			some(1, system.Refused, reports, person, "401").next(),
			exactly(1, system.Control, api, "", "API mended").next(),
			some(1, system.Asked, reports, api, "called the API").next(),
			exactly(1, system.Login, person, reports, ""), exactly(0, system.Ended, reports, "", ""),
		}, said: []string{"reports live"}, never: []string{"reports ended"}},
	}
}
