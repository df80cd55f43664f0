package engine

import (
	"context"
	"errors"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// State is a session as it was read: the stored record and its opened contents.
type State struct {
	Rec    store.Record // with the latest activity that this instance knows
	Data   *record.Data // never written to
	Stored time.Time    // the activity that the Store knows
}

func (s *State) Clocks() lifetime.Session { return s.at(s.Rec.Active) }

// at is what the clocks say of a session whose last activity was then.
func (s *State) at(active time.Time) lifetime.Session {
	d := s.Data
	clocks := lifetime.Session{
		Started: d.Started, Active: active, Signalled: d.Signalled,
		Confirmed: d.Confirmed, Ceiling: d.Ceiling, Window: d.Window,
	}
	if d.Changed {
		clocks.Confirmed = time.Time{} // until it has been asked, nobody vouches for it
	}
	return clocks
}

// Judge asks the clocks about a session, as if by a request of that class now.
func (p *Engine) Judge(st *State, class lifetime.Class) lifetime.Decision {
	return lifetime.Decide(st.Clocks(), p.Policy(st), p.Now(), class)
}

// Load reads a session. Errors: ErrAnonymous, *EndedError, *UnavailableError.
func (p *Engine) Load(ctx context.Context, key store.Key) (*State, error) {
	rec, err := p.cfg.Store.Load(ctx, key)
	if err != nil {
		return nil, p.NotLoaded(&rec, err)
	}
	return p.Open(rec)
}

// NotLoaded says in load's terms why a Store gave no live record.
func (p *Engine) NotLoaded(rec *store.Record, err error) error {
	switch {
	case errors.Is(err, store.ErrEnded):
		return p.howItEnded(rec)
	case errors.Is(err, store.ErrNotFound):
		return ErrAnonymous
	}
	return p.StoreFailed(err)
}

// howItEnded is what an ended record tells.
func (p *Engine) howItEnded(rec *store.Record) *reason.EndedError {
	e := &reason.EndedError{SendsUser: p.sentUser(rec)}
	e.Reason, e.Cause = Why(rec.End.Reason)
	if !rec.Active.IsZero() {
		e.Quiet = rec.End.At.Sub(rec.Active)
	}
	return e
}

// sentUser reports whether the browser of an ended session sent Sec-Fetch-User. If no key
// opens the record, the answer is yes: then a person whose browser does not send it gets a
// page with a link instead of a redirect.
func (p *Engine) sentUser(rec *store.Record) bool {
	plain, err := p.ring.Open(rec.Sealed, p.party.Bound(&rec.Key))
	if err != nil {
		return true
	}
	d, err := record.Decode(plain)
	return err != nil || d.SendsUser
}

// Open decrypts and decodes a record. One that cannot be read is over for this
// browser, but is left alone in the store: another instance may have the key.
func (p *Engine) Open(rec store.Record) (*State, error) {
	stored := rec.Active
	rec.Active = p.agenda.latest(rec.Key, stored)
	if o := p.cache.get(&rec.Key, rec.Version); o != nil {
		return &State{rec, o.Data, stored}, nil
	}
	d, err := p.Unseal(&rec)
	if err != nil {
		return nil, err
	}
	st := &State{rec, d, stored}
	if !rec.Ended() {
		p.remember(st)
	}
	return st, nil
}

// remember puts an opened state into the cache, with how long the clocks have nothing
// to say about it.
func (p *Engine) remember(st *State) {
	p.cache.put(st, lifetime.Quiet(st.Clocks(), p.Policy(st), p.tokensLast(st.Data), p.Now()))
}

// versionRetry is when a browser tries again to reach an instance that can read its session:
// during an update, some can.
const versionRetry = 5 * time.Second

// Unseal is open without the cache: what is stored of an ended session changes
// under the same version. A session in another version's layout is no ended one: its
// own instances serve it, and this one answers 503.
func (p *Engine) Unseal(rec *store.Record) (*record.Data, error) {
	plain, err := p.ring.Open(rec.Sealed, p.party.Bound(&rec.Key))
	if err == nil {
		var d *record.Data
		if d, err = record.Decode(plain); err == nil {
			return d, nil
		}
	}
	about := "a session record cannot be read: was its key removed from Config.Keys?"
	if errors.Is(err, record.ErrVersion) {
		about = "another version of Tandem wrote a session record: this instance leaves it to the instances of that " +
			"version"
	}
	if p.unreadable.Take(rec.Key, p.Now()) == 0 {
		p.log.Error(about, "session", rec.Key.Short(), "error", err)
	}
	if errors.Is(err, record.ErrVersion) {
		return nil, &reason.UnavailableError{RetryAfter: versionRetry, Cause: reason.Busy, Err: err}
	}
	return nil, &reason.EndedError{Reason: reason.Unconfirmed}
}

var ErrNoRoom = errors.New("rp: the session's tokens and values are larger than 60 KiB")

// sealed returns the record that stores d, without what there is no room for.
func (p *Engine) sealed(rec store.Record, d *record.Data) (store.Record, error) {
	plain := d.Encode()
	if len(plain) > record.MaxSize && d.APITokens != "" { // they can be fetched again
		d.APITokens = ""
		plain = d.Encode()
	}
	if len(plain) > record.MaxSize {
		return store.Record{}, ErrNoRoom
	}
	rec.Sealed = p.ring.Seal(plain, p.party.Bound(&rec.Key))
	return rec, nil
}
