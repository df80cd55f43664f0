package ssf

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"time"
)

const (
	// remember is how long the jti of a token is kept. SETs have no exp; a later
	// repetition is carried out again, which ends nothing that it should not.
	remember = 24 * time.Hour
	// stateLife is how long a transmitter may take for a verification event.
	stateLife = time.Hour
	// workTime bounds what one token may cause.
	workTime = 30 * time.Second
	// rereadEvery is how often the transmitter's metadata are read again.
	rereadEvery = time.Hour
)

// StreamState is the state of the stream as this instance knows it.
type StreamState struct {
	Status   StreamStatus // by the last stream-updated event; Enabled at first
	Received time.Time    // the last valid event; zero: none yet
	Verified time.Time    // the last verification event; zero: none yet
}

// Receiver receives events. Mount it at the address to which the transmitter pushes; if
// Config.PollURL is set, it polls for events until Close. It is safe for concurrent use.
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

// New checks the configuration and, if Config.PollURL is set, begins to poll for events. Once
// an hour the Receiver reads the transmitter's metadata again. A *ConfigError, or several
// joined, names the fault. Close the Receiver before the RelyingParty.
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
	r.work.Go(func() {
		for sleep(ctx, rereadEvery); ctx.Err() == nil; sleep(ctx, rereadEvery) {
			t.reread(ctx)
		}
	})
	if t.metadata().DefaultSubjects == "NONE" {
		r.log.Info("the transmitter sends events only about subjects that Transmitter.AddSubject or its " +
			"administrator has added")
	}
	return r, nil
}

// Close stops polling and waits until the current event is done.
func (r *Receiver) Close() error {
	r.stop()
	r.work.Wait()
	r.cfg.Transmitter.keys.Stop()
	return nil
}

// State returns the state of the stream.
func (r *Receiver) State() StreamState {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

// Verify asks the transmitter for a verification event (§8.1.4.2), to find out whether events
// arrive. It does not wait for the event, which may take a while and may come to another
// instance; see State and Config.Received. Errors: ErrNoEndpoint, a *StatusError,
// *rp.UnavailableError.
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

// receive carries out one token, which a poll has listed under the jti listed. When it
// returns nil, what the token says is stored, and the transmitter may forget it. A *fault
// says that the token is not acceptable and will never be; any other error that it should
// be sent again. Who calls it logs the latter.
func (r *Receiver) receive(ctx context.Context, raw, listed string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), workTime)
	defer cancel()
	s, err := verify(ctx, raw, r.want)
	if err == nil {
		err = r.carryOut(ctx, s)
	}
	if err == nil && listed != "" && s.id != listed {
		err = invalid("the token is listed under another jti than its own")
	}
	var bad *fault
	if errors.As(err, &bad) {
		about := []any{"err", bad.Code, "description", bad.Description}
		if s != nil && isKnown(s.event) {
			about = append(about, "type", s.event)
		}
		r.log.Warn("a security event token was refused", about...)
	}
	return err
}

// carryOut does what a valid token says.
func (r *Receiver) carryOut(ctx context.Context, s *set) (err error) {
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
		return err
	}
	return r.done(ctx, &e)
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
