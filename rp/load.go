package rp

import (
	"context"
	"errors"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// state is a session as it was read: the stored record and its opened contents.
type state struct {
	rec    store.Record // with the latest activity that this instance knows
	data   *record.Data // never written to
	stored time.Time    // the activity that the Store knows
}

func (s *state) clocks() lifetime.Session { return s.at(s.rec.Active) }

// at is what the clocks say of a session whose last activity was then.
func (s *state) at(active time.Time) lifetime.Session {
	d := s.data
	return lifetime.Session{
		Started: d.Started, Active: active, Signalled: d.Signalled,
		Confirmed: d.Confirmed, Ceiling: d.Ceiling, Window: d.Window,
	}
}

// judge asks the clocks about a session, as if by a request of that class now.
func (p *RelyingParty) judge(st *state, class lifetime.Class) lifetime.Decision {
	return lifetime.Decide(st.clocks(), p.policy(st), p.now(), class)
}

// load reads a session. Errors: ErrAnonymous, *EndedError, *UnavailableError.
func (p *RelyingParty) load(ctx context.Context, key store.Key) (*state, error) {
	rec, err := p.cfg.Store.Load(ctx, key)
	if err != nil {
		return nil, p.notLoaded(&rec, err)
	}
	return p.open(rec)
}

// notLoaded says in load's terms why a Store gave no live record.
func (p *RelyingParty) notLoaded(rec *store.Record, err error) error {
	switch {
	case errors.Is(err, store.ErrEnded):
		return p.howItEnded(rec)
	case errors.Is(err, store.ErrNotFound):
		return ErrAnonymous
	}
	return p.storeFailed(err)
}

// howItEnded is what an ended record tells.
func (p *RelyingParty) howItEnded(rec *store.Record) *EndedError {
	e := &EndedError{SendsUser: p.sentUser(rec)}
	e.Reason, e.Cause = why(rec.End.Reason)
	if !rec.Active.IsZero() {
		e.Quiet = rec.End.At.Sub(rec.Active)
	}
	return e
}

// sentUser is what an ended record remembers of the browser. Of one that no key opens any
// more the answer is yes: the price is a page with a link, and not a redirect, for a
// person whose browser does not say who navigates.
func (p *RelyingParty) sentUser(rec *store.Record) bool {
	plain, err := p.ring.Open(rec.Sealed, p.party.Bound(&rec.Key))
	if err != nil {
		return true
	}
	d, err := record.Decode(plain)
	return err != nil || d.SendsUser
}

// open decrypts and decodes a record. One that cannot be read is over for this
// browser, but is left alone in the store: another instance may have the key.
func (p *RelyingParty) open(rec store.Record) (*state, error) {
	stored := rec.Active
	rec.Active = p.agenda.latest(rec.Key, stored)
	if o := p.cache.get(&rec.Key, rec.Version); o != nil {
		return &state{rec, o.data, stored}, nil
	}
	d, err := p.unseal(&rec)
	if err != nil {
		return nil, err
	}
	st := &state{rec, d, stored}
	if !rec.Ended() {
		p.remember(st)
	}
	return st, nil
}

// remember puts an opened state into the cache, with how long the clocks have nothing
// to say about it.
func (p *RelyingParty) remember(st *state) {
	p.cache.put(st, lifetime.Quiet(st.clocks(), p.policy(st), p.tokensLast(st.data), p.now()))
}

// versionRetry is when a browser may meet an instance that can read its session: while
// versions change, some can.
const versionRetry = 5 * time.Second

// unseal is open without the cache: what is stored of an ended session changes
// under the same version. A session in another version's layout is no ended one: its
// own instances serve it, and this one answers 503.
func (p *RelyingParty) unseal(rec *store.Record) (*record.Data, error) {
	plain, err := p.ring.Open(rec.Sealed, p.party.Bound(&rec.Key))
	if err == nil {
		var d *record.Data
		if d, err = record.Decode(plain); err == nil {
			return d, nil
		}
	}
	about := "a session record cannot be read: was its key removed from Config.Keys?"
	if errors.Is(err, record.ErrVersion) {
		about = "a session record is another version's of Tandem: it is left to the instances of that version"
	}
	if p.unreadable.Take(rec.Key, p.now()) == 0 {
		p.log.Error(about, "session", rec.Key.Short(), "error", err)
	}
	if errors.Is(err, record.ErrVersion) {
		return nil, &UnavailableError{RetryAfter: versionRetry, Cause: reason.Busy, Err: err}
	}
	return nil, &EndedError{Reason: reason.Unconfirmed}
}

var errNoRoom = errors.New("rp: the session's tokens and values are larger than 60 KiB")

// sealed returns the record that stores d, without what there is no room for.
func (p *RelyingParty) sealed(rec store.Record, d *record.Data) (store.Record, error) {
	plain := d.Encode()
	if len(plain) > record.MaxSize && d.APITokens != "" { // they can be fetched again
		d.APITokens = ""
		plain = d.Encode()
	}
	if len(plain) > record.MaxSize {
		return store.Record{}, errNoRoom
	}
	rec.Sealed = p.ring.Seal(plain, p.party.Bound(&rec.Key))
	return rec, nil
}
