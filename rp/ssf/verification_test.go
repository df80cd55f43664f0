package ssf_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/transmitter"
	"github.com/tandem-sso/tandem/rp/ssf"
)

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
