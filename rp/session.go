package rp

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/internal/record"
)

// state is a session as it was read: the stored record and its opened contents.
type state struct {
	rec  Record
	data *record.Data // never written to
}

func (s *state) clocks() lifetime.Session {
	d := s.data
	return lifetime.Session{
		Started: d.Started, Active: s.rec.Active, Signalled: d.Signalled,
		Confirmed: d.Confirmed, Ceiling: d.Ceiling, Window: d.Window,
	}
}

// Session is the app session of one request.
type Session struct {
	rp    *RelyingParty
	key   Key
	class Class
	ctx   context.Context // the request's: bounds the life of Done's subscription
	now   atomic.Pointer[state]
	home  *carrier
	watch sync.Once
	done  chan struct{} // once watch is done
}

type sessionKey struct{}

// carrier is a session, what was read of it and the context that carries it, in
// one piece of memory: the hot path allocates it and the request's copy, nothing
// else.
type carrier struct {
	context.Context
	session Session
	read    state
}

func (c *carrier) Value(key any) any {
	if _, ok := key.(sessionKey); ok {
		return &c.session
	}
	return c.Context.Value(key)
}

// FromContext returns the session that the adapters' RequireLogin has put there,
// nil if there is none.
func FromContext(ctx context.Context) *Session {
	s, _ := ctx.Value(sessionKey{}).(*Session)
	return s
}

// NewContext returns a context that carries the session.
func NewContext(ctx context.Context, s *Session) context.Context {
	if s != nil && s.ctx == ctx {
		return s.home
	}
	return context.WithValue(ctx, sessionKey{}, s)
}

// Issuer and Subject together are the person's identity (OpenID Connect Core 1.0
// §5.7); neither alone is.
func (s *Session) Issuer() string { return s.rp.cfg.Issuer }

// Subject is the person's identifier at the IdP.
func (s *Session) Subject() string { return s.now.Load().data.Subject }

// SID is the IdP's session id, empty if the IdP sends none.
func (s *Session) SID() string { return s.now.Load().data.SID }

// Claims decodes the claims of the latest ID token into v.
func (s *Session) Claims(v any) error {
	return json.Unmarshal([]byte(s.now.Load().data.Claims), v)
}

// Scope is what the IdP granted, separated by spaces; empty if it did not say.
func (s *Session) Scope() string { return s.now.Load().data.Scope }

// Started is when the log-in was finished.
func (s *Session) Started() time.Time { return s.now.Load().data.Started }

// Class is how the request was classified.
func (s *Session) Class() Class { return s.class }

// Name is a hash that is the same in all logs and events of this session.
func (s *Session) Name() string { return s.key.name() }

// Done returns a channel that is closed when the session ends, on whichever
// instance, so that a stream or WebSocket can end with it. It serves until the
// request's context is done.
func (s *Session) Done() <-chan struct{} {
	s.watch.Do(func() {
		t := s.rp.hub.subscribe(s.key)
		s.done = t.done
		context.AfterFunc(s.ctx, t.release)
		// The session may have ended between the request's look at it and now.
		if rec, err := s.rp.cfg.Store.Load(s.ctx, s.key); errors.Is(err, ErrEnded) {
			s.rp.hub.announce(Change{Key: s.key, Reason: rec.End.Reason})
		} else if errors.Is(err, ErrNotFound) {
			s.rp.hub.announce(Change{Key: s.key, Reason: Unconfirmed})
		}
	})
	return s.done
}

// Err tells whether the session has ended meanwhile: nil, an *EndedError, or an
// *UnavailableError if the store cannot say.
func (s *Session) Err() error {
	_, err := s.rp.load(s.ctx, s.key)
	if errors.Is(err, ErrAnonymous) {
		return &EndedError{Unconfirmed}
	}
	return err
}

// End ends the session for the app's own reasons (Admin).
func (s *Session) End(ctx context.Context) error {
	_, err := s.rp.end(ctx, Selector{Key: s.key}, Admin)
	return err
}

// Authenticate answers with the session of a request. Errors: ErrAnonymous,
// *EndedError, *UnavailableError, ErrUnconfirmed, ErrReauthenticate,
// ErrSilentCheck, ErrCrossOrigin; RelyingParty.Answer turns each into what the
// browser should see.
func (p *RelyingParty) Authenticate(r *http.Request) (*Session, error) {
	return p.authenticate(r, p.Activity(r))
}

// AuthenticateAs is Authenticate for a request of a route that is marked, as if
// by WithClass: only Config.Classify goes before the mark.
func (p *RelyingParty) AuthenticateAs(r *http.Request, class Class) (*Session, error) {
	if p.cfg.Classify != nil {
		if c, ok := p.cfg.Classify(r); ok {
			class = c
		}
	}
	return p.authenticate(r, class)
}

func (p *RelyingParty) authenticate(r *http.Request, class Class) (*Session, error) {
	key, ok := p.sessionKey(r.Header)
	if !ok {
		return nil, ErrAnonymous
	}
	if !safeMethod(r.Method) && p.csrf.Check(r) != nil {
		return nil, ErrCrossOrigin
	}
	for range 3 {
		s, err := p.session(r, key, class)
		if err != errChanged {
			return s, err
		}
	}
	return nil, unavailable(time.Second, "the session changes faster than it can be read")
}

// errChanged: what we read was overtaken; look again.
var errChanged = errors.New("rp: the session changed while it was looked at")

func safeMethod(m string) bool {
	return m == http.MethodGet || m == http.MethodHead || m == http.MethodOptions
}

func (p *RelyingParty) session(r *http.Request, key Key, class Class) (*Session, error) {
	ctx := r.Context()
	c := &carrier{Context: ctx}
	st := &c.read
	if err := p.loadInto(ctx, key, st); err != nil {
		return nil, err
	}
	now := p.now()
	stored := st.rec.Active
	st.rec.Active = p.agenda.latest(key, stored)
	policy := p.policy(st)
	asks := class
	if p.means(st.data) == bySilentLogin && !navigation(r) {
		asks = Passive // only a navigation can ask
	}
	decision := lifetime.Decide(st.clocks(), policy, now, lifetime.Class(asks))
	if decision.End != lifetime.Live {
		return nil, p.expire(ctx, st, decision.End)
	}
	if decision.Unconfirmed {
		return nil, ErrUnconfirmed
	}
	if class == Active {
		st.rec.Active = now
		p.touch(st, policy, stored)
	}
	switch decision.Signal {
	case lifetime.Due:
		p.signalBeside(st, policy)
	case lifetime.Overdue:
		var err error
		if st, err = p.signalFirst(ctx, st); err != nil {
			return nil, err
		}
		told := lifetime.Decide(st.clocks(), p.policy(st), p.now(), lifetime.Active)
		if told.End != lifetime.Live {
			return nil, p.expire(ctx, st, told.End) // the answer did not move the ceiling
		}
		if told.Signal == lifetime.Overdue && st.data.Confirmed.Before(now) {
			return nil, errChanged // an old answer, which the store has only now taken
		}
	}
	s := &c.session
	s.rp, s.key, s.class, s.ctx, s.home = p, key, class, ctx, c
	s.now.Store(st)
	return s, nil
}

// load reads a session. Errors: ErrAnonymous, *EndedError, *UnavailableError.
func (p *RelyingParty) load(ctx context.Context, key Key) (*state, error) {
	st := &state{}
	if err := p.loadInto(ctx, key, st); err != nil {
		return nil, err
	}
	return st, nil
}

func (p *RelyingParty) loadInto(ctx context.Context, key Key, st *state) (err error) {
	st.rec, err = p.cfg.Store.Load(ctx, key)
	switch {
	case err == nil:
		st.data, err = p.open(&st.rec)
		return err
	case errors.Is(err, ErrEnded):
		return &EndedError{st.rec.End.Reason}
	case errors.Is(err, ErrNotFound):
		return ErrAnonymous
	}
	return unavailable(2*time.Second, "the session store failed: %w", err)
}

// open decrypts and decodes a record. One that cannot be read is over for this
// browser, but is left alone in the store: another instance may have the key.
func (p *RelyingParty) open(rec *Record) (*record.Data, error) {
	if d := p.cache.get(rec.Key, rec.Version); d != nil {
		return d, nil
	}
	d, err := p.unseal(rec)
	if err == nil && !rec.Ended() {
		p.cache.put(rec.Key, rec.Version, d)
	}
	return d, err
}

// unseal is open without the cache: what is stored of an ended session changes
// under the same version.
func (p *RelyingParty) unseal(rec *Record) (*record.Data, error) {
	plain, err := p.ring.Open(rec.Sealed, rec.Key[:])
	if err == nil {
		var d *record.Data
		if d, err = record.Decode(plain); err == nil {
			return d, nil
		}
	}
	p.log.Error("a session record cannot be read: was its key removed from Config.Keys?", "session", rec.Key.name(), "error", err)
	return nil, &EndedError{Unconfirmed}
}

// sealed returns the record that stores d.
func (p *RelyingParty) sealed(rec Record, d *record.Data) (Record, error) {
	plain := d.Encode()
	if len(plain) > record.MaxSize {
		return Record{}, errors.New("rp: the session's tokens and values are larger than 60 KiB")
	}
	rec.Sealed = p.ring.Seal(plain, rec.Key[:])
	return rec, nil
}

// policy is the configuration as it applies to one session.
func (p *RelyingParty) policy(st *state) lifetime.Policy {
	c := &p.cfg
	how := p.means(st.data)
	pol := lifetime.Policy{Idle: c.Idle, Absolute: c.Absolute, Window: c.IdPWindow}
	if how == byNothing {
		return pol
	}
	pol.Renews = how == byRefresh || how == bySilentLogin
	pol.SignalEvery, pol.TrustFor = c.SignalEvery, c.TrustFor
	if pol.SignalEvery == 0 {
		w := c.IdPWindow
		if w == 0 {
			w = st.data.Window
		}
		pol.SignalEvery = lifetime.DefaultSignalEvery(w, st.data.TokenLife)
	}
	// The same jitter at every look: the key is random already.
	u := float64(uint(st.rec.Key[0])<<8|uint(st.rec.Key[1])) / (1 << 16)
	pol.SignalEvery = lifetime.Jitter(pol.SignalEvery, u)
	return pol
}

var reasons = [...]Reason{lifetime.Idle: Idle, lifetime.Absolute: Absolute, lifetime.Ceiling: IdPCeiling}

// expire ends a session whose time is up, unless somebody was active elsewhere
// between our look and now.
func (p *RelyingParty) expire(ctx context.Context, st *state, e lifetime.End) error {
	sel := Selector{Key: st.rec.Key}
	reason := reasons[e]
	switch e {
	case lifetime.Idle:
		sel.IdleSince = st.rec.Active
	case lifetime.Ceiling:
		sel.Version = st.rec.Version
	}
	ended, err := p.end(ctx, sel, reason)
	if err != nil {
		return err
	}
	if len(ended) == 0 {
		if _, err := p.load(ctx, st.rec.Key); err != nil {
			return err // somebody else ended it, for a reason of their own
		}
		return errChanged
	}
	return &EndedError{reason}
}
