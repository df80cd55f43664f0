package ssf_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/transmitter"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/ssf"
)

var methods = []string{ssf.Push, ssf.Poll}

// bothWays runs a test over push and poll (SSF-03).
func bothWays(t *testing.T, s setup, f func(w *world, method string)) {
	t.Helper()
	for _, method := range methods {
		t.Run(strings.TrimPrefix(method, "urn:ietf:rfc:"), func(t *testing.T) {
			inBubble(t, s, func(w *world) { f(w, method) })
		})
	}
}

// SSF-02: a session-revoked event ends the session that it names, with its
// details in event and log, and no other.
func TestSessionRevoked(t *testing.T) {
	bothWays(t, setup{}, func(w *world, method string) {
		_, stream := w.receiver(method)
		ada, again, bob := w.signedIn("ada"), w.signedIn("ada"), w.signedIn("bob")
		time.Sleep(time.Minute)
		w.accepted(stream, ada.revoked())
		ada.expect("ended")
		again.expect("live")
		bob.expect("live")

		e := w.lastEvent()
		if e.Type != ssf.SessionRevoked || e.Ended != 1 || e.Initiator != "policy" ||
			e.Reason != "landspeed violation" || e.Discarded != "" || e.Txn == "" {
			t := e
			t.Payload, t.Subject.Raw = nil, nil
			w.Errorf("event %+v", t)
		}
		if got := w.ended(); len(got) != 1 || got[0].Reason != reason.Admin || got[0].Subject != "ada" ||
			got[0].Detail != "session-revoked by policy: landspeed violation" {
			w.Errorf("ends %+v", got)
		}
		if !w.log.has("landspeed violation") || w.log.has(pushToken) || w.log.has(apiToken) {
			w.Errorf("log:\n%s", &w.log.b)
		}
	})
}

// SSF-02: only sessions begun before the event, however late it arrives, and
// however often.
func TestBegunBefore(t *testing.T) {
	bothWays(t, setup{}, func(w *world, method string) {
		_, stream := w.receiver(method)
		before := w.signedIn("ada")
		time.Sleep(10 * time.Second)
		event := w.transmitter.SessionRevoked("ada", "", "admin", "")
		time.Sleep(10 * time.Second)
		after := w.signedIn("ada")
		for range 3 {
			w.accepted(stream, event) // three tokens about one event
			before.expect("ended")
			after.expect("live")
		}
		if got := w.reasons(); len(got) != 1 {
			w.Errorf("ends %v", got)
		}
		// The log-in whose redirect was under way when the session was revoked has
		// begun before, too (C5).
		late := w.visitor("ada")
		authURL := late.get("/auth/login").Header.Get("Location")
		time.Sleep(time.Second)
		w.accepted(stream, w.transmitter.SessionRevoked("ada", "", "admin", ""))
		callback, err := late.idp.Authorize(w.Context(), authURL)
		if err != nil {
			w.Fatal(err)
		}
		if resp := late.get(strings.TrimPrefix(callback, "https://notes.example")); resp.StatusCode != 400 {
			w.Errorf("a log-in that was revoked while under way got %d", resp.StatusCode)
		}
	})
}

// SSF-02: event_timestamp counts seconds or milliseconds, and is read as what it is. One
// in milliseconds is exact: what begins later in the same second goes on.
func TestMilliseconds(t *testing.T) {
	millis := func(at time.Time) any { return at.UnixMilli() }
	for name, c := range map[string]struct {
		timestamp func(time.Time) any
		after     time.Duration // a whole second
	}{
		"milliseconds":                   {millis, 250 * time.Millisecond},
		"milliseconds at a whole second": {millis, 0},
		"seconds with fractions": {func(at time.Time) any {
			return float64(at.UnixMilli()) / 1000
		}, 250 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			bothWays(t, setup{}, func(w *world, method string) {
				_, stream := w.receiver(method)
				before := w.signedIn("ada")
				time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(10*time.Second + c.after)))
				event := w.transmitter.SessionRevoked("ada", "", "admin", "")
				at := time.Now()
				event.Payload["event_timestamp"] = c.timestamp(at)
				time.Sleep(50 * time.Millisecond)
				soon := w.signedIn("ada")
				time.Sleep(10 * time.Second)
				w.accepted(stream, event)
				before.expect("ended")
				soon.expect("live")
				if e := w.lastEvent(); !e.At.Equal(at) {
					w.Errorf("it happened at %v, want %v", e.At, at)
				}
			})
		})
	}
}

// SSF-02: nothing that a token tells of happened after it was made.
func TestTimestampOfTheFuture(t *testing.T) {
	bothWays(t, setup{}, func(w *world, method string) {
		_, stream := w.receiver(method)
		before := w.signedIn("ada")
		time.Sleep(10 * time.Second)
		event := w.transmitter.SessionRevoked("ada", "", "admin", "")
		event.Payload["event_timestamp"], event.JTI = time.Now().Add(time.Hour).UnixMilli(), "late"
		token, err := w.transmitter.Token(stream.ID, event)
		if err != nil {
			w.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		after := w.signedIn("ada")
		if err := w.transmitter.SendToken(stream.ID, event.JTI, event.Event, token); err != nil {
			w.Fatal(err)
		}
		if got := w.outcome(stream, event.JTI); got.Err != "" {
			w.Errorf("%+v", got)
		}
		before.expect("ended")
		after.expect("live")
	})
}

// CORE-14: a key that the transmitter has withdrawn signs nothing any more, once the
// keys are old, though no token by another one has come.
func TestWithdrawnKey(t *testing.T) {
	bothWays(t, setup{idp: func(c *idpmock.Config) { c.IdleWindow = 24 * time.Hour }}, func(w *world, method string) {
		_, stream := w.receiver(method)
		ada := w.signedIn("ada")
		w.accepted(stream, w.transmitter.SessionRevoked("bob", "", "admin", "")) // the keys are read
		event := ada.revoked()
		event.JTI = "stolen"
		stolen, err := w.transmitter.Token(stream.ID, event)
		if err != nil {
			w.Fatal(err)
		}
		if err := w.idp.RotateKeys(false); err != nil {
			w.Fatal(err)
		}
		time.Sleep(time.Hour)
		if err := w.transmitter.SendToken(stream.ID, event.JTI, event.Event, stolen); err != nil {
			w.Fatal(err)
		}
		if got := w.outcome(stream, event.JTI); got.Err != "invalid_key" {
			w.Errorf("%+v", got)
		}
		ada.expect("live")
		w.accepted(stream, ada.revoked())
		ada.expect("ended")
	})
}

// SSF-02, SSF-03: the formats, and that all members of a complex subject have to
// match.
func TestSubjects(t *testing.T) {
	user := map[string]any{"format": "iss_sub", "iss": "https://idp.example", "sub": "ada"}
	other := map[string]any{"format": "iss_sub", "iss": "https://idp.example", "sub": "bob"}
	foreign := map[string]any{"format": "iss_sub", "iss": "https://else.example", "sub": "ada"}
	email := map[string]any{"format": "email", "email": "Ada@Example.com"}
	stranger := map[string]any{"format": "email", "email": "eve@example.com"}
	opaque := func(id string) map[string]any { return map[string]any{"format": "opaque", "id": id} }
	complex := func(members ...any) map[string]any {
		m := map[string]any{"format": "complex"}
		for i := 0; i < len(members); i += 2 {
			m[members[i].(string)] = members[i+1]
		}
		return m
	}
	const first, second = "SID1", "SID2" // placeholders of the sids
	for name, c := range map[string]struct {
		subject  map[string]any
		resolver bool     // Config.SubjectOf
		critical []string // members
		ends     string   // which of ada's two sessions, "" none
		discard  string   // part of Event.Discarded
	}{
		"iss_sub":                   {subject: user, ends: "12"},
		"iss_sub of another issuer": {subject: foreign, discard: "SubjectOf"},
		"iss_sub resolved":          {subject: foreign, resolver: true, ends: "12"},
		"opaque is a session":       {subject: opaque(first), ends: "1"},
		"opaque unknown":            {subject: opaque("unknown")},
		"email":                     {subject: email, resolver: true, ends: "12"},
		"email of nobody here":      {subject: stranger, resolver: true, discard: "not one of this app's"},
		"email without resolver":    {subject: email, discard: "SubjectOf"},
		"unknown format": {subject: map[string]any{"format": "did", "url": "did:example:1"},
			discard: "SubjectOf"},
		"user and session":        {subject: complex("user", user, "session", opaque(second)), ends: "2"},
		"session alone":           {subject: complex("session", opaque(second)), ends: "2"},
		"user alone":              {subject: complex("user", user), ends: "12"},
		"session of another user": {subject: complex("user", other, "session", opaque(first))},
		"user by email, and session": {subject: complex("user", email, "session", opaque(first)), resolver: true,
			ends: "1"},
		"nobody by email, and session": {subject: complex("user", stranger, "session", opaque(first)),
			resolver: true, discard: "not one of"},
		"unresolved email, session": {subject: complex("user", email, "session", opaque(first)), ends: "1"},
		"user and device": {subject: complex("user", user, "device", opaque("phone"), "tenant",
			opaque("t")), ends: "12"},
		"members of unknown shape": {subject: complex("user", user, "device", 42, "org_unit", map[string]any{}),
			ends: "12"},
		"device alone": {subject: complex("device", opaque("phone")),
			discard: "neither user nor session"},
		"critical and understood": {subject: complex("user", user, "session", opaque(first)),
			critical: []string{"user", "session"}, ends: "1"},
		// SSF-04
		"critical and not understood": {subject: complex("user", user, "tenant", opaque("t")),
			critical: []string{"tenant"}, discard: "critical"},
		"critical and of unknown shape": {subject: complex("user", user, "tenant", true),
			critical: []string{"tenant"}, discard: "critical"},
		"critical and absent": {subject: complex("user", user), critical: []string{"tenant"}, ends: "12"},
		"critical email without resolver": {subject: complex("user", email, "session", opaque(first)),
			critical: []string{"user"}, discard: "critical"},
		"session by another format": {subject: complex("user", user, "session", email), ends: "12"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, setup{transmitter: func(tc *transmitter.Config) {
				tc.CriticalMembers = c.critical
			}}, func(w *world) {
				_, stream := w.receiver(ssf.Push, func(cfg *ssf.Config) {
					if c.resolver {
						cfg.SubjectOf = func(_ context.Context, id ssf.SubjectID) (string, error) {
							if strings.EqualFold(id.Email, "ada@example.com") || id.Issuer == "https://else.example" {
								return "ada", nil
							}
							return "", nil
						}
					}
				})
				one, two, bob := w.signedIn("ada"), w.signedIn("ada"), w.signedIn("bob")
				time.Sleep(time.Minute)
				raw, err := json.Marshal(c.subject)
				if err != nil {
					t.Fatal(err)
				}
				var subject map[string]any
				text := strings.NewReplacer(first, one.session().SID, second, two.session().SID).Replace(string(raw))
				if err := json.Unmarshal([]byte(text), &subject); err != nil {
					t.Fatal(err)
				}
				w.accepted(stream, transmitter.SET{Event: ssf.SessionRevoked, Subject: subject,
					Payload: map[string]any{"event_timestamp": time.Now().Unix()}})
				for n, v := range map[string]*visitor{"1": one, "2": two} {
					if strings.Contains(c.ends, n) {
						v.expect("ended")
					} else {
						v.expect("live")
					}
				}
				bob.expect("live")
				e := w.lastEvent()
				if e.Ended != len(c.ends) || (c.discard == "") != (e.Discarded == "") ||
					!strings.Contains(e.Discarded, c.discard) {
					t.Errorf("ended %d, discarded %q", e.Ended, e.Discarded)
				}
			})
		})
	}
}

// SSF-01, SSF-03, SSF-05: every malformed token is refused for the right reason
// and changes nothing; every odd but valid one is carried out.
func TestTokens(t *testing.T) {
	errs := map[transmitter.SETFault]string{
		transmitter.SETAlgNone: "invalid_key", transmitter.SETWrongAlg: "invalid_key",
		transmitter.SETHS256: "invalid_key", transmitter.SETUnknownKid: "invalid_key",
		transmitter.SETEmbeddedKey: "invalid_key", transmitter.SETBadSignature: "invalid_key",
		transmitter.SETWrongIss: "invalid_issuer", transmitter.SETNoIss: "invalid_issuer",
		transmitter.SETUppercaseClaims: "invalid_issuer",
		transmitter.SETWrongAud:        "invalid_audience", transmitter.SETNoAud: "invalid_audience",
	}
	for _, method := range methods {
		for _, f := range transmitter.SETFaults() {
			t.Run(strings.TrimPrefix(method, "urn:ietf:rfc:")+"/"+string(f), func(t *testing.T) {
				inBubble(t, setup{}, func(w *world) {
					_, stream := w.receiver(method)
					ada := w.signedIn("ada")
					time.Sleep(time.Minute)
					event := ada.revoked()
					time.Sleep(25 * time.Minute)
					got := w.send(stream, event, f)
					if f.Verdict() == idpmock.Accept {
						if got.Err != "" || got.GivenUp {
							t.Errorf("a valid token was refused: %+v", got)
						}
						if f == transmitter.SETUnknownEvent {
							ada.expect("live")
						} else {
							ada.expect("ended")
						}
						return
					}
					want := errs[f]
					if want == "" {
						want = "invalid_request"
					}
					if got.Err != want || got.GivenUp {
						t.Errorf("the token was answered %+v, want %s", got, want)
					}
					ada.expect("live")
					if w.eventCount() != 0 {
						t.Errorf("a refused token became an event")
					}
				})
			})
		}
	}
}

// SSF-03: RS256 is the default.
func TestDefaultAlgorithm(t *testing.T) {
	inBubble(t, setup{idp: func(c *idpmock.Config) { c.SigningAlg = "RS256" }}, func(w *world) {
		_, stream := w.receiver(ssf.Push, func(c *ssf.Config) { c.Alg = "" })
		ada := w.signedIn("ada")
		time.Sleep(time.Second)
		w.accepted(stream, ada.revoked())
		ada.expect("ended")
	})
}

// SSF-04: the receiver asks for a verification event and knows its state again,
// also at another instance; unsolicited ones carry none.
func TestVerification(t *testing.T) {
	bothWays(t, setup{}, func(w *world, method string) {
		r, stream := w.receiver(method)
		if !r.State().Verified.IsZero() {
			w.Error("verified before it was asked")
		}
		if err := r.Verify(w.Context()); err != nil {
			w.Fatal(err)
		}
		w.settle()
		if r.State().Verified.IsZero() || w.lastEvent().Type != ssf.Verification {
			w.Errorf("state %+v", r.State())
		}
		about := map[string]any{"format": "opaque", "id": stream.ID}
		verification := func(payload map[string]any) transmitter.SET {
			return transmitter.SET{Event: ssf.Verification, Subject: about, Payload: payload}
		}
		w.accepted(stream, verification(nil))
		w.accepted(stream, verification(map[string]any{"state": nil}))
		for name, c := range map[string]struct {
			set transmitter.SET
			err string
		}{
			"state of nobody": {verification(map[string]any{"state": "wrong"}), "invalid_state"},
			"empty state":     {verification(map[string]any{"state": ""}), "invalid_state"},
			"numeric state":   {verification(map[string]any{"state": 1}), "invalid_state"},
			"another stream": {transmitter.SET{Event: ssf.Verification,
				Subject: map[string]any{"format": "opaque", "id": "another"}}, "invalid_request"},
			"another format": {transmitter.SET{Event: ssf.Verification,
				Subject: map[string]any{"format": "email", "email": stream.ID}}, "invalid_request"},
		} {
			if got := w.send(stream, c.set); got.Err != c.err {
				w.Errorf("%s: %+v, want %s", name, got, c.err)
			}
		}
	})
}

func (w *world) settle() {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), time.Hour)
	defer cancel()
	if err := w.transmitter.Settle(ctx); err != nil {
		w.Fatal(err)
	}
	synctest.Wait()
}

// SSF-04: who has not been told the stream's id still takes nothing but opaque.
func TestVerificationOfAnyStream(t *testing.T) {
	bothWays(t, setup{}, func(w *world, method string) {
		stream := w.stream(method)
		w.receiverOf(stream, func(c *ssf.Config) { c.StreamID = "" })
		w.accepted(stream, transmitter.SET{Event: ssf.Verification,
			Subject: map[string]any{"format": "opaque", "id": "whatever"}})
		for _, event := range []string{ssf.Verification, ssf.StreamUpdated} {
			got := w.send(stream, transmitter.SET{Event: event,
				Subject: map[string]any{"format": "email", "email": "ada@example.com"},
				Payload: map[string]any{"status": "paused"}})
			if got.Err != "invalid_request" {
				w.Errorf("%s about a person: %+v", event, got)
			}
		}
	})
}

// SSF-04: a verification that one instance asks for may reach another.
func TestVerificationInCluster(t *testing.T) {
	inBubble(t, setup{}, func(w *world) {
		asks, stream := w.receiver(ssf.Push)
		gets := w.receiverOf(stream)
		if err := asks.Verify(w.Context()); err != nil {
			w.Fatal(err)
		}
		w.settle()
		if gets.State().Verified.IsZero() || !asks.State().Verified.IsZero() {
			w.Errorf("asks %+v, gets %+v", asks.State(), gets.State())
		}
		if d := w.transmitter.Delivered(stream.ID); len(d) != 1 || d[0].Err != "" {
			w.Errorf("%+v", d)
		}
	})
}

// A state is good for an hour.
func TestVerificationTooLate(t *testing.T) {
	inBubble(t, setup{}, func(w *world) {
		r, stream := w.receiver(ssf.Push)
		if err := w.client.SetStatus(w.Context(), stream.ID, ssf.Paused); err != nil {
			w.Fatal(err)
		}
		if err := r.Verify(w.Context()); err != nil {
			w.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		if err := w.client.SetStatus(w.Context(), stream.ID, ssf.Enabled); err != nil {
			w.Fatal(err)
		}
		w.settle()
		if d := w.transmitter.Delivered(stream.ID); len(d) != 1 || d[0].Err != "invalid_state" {
			w.Errorf("%+v", d)
		}
	})
}

func TestVerifyTooOften(t *testing.T) {
	inBubble(t, setup{transmitter: func(c *transmitter.Config) {
		c.VerifyInterval = 30 * time.Second
	}}, func(w *world) {
		r, stream := w.receiver(ssf.Push)
		if stream.MinVerificationInterval != 30*time.Second {
			w.Errorf("MinVerificationInterval %v", stream.MinVerificationInterval)
		}
		if err := r.Verify(w.Context()); err != nil {
			w.Fatal(err)
		}
		var status *ssf.StatusError
		if err := r.Verify(w.Context()); !errors.As(err, &status) || status.Status != 429 ||
			status.RetryAfter != 30*time.Second {
			w.Errorf("the second request: %v", err)
		}
	})
}

// SSF-04: the transmitter tells that it stops and resumes.
func TestStreamUpdated(t *testing.T) {
	bothWays(t, setup{}, func(w *world, method string) {
		r, stream := w.receiver(method)
		for _, status := range []ssf.StreamStatus{ssf.Paused, ssf.Enabled, ssf.Disabled, ssf.Enabled} {
			if err := w.transmitter.UpdateStatus(stream.ID, string(status), "maintenance"); err != nil {
				w.Fatal(err)
			}
			w.settle()
			if got := r.State().Status; got != status {
				w.Errorf("status %q, want %q", got, status)
			}
		}
		if !w.log.has("stopped the stream") {
			w.Error("the log does not say so")
		}
		about := map[string]any{"format": "opaque", "id": stream.ID}
		for _, status := range []any{nil, "", "gone", 3} {
			if got := w.send(stream, transmitter.SET{Event: ssf.StreamUpdated, Subject: about,
				Payload: map[string]any{"status": status}}); got.Err != "invalid_request" {
				w.Errorf("status %v: %+v", status, got)
			}
		}
		if got := r.State().Status; got != ssf.Enabled {
			w.Errorf("status %q after nonsense", got)
		}
	})
}

// Events of other types change nothing but reach the app.
func TestOtherEvents(t *testing.T) {
	bothWays(t, setup{}, func(w *world, method string) {
		_, stream := w.receiver(method)
		ada := w.signedIn("ada")
		time.Sleep(time.Second)
		set := ada.revoked()
		set.Event, set.Payload = transmitter.EventTypeCredential, map[string]any{"credential_type": "password",
			"change_type": "update"}
		w.accepted(stream, set)
		ada.expect("live")
		if e := w.lastEvent(); e.Type != transmitter.EventTypeCredential || e.Discarded == "" ||
			!strings.Contains(string(e.Payload), "password") {
			w.Errorf("event %+v", e)
		}
	})
}

// The IdP's own ends reach the app by this way too.
func TestTransmitterOnEnd(t *testing.T) {
	bothWays(t, setup{transmitter: func(c *transmitter.Config) { c.OnEnd = true }}, func(w *world, method string) {
		w.receiver(method)
		ada, bob := w.signedIn("ada"), w.signedIn("bob")
		time.Sleep(time.Second)
		if err := w.idp.EndSession(ada.session().SID); err != nil {
			w.Fatal(err)
		}
		synctest.Wait()
		w.settle()
		ada.expect("ended")
		bob.expect("live")
		if e := w.lastEvent(); e.Initiator != "admin" {
			w.Errorf("initiator %q", e.Initiator)
		}
	})
}
