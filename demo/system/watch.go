package system

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp/activity"
	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/reason"
)

// Note adds to the log, at the demo's time.
func (s *System) Note(e Event) {
	if e.At.IsZero() {
		e.At = s.Now()
	}
	s.Log.Add(e)
}

// watch translates what the IdP says until it closes.
func (s *System) watch() {
	events, stop := s.IDP.Subscribe(KeepEvents)
	s.unwatch = stop
	go func() {
		defer close(s.watched)
		for e := range events {
			switch settings := s.Settings(); e.Client {
			case Notes:
				s.tokens.note(e, settings.TokenLife)
			case Reports:
				s.tokens.note(e, settings.IdPAbsolute)
			}
			if out, ok := s.fromIdP(e); ok {
				s.Note(out)
			}
		}
	}()
}

// calls names what tells the IdP.
var calls = map[idpmock.Endpoint]string{
	idpmock.EndpointRefresh: "Refresh", idpmock.EndpointUserinfo: "Userinfo",
	idpmock.EndpointIntrospect: "Introspection",
	idpmock.EndpointAuthorize:  "Visit", idpmock.EndpointCode: "Code exchange", idpmock.EndpointControl: "Session API",
}

func (s *System) fromIdP(e idpmock.Event) (Event, bool) {
	out := Event{At: e.Time, From: e.Client, To: IdP, SID: e.SID, Subject: e.Subject}
	call := calls[e.Endpoint]
	switch e.Endpoint {
	case idpmock.EndpointIntrospect:
		out.From = API // it asks about a token of the client
	case idpmock.EndpointAuthorize:
		out.From = Person
	}
	if out.From == "" {
		out.From = IdP
	}
	switch e.Kind {
	case idpmock.EventSignIn:
		out.Kind, out.From, out.Title = Login, Person, "Signed in at the IdP"
		out.Text = "Credentials were entered: the IdP session began, or began anew."
	case idpmock.EventJoin:
		out.Kind, out.Title = Told, Name(e.Client)+" joined the IdP session"
		out.Text = "The IdP gave the app a code without asking for credentials again, if it knew the person already. " +
			"The visit extended the session."
	case idpmock.EventSignal:
		out.Kind, out.Clause = Told, "C1"
		out.Title = call + " told the IdP"
		out.Text = "The person was active, and the IdP session now ends at " + clock(e.Deadline) +
			" unless somebody is active again."
		if text, ok := notExtended[e.Outcome]; ok {
			out.Kind, out.Clause, out.Title, out.Text = Asked, "", call+" extended nothing", text
		}
	case idpmock.EventRefused:
		out.Kind, out.Clause, out.Title = Refused, "C2", call+" refused"
		out.Text = "The IdP session is over, so its tokens are worth nothing: " + e.Outcome + "."
		if _, err := s.IDP.Session(e.SID); err == nil && e.Endpoint != idpmock.EndpointAuthorize {
			out.Text = "The IdP session lives, but this app's tokens are worth nothing: " + e.Outcome + "."
		}
	case idpmock.EventEnd:
		out.Kind, out.From, out.To, out.Reason = Ended, IdP, "", e.Outcome
		out.Title, out.Text, out.Clause = "IdP session ended: "+e.Outcome, ends[e.Outcome], "C2"
	case idpmock.EventDelivery:
		out.Kind, out.From, out.To, out.Clause = Delivered, IdP, e.Client, "C8"
		out.Title, out.Text = "Logout token to "+Name(e.Client), "Back-channel logout: the IdP called the app, and "+
			"the app ended the session before it answered."
		if e.Outcome != "delivered" {
			out.Kind, out.Title, out.Text = Lost, "Logout token to "+Name(e.Client)+" "+e.Outcome,
				"The app does not know yet. It finds out at its next signal; an app without token, at the next "+
					"delivery."
		}
	case idpmock.EventRevoked:
		out.Kind, out.Title, out.Clause = Refused, Name(e.Client)+"'s tokens revoked", "C4"
		out.From, out.To, out.Text = IdP, e.Client, "All tokens of this log-in are worth nothing now: "+e.Outcome+"."
	case idpmock.EventFault:
		out.Kind, out.Title, out.Clause = Trouble, "The IdP was made to fail", "C6"
		out.Text = e.Outcome
	default:
		return out, false
	}
	return out, true
}

// notExtended says why a call that succeeded has not moved the session's end.
var notExtended = map[string]string{
	"uncoordinated": "This client's tokens are not bound to the IdP session, so the call neither extended nor " +
		"checked it.",
	"not checked":  "The IdP session is over. An IdP of this kind does not look, and answers as if it lived.",
	"not extended": "An IdP of this kind does not count the call as activity.",
}

// ends says what the causes of the IdP mean.
var ends = map[string]string{
	string(idpmock.CauseIdle):     "Nobody was active in any of its apps for the whole window.",
	string(idpmock.CauseAbsolute): "The longest time was reached, however active the person was.",
	string(idpmock.CauseLogout):   "The person logged out in one app; the IdP now tells the others.",
	string(idpmock.CauseAdmin):    "It was ended at the IdP, as an administrator or a security tool would.",
	string(idpmock.CauseRevoked):  "An app revoked its tokens, and this IdP takes its session along.",
	string(idpmock.CauseConsent):  "The person took back what they had allowed one app.",
	string(idpmock.CauseReplaced): "Somebody else signed in in the same browser.",
}

func clock(t time.Time) string { return t.Format("15:04:05") }

// events translates what the library says in an app.
func (s *System) events(id string) event.Handlers {
	return event.Handlers{
		Login: func(e event.Login) {
			s.Note(Event{At: e.At, Kind: Login, From: Person, To: id, Title: "Log-in to " + Name(id),
				Session: e.Session, SID: e.SID, Subject: e.Subject,
				Text: "The app checked the ID token and made a session of its own, under a new random id."})
		},
		Signal: func(e event.Signal) {
			if e.Verdict == "ok" {
				return // the IdP tells it better: it knows the new deadline
			}
			out := Event{At: e.At, Kind: Trouble, From: id, To: IdP, Session: e.Session, Clause: "C6",
				Title: fmt.Sprintf("%s: %s", e.How, e.Verdict), Text: "No verdict on the session: it is kept, and " +
					"asked about again."}
			if e.Verdict == "ended" {
				out.Kind, out.Clause, out.Title, out.Text = Refused, "C2",
					"Verdict of the "+e.How+": the session is over", "The library looked twice before it believed it."
			}
			s.Note(out)
		},
		End: func(e event.End) {
			why := apps.ReasonOf(e.Reason)
			if e.Cause == reason.Inactivity {
				why.Text = "It said why: nobody was active in any app for as long as it allows (cause: " +
					string(e.Cause) + ")."
			}
			s.Note(Event{At: e.At, Kind: Ended, From: id, Session: e.Session, SID: e.SID, Subject: e.Subject,
				Reason: string(e.Reason), Clause: clauseOf(e.Reason),
				Title: Name(id) + " session ended: " + string(e.Reason), Text: why.Title + ". " + why.Text})
		},
	}
}

func clauseOf(r reason.Reason) string {
	switch r {
	case reason.Idle, reason.RefreshRejected, reason.APIUnauthorized, reason.Unconfirmed:
		return "C2"
	case reason.BackchannelLogout, reason.FrontchannelLogout:
		return "C8"
	case reason.Replaced, reason.UserLogout:
		return "C5"
	}
	return ""
}

// visited translates a request in an app.
func (s *System) visited(id string) func(apps.Visit) {
	return func(v apps.Visit) {
		e := Event{At: v.At, Kind: Active, From: Person, To: id, Session: v.Session, SID: v.SID, Subject: v.Subject,
			Clause: "C1",
			Title:  "Active in " + Name(id), Text: v.Method + " " + v.Path + " because a person did something."}
		if v.Class == activity.Passive.String() {
			e.Kind, e.Clause, e.Title, e.Text = Passive, "C7", "Poll of "+Name(id),
				v.Method+" "+v.Path+" by the page itself: it is served, and keeps nobody signed in."
		}
		if v.Status >= 400 {
			e.Text += fmt.Sprintf(" Answered %d %s.", v.Status, http.StatusText(v.Status))
		}
		s.Note(e)
	}
}

func (s *System) apiCalled(c apps.APICall) {
	e := Event{At: c.At, Kind: Asked, From: c.Client, To: API, Subject: c.Subject, Title: Name(c.Client) +
		" called the API",
		Text: "The API asks the IdP about the token, which tells the IdP that the person is active."}
	if c.Client == "" {
		e.From, e.To, e.Title = API, "", fmt.Sprintf("API answered %d", c.Status)
		e.Kind, e.Text = Trouble, "The API could not check the token. That is no verdict."
		switch {
		case s.broken.Load():
			e.Text = "Its gateway refuses every token. Nobody has asked the IdP: that is no verdict either."
		case c.Status == http.StatusUnauthorized:
			e.Kind, e.Text = Refused, "The IdP no longer vouches for the token, so the API answers 401 invalid_token."
		}
	}
	s.Note(e)
}

// sessionEnd asks the IdP's session API, as an app's server would, how long the
// IdP session will last. That extends nothing.
func (s *System) sessionEnd(id string) func(context.Context, string) (time.Time, error) {
	return func(_ context.Context, sid string) (time.Time, error) {
		if s.IdPDown() {
			return time.Time{}, errors.New("the IdP is down")
		}
		session, err := s.IDP.Session(sid)
		if err != nil {
			return time.Time{}, err
		}
		s.Note(Event{Kind: Asked, From: id, To: IdP, SID: sid, Subject: session.Subject, Clause: "C3", Title: Name(id) +
			" asked when the session ends",
			Text: "A page of " + Name(id) + " would have to warn soon. Before that the app asks the IdP's session " +
				"API, which extends nothing: the session lasts until " + clock(session.IdleDeadline) + "."})
		return session.IdleDeadline, nil
	}
}

// naiveSaid translates what the naive app says.
func (s *System) naiveSaid(e apps.NaiveEvent) {
	now := s.Now()
	s.mu.Lock()
	s.naively = NaiveSession{Subject: e.Subject, State: "live", LastActive: now}
	if e.Kind == "ended" {
		s.naively.State, s.naively.Reason = "ended", e.Why
	}
	s.mu.Unlock()
	out := Event{At: now, Kind: Active, From: Person, To: Naive, Session: Naive, Subject: e.Subject,
		Title: "Request to Homemade", Text: "GET " + e.Path + ". It cannot tell a person from a poll."}
	switch e.Kind {
	case "login":
		out.Kind, out.Title, out.Text = Login, "Log-in to Homemade", "It keeps the tokens in an encrypted cookie."
	case "ended":
		out.Kind, out.From, out.To, out.Reason = Ended, Naive, "", e.Why
		out.Title, out.Text = "Homemade logged the person out: "+e.Why, "Its refresh failed, and it does not ask why."
		s.Note(Event{At: now, Kind: Refused, From: Naive, To: IdP, Subject: e.Subject,
			Title: "Refresh of Homemade failed: " + e.Why,
			Text:  "Each of its requests that finds the token too old refreshes by itself."})
	}
	s.Note(out)
}
