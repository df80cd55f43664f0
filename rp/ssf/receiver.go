package ssf

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/rp"
)

// Types of events that are understood here.
const (
	SessionRevoked = "https://schemas.openid.net/secevent/caep/event-type/session-revoked" // CAEP §3.1
	Verification   = "https://schemas.openid.net/secevent/ssf/event-type/verification"     // SSF §8.1.4
	StreamUpdated  = "https://schemas.openid.net/secevent/ssf/event-type/stream-updated"   // SSF §8.1.5
)

func isKnown(event string) bool {
	return event == SessionRevoked || event == Verification || event == StreamUpdated
}

const (
	// remember is how long the jti of a token is kept. SETs have no exp; a later
	// repetition is carried out again, which ends nothing that it should not.
	remember = 24 * time.Hour
	// stateLife is how long a transmitter may take for a verification event.
	stateLife = time.Hour
	// workTime bounds what one token may cause.
	workTime = 30 * time.Second
)

// Event is a valid event of the stream.
type Event struct {
	Type    string
	ID      string    // jti
	Txn     string    // the same for all events of one cause; may be empty
	At      time.Time // when it happened: event_timestamp, else when the token was issued
	Subject SubjectID
	Payload json.RawMessage // everything that the event says

	// Initiator is CAEP's initiating_entity: admin, user, policy or system; else
	// empty.
	Initiator string
	// Reason is CAEP's reason_admin, in English if it has that. It comes from
	// outside.
	Reason string

	Ended     int    // app sessions that ended
	Discarded string // why nothing was done about it; empty if something was
}

// StreamState is what is known of the stream's health on this instance.
type StreamState struct {
	Status   StreamStatus // by the last stream-updated event; Enabled at first
	Received time.Time    // the last valid event; zero: none yet
	Verified time.Time    // the last verification event; zero: none yet
}

// Receiver receives events. Mount it where the transmitter pushes to; if
// Config.PollURL is set, it asks for events until Close. It is safe for concurrent
// use.
type Receiver struct {
	*private // cfg

	want want
	log  *slog.Logger

	stop context.CancelFunc
	work sync.WaitGroup

	mu     sync.Mutex
	state  StreamState
	warned time.Time // of pushes without the right token
}

// New checks the configuration and, if Config.PollURL is set, begins to ask for
// events. A *ConfigError, or several joined, names what is wrong. Close the
// Receiver before the RelyingParty.
func New(cfg Config) (*Receiver, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	t := cfg.Transmitter
	r := &Receiver{
		private: &private{cfg}, log: cfg.Logger.With("transmitter", t.Issuer()), state: StreamState{Status: Enabled},
		// Both ways lead from the transmitter itself, so a key that was made a
		// moment ago may be fetched at once.
		want: want{issuer: t.Issuer(), audience: cfg.Audience, alg: cfg.Alg, keys: t.keys.Trusted(cfg.Alg)},
	}
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	if cfg.PollURL != "" {
		r.work.Go(func() { r.poll(ctx) })
	}
	return r, nil
}

// Close stops to ask for events and waits until the one in hand is done with.
func (r *Receiver) Close() error {
	r.stop()
	r.work.Wait()
	r.cfg.Transmitter.keys.Stop()
	return nil
}

// State tells what is known of the stream.
func (r *Receiver) State() StreamState {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

// Verify asks the transmitter for a verification event (§8.1.4.2), to find out
// whether events arrive. It does not wait for it: the event may take a while, and
// come to another instance; see State and Config.Received. Errors: ErrNoEndpoint,
// a *StatusError, *rp.UnavailableError.
func (r *Receiver) Verify(ctx context.Context) error {
	if r.cfg.StreamID == "" {
		return &ConfigError{"Config.StreamID", "is empty; set it to the id of the stream that is to be verified"}
	}
	state := rand.Text()
	// The event may reach another instance, so the state is known to all.
	if _, err := r.cfg.Sessions.Once(ctx, stateID(state), r.cfg.Now().Add(stateLife)); err != nil {
		return err
	}
	return r.cfg.Transmitter.requestVerification(ctx, r.cfg.StreamID, state)
}

func stateID(state string) string { return "ssf state\x00" + state }

// receive carries out one token. When it returns nil, what it says is stored, and
// the transmitter may forget it. A *fault says that the token is not acceptable
// and will never be; any other error that it should be sent again.
func (r *Receiver) receive(ctx context.Context, raw string) (*set, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), workTime)
	defer cancel()
	s, err := verify(ctx, raw, r.want)
	if err != nil {
		var bad *fault
		if errors.As(err, &bad) {
			r.log.Warn("a security event token was refused", "err", bad.Code, "description", bad.Description)
		}
		return nil, err
	}
	e := Event{Type: s.event, ID: s.id, Txn: s.txn, At: s.issued, Subject: s.subject, Payload: s.payload}
	switch s.event {
	case SessionRevoked:
		err = r.revoke(ctx, s, &e)
	case Verification:
		err = r.verification(ctx, s)
	case StreamUpdated:
		err = r.streamUpdated(s)
	default:
		e.Discarded = "events of this type are not understood"
	}
	if err != nil {
		return s, err
	}
	return s, r.done(ctx, &e)
}

// done notes the token, after what it says was stored: if this process dies in
// between, the token comes again and is carried out again.
func (r *Receiver) done(ctx context.Context, e *Event) error {
	first, err := r.cfg.Sessions.Once(ctx, "ssf jti\x00"+r.want.issuer+"\x00"+e.ID, r.cfg.Now().Add(remember))
	if err != nil {
		return err
	}
	now := r.cfg.Now()
	r.mu.Lock()
	r.state.Received = now
	if e.Type == Verification {
		r.state.Verified = now
	}
	r.mu.Unlock()
	if !first {
		return nil
	}
	level := slog.LevelInfo
	if e.Type == SessionRevoked && e.Discarded != "" {
		level = slog.LevelWarn
	}
	r.log.Log(ctx, level, "security event received", "type", e.Type, "ended", e.Ended,
		"discarded", e.Discarded, "initiator", e.Initiator, "reason", clip(e.Reason))
	if r.cfg.Received != nil {
		r.cfg.Received(*e)
	}
	return nil
}

// revoke ends sessions (CAEP §3.1).
func (r *Receiver) revoke(ctx context.Context, s *set, e *Event) error {
	about, err := object(s.payload)
	if err != nil {
		return invalid("the event is not a JSON object")
	}
	if raw := about["event_timestamp"]; raw != nil {
		at, ok := numericDate(raw)
		if !ok {
			return invalid("event_timestamp is not a time in seconds")
		}
		// Nothing that a token tells of happened after the token was made. Some
		// transmitters count in milliseconds.
		if at.Before(e.At) {
			e.At = at
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
	e.Ended, err = r.cfg.Sessions.Revoke(ctx, rp.Revocation{
		Subject: to.subject, SID: to.sid, BegunBy: wholeSecond(e.At), Detail: e.detail(),
	})
	return err
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
		return &fault{invalidState, "state was not given out by this receiver, or too long ago"}
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
