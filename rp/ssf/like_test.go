package ssf_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/transmitter"
	"github.com/tandem-sso/tandem/rp/ssf"
)

func transmitterLike(t *testing.T, name string) func(*transmitter.Config) {
	return func(c *transmitter.Config) {
		like, err := transmitter.Like(name)
		if err != nil {
			t.Fatal(err)
		}
		like.Issuer, like.Receivers = c.Issuer, c.Receivers
		*c = like
	}
}

// A stream as Okta documents it: the subject inside the event, without format where it is
// complex, and a time in milliseconds.
func TestLikeOkta(t *testing.T) {
	bothWays(t, setup{transmitter: transmitterLike(t, "okta")}, func(w *world, method string) {
		_, stream := w.receiver(method)
		ada, again, bob := w.signedIn("ada"), w.signedIn("ada"), w.signedIn("bob")
		time.Sleep(10 * time.Second)
		event := ada.revoked()
		time.Sleep(5 * time.Second)
		later := w.signedIn("ada")
		w.accepted(stream, event)
		ada.expect("ended")
		again.expect("live") // another session of hers

		// As its page has it: the user alone, in a complex subject.
		event = transmitter.SET{Event: ssf.SessionRevoked, Subject: map[string]any{
			"format": "complex", "user": map[string]any{"format": "iss_sub", "iss": w.idp.URL, "sub": "ada"},
		}, Payload: map[string]any{
			"reason_admin":    map[string]any{"en": "Policy Violation: C076E822"},
			"event_timestamp": time.Now().Add(-3 * time.Second).Unix(), // it makes milliseconds of them
		}}
		w.accepted(stream, event)
		again.expect("ended")
		later.expect("live") // begun after it
		bob.expect("live")
		if e := w.lastEvent(); e.Ended != 1 || e.Reason != "Policy Violation: C076E822" {
			w.Errorf("%d ended for %q, discarded %q", e.Ended, e.Reason, e.Discarded)
		}
		credential := w.transmitter.SessionRevoked("bob", "", "user", "Activate factor for user")
		credential.Event = transmitter.EventTypeCredential
		w.accepted(stream, credential)
		bob.expect("live")
	})
}

// A stream as Keycloak documents it: nothing comes about a person whom nobody has added;
// a verification event comes unasked; a poll is answered at once.
func TestLikeKeycloak(t *testing.T) {
	bothWays(t, setup{transmitter: transmitterLike(t, "keycloak")}, func(w *world, method string) {
		ctx := w.Context()
		r, stream := w.receiver(method)
		time.Sleep(time.Minute)
		w.settle()
		if r.State().Verified.IsZero() {
			w.Error("the verification event of the new stream did not come")
		}
		if !w.log.has("AddSubject") {
			w.Error("the log does not tell that subjects have to be added")
		}
		ada := w.signedIn("ada")
		time.Sleep(time.Second)
		if jti, err := w.transmitter.Send(stream.ID, ada.revoked()); jti != "" || err != nil {
			w.Errorf("sent %q, %v, about nobody's subject", jti, err)
		}
		person := ssf.SubjectID{Format: "iss_sub", Issuer: w.idp.URL, Subject: "ada"}
		for range 2 { // at every log-in
			if err := w.client.AddSubject(ctx, stream.ID, person); err != nil {
				w.Error(err)
			}
		}
		w.accepted(stream, ada.revoked())
		ada.expect("ended")
		if err := w.client.RemoveSubject(ctx, stream.ID, person); err != nil {
			w.Error(err)
		}
		if jti, _ := w.transmitter.Send(stream.ID, ada.revoked()); jti != "" {
			w.Error("sent about a subject that was removed")
		}
		if err := r.Verify(ctx); err != nil {
			w.Error(err)
		}
		var status *ssf.StatusError
		if err := r.Verify(ctx); !errors.As(err, &status) || status.Status != 429 {
			w.Errorf("the second verification in a minute: %v", err)
		}
		w.settle()
		before := len(w.transmitter.Polls())
		time.Sleep(time.Minute)
		if n := len(w.transmitter.Polls()) - before; method == ssf.Poll && (n < 5 || n > 7) {
			w.Errorf("%d polls in a minute, want one each Config.PollEvery", n)
		}
	})
}

// SSF-01: the subject is in sub_id, or inside the event.
func TestSubjectInEvent(t *testing.T) {
	user := map[string]any{"format": "iss_sub", "iss": "https://idp.example", "sub": "ada"}
	other := map[string]any{"format": "iss_sub", "iss": "https://idp.example", "sub": "bob"}
	for name, c := range map[string]struct {
		subID, subject any
		ends           bool
		refused        string // in the log
	}{
		"inside":            {subject: user, ends: true},
		"inside, a session": {subject: map[string]any{"format": "opaque", "id": "SID"}, ends: true},
		"inside, complex":   {subject: map[string]any{"format": "complex", "user": user}, ends: true},
		"inside, complex by itself": {subject: map[string]any{"user": user,
			"tenant": map[string]any{"format": "opaque", "id": "t"}}, ends: true},
		"both: sub_id counts":         {subID: user, subject: other, ends: true},
		"both: sub_id counts, here":   {subID: other, subject: user},
		"a null sub_id is no subject": {subID: []byte(nil), subject: user, refused: "sub_id"},
		"neither":                     {refused: "sub_id is missing"},
		"inside, a text":              {subject: "ada", refused: "subject: missing or not a JSON object"},
		"inside, of Google's RISC": {subject: map[string]any{"subject_type": "iss-sub", "iss": "https://idp.example",
			"sub": "ada"}, refused: "format is missing"},
		"inside, without format": {subject: map[string]any{"iss": "https://idp.example", "sub": "ada"},
			refused: "format is missing"},
		"inside, an empty user": {subject: map[string]any{"user": map[string]any{}},
			refused: "user: format is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, setup{}, func(w *world) {
				_, stream := w.receiver(ssf.Push)
				ada := w.signedIn("ada")
				time.Sleep(time.Second)
				event := transmitter.SET{Event: ssf.SessionRevoked, Payload: map[string]any{}}
				if c.subject != nil {
					if m, ok := c.subject.(map[string]any); ok && m["id"] == "SID" {
						m["id"] = ada.session().SID
					}
					event.Payload["subject"] = c.subject
				}
				faults := []transmitter.SETFault{transmitter.SETNoSubID}
				if m, ok := c.subID.(map[string]any); ok {
					event.Subject, faults = m, nil
				} else if c.subID != nil { // null
					faults = nil
				}
				got := w.send(stream, event, faults...)
				if (got.Err == "") != (c.refused == "") || c.refused != "" && !w.log.has(c.refused) {
					t.Errorf("%+v; the log:\n%s", got, w.log.text())
				}
				if c.ends {
					ada.expect("ended")
				} else {
					ada.expect("live")
				}
			})
		})
	}
}

// What a token says after its signature was found good is refused with a line in the log,
// which names no person.
func TestRefusalsAreLogged(t *testing.T) {
	about := func(id string) map[string]any { return map[string]any{"format": "opaque", "id": id} }
	for name, c := range map[string]struct {
		event func(w *world, stream ssf.Stream) transmitter.SET
		line  string
	}{
		"a state that nobody gave out": {func(_ *world, s ssf.Stream) transmitter.SET {
			return transmitter.SET{Event: ssf.Verification, Subject: about(s.ID),
				Payload: map[string]any{"state": "made-up-state"}}
		}, "this receiver did not send that state"},
		"another stream": {func(*world, ssf.Stream) transmitter.SET {
			return transmitter.SET{Event: ssf.Verification, Subject: about("of-somebody-else")}
		}, "sub_id is not the stream's id"},
		"an unknown status": {func(_ *world, s ssf.Stream) transmitter.SET {
			return transmitter.SET{Event: ssf.StreamUpdated, Subject: about(s.ID),
				Payload: map[string]any{"status": "gone"}}
		}, "status is none of"},
		"a time that is none": {func(w *world, _ ssf.Stream) transmitter.SET {
			e := w.transmitter.SessionRevoked("ada", "", "", "")
			e.Payload["event_timestamp"] = "yesterday"
			return e
		}, "event_timestamp is not a time"},
	} {
		t.Run(name, func(t *testing.T) {
			bothWays(t, setup{}, func(w *world, method string) {
				_, stream := w.receiver(method)
				if got := w.send(stream, c.event(w, stream)); got.Err == "" {
					w.Errorf("it was accepted: %+v", got)
				}
				text := w.log.text()
				if n := strings.Count(text, "was refused"); n != 1 || !strings.Contains(text, c.line) ||
					!strings.Contains(text, "type=https://schemas.openid.net") {
					w.Errorf("%d lines, want one that says %q:\n%s", n, c.line, text)
				}
				for _, secret := range []string{"ada", "made-up-state", "of-somebody-else", "yesterday"} {
					if strings.Contains(text, secret) {
						w.Errorf("the log repeats %q", secret)
					}
				}
			})
		})
	}
}
