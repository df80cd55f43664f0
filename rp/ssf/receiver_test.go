package ssf_test

import (
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
