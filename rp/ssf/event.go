package ssf

import (
	"context"
	"encoding/json"
	"time"

	"github.com/tandem-sso/tandem/rp"
)

// Types of events that the package understands.
const (
	SessionRevoked = "https://schemas.openid.net/secevent/caep/event-type/session-revoked" // CAEP §3.1
	Verification   = "https://schemas.openid.net/secevent/ssf/event-type/verification"     // SSF §8.1.4
	StreamUpdated  = "https://schemas.openid.net/secevent/ssf/event-type/stream-updated"   // SSF §8.1.5
)

func isKnown(event string) bool {
	return event == SessionRevoked || event == Verification || event == StreamUpdated
}

// Event is a valid event of the stream.
type Event struct {
	Type    string
	ID      string    // jti
	Txn     string    // the same for all events of one cause; may be empty
	At      time.Time // when it happened: event_timestamp, else the token's iat
	Subject SubjectID
	Payload json.RawMessage // the whole event

	// Initiator is CAEP's initiating_entity: admin, user, policy or system; else
	// empty.
	Initiator string
	// Reason is CAEP's reason_admin, in English if it has that. It comes from
	// outside.
	Reason string

	Ended     int    // app sessions that ended
	Discarded string // why the event had no effect; empty if it had one
}

// revoke ends sessions (CAEP §3.1).
func (r *Receiver) revoke(ctx context.Context, s *set, e *Event) error {
	about, err := object(s.payload)
	if err != nil {
		return invalid("the event is not a JSON object")
	}
	by := wholeSecond(e.At)
	if raw := about["event_timestamp"]; raw != nil {
		at, exact, ok := eventTime(raw)
		if !ok {
			return invalid("event_timestamp is not a time")
		}
		// Nothing that a token tells of happened after the token was made, and that time
		// is told in whole seconds.
		if !at.After(by) {
			e.At, by = at, at
			if !exact {
				by = wholeSecond(at)
			}
		}
	}
	e.Initiator, e.Reason = initiator(about["initiating_entity"]), localized(about["reason_admin"])
	to, why, err := r.resolve(ctx, s.subject)
	if err != nil {
		return err
	}
	if why != "" {
		e.Discarded = string(why)
		return nil
	}
	e.Ended, err = r.cfg.Sessions.EndSessions(ctx, rp.Whose{
		Subject: to.subject, SID: to.sid, BegunBy: by, Detail: e.detail(),
	})
	return err
}

// firstMillis parts seconds from milliseconds: 10¹¹ seconds after 1970 are in the year
// 5138, 10¹¹ milliseconds after it were in March 1973.
const firstMillis = 1e11

// eventTime reads event_timestamp: a number of seconds since 1970 (CAEP §2), or of
// milliseconds, as in Okta's tokens and, for session-revoked, in the conformance suite.
// exact says that it is known to the millisecond.
func eventTime(raw json.RawMessage) (at time.Time, exact, ok bool) {
	var n *float64
	if json.Unmarshal(raw, &n) != nil || n == nil || !(*n > 0 && *n < firstMillis*1000) {
		return time.Time{}, false, false
	}
	if *n >= firstMillis {
		return time.UnixMilli(int64(*n)).UTC(), true, true
	}
	return time.UnixMilli(int64(*n * 1000)).UTC(), false, true
}

// wholeSecond includes the second that a time without fraction stands for.
func wholeSecond(t time.Time) time.Time {
	if t.Equal(t.Truncate(time.Second)) {
		t = t.Add(time.Second - time.Millisecond)
	}
	return t
}

func (e *Event) detail() string {
	d := "session-revoked"
	if e.Initiator != "" {
		d += " by " + e.Initiator
	}
	if e.Reason != "" {
		d += ": " + e.Reason
	}
	return d
}

// verification checks an event that the transmitter sends on request, or by
// itself: then without a state.
func (r *Receiver) verification(ctx context.Context, s *set) error {
	if err := r.aboutStream(s); err != nil {
		return err
	}
	about, err := object(s.payload)
	if err != nil {
		return invalid("the event is not a JSON object")
	}
	raw := about["state"]
	if raw == nil || string(raw) == "null" {
		return nil
	}
	state, ok := text(raw)
	if !ok {
		return &fault{invalidState, "state is not a string"}
	}
	// A state that was given out is known for stateLife. To ask whether it is
	// known notes it too, so that is done for a moment only.
	unknown, err := r.cfg.Sessions.Once(ctx, stateID(state), r.cfg.Now().Add(time.Millisecond))
	if err != nil {
		return err
	}
	if unknown {
		return &fault{invalidState, "this receiver did not send that state, or sent it too long ago"}
	}
	return nil
}

func (r *Receiver) streamUpdated(s *set) error {
	if err := r.aboutStream(s); err != nil {
		return err
	}
	var about struct {
		Status StreamStatus `json:"status"`
	}
	if err := json.Unmarshal(s.payload, &about); err != nil || !about.Status.known() {
		return invalid("status is none of enabled, paused and disabled")
	}
	r.mu.Lock()
	r.state.Status = about.Status
	r.mu.Unlock()
	if about.Status != Enabled {
		r.log.Warn("the transmitter has stopped the stream of security events", "status", string(about.Status))
	}
	return nil
}

// aboutStream: the subject is the stream itself.
func (r *Receiver) aboutStream(s *set) error {
	if s.subject.Format != formatOpaque {
		return invalid("sub_id is not of format opaque")
	}
	if r.cfg.StreamID != "" && s.subject.ID != r.cfg.StreamID {
		return invalid("sub_id is not the stream's id")
	}
	return nil
}

func initiator(raw json.RawMessage) string {
	switch s, _ := text(raw); s {
	case "admin", "user", "policy", "system":
		return s
	}
	return ""
}

// localized takes the English message of a map by language tags, else the one of
// the first tag.
func localized(raw json.RawMessage) string {
	all, err := object(raw)
	if err != nil {
		return ""
	}
	best := ""
	for tag := range all {
		if best == "" || tag == "en" || best != "en" && tag < best {
			best = tag
		}
	}
	s, _ := text(all[best])
	return s
}

// clip bounds what is logged; slog quotes control characters.
func clip(s string) string { return s[:min(len(s), 200)] }
