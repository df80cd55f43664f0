package engine

import (
	"context"
	"errors"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// Commit changes a session under its version. change is applied to the state as
// it is at that moment, so that nothing that others save meanwhile is lost; it
// says false if there is nothing left to change. Errors: *EndedError,
// *UnavailableError, and ErrAnonymous if the record is gone.
func (p *Engine) Commit(ctx context.Context, st *State, change func(*record.Data) bool) (*State, error) {
	rekey := true
	for n := range 100 { // about 5 s
		if n >= 10 { // somebody writes this session all the time
			sleep(ctx, time.Duration(n)*time.Millisecond)
		}
		if err := ctx.Err(); err != nil {
			return nil, Busy(time.Second, "the session could not be changed in time: %w", err)
		}
		d := *st.Data
		if !change(&d) {
			return st, nil
		}
		rec := st.Rec
		rec.Active = p.agenda.latest(rec.Key, rec.Active) // it goes along for nothing
		next := &State{rec, &d, rec.Active}
		sameSID := d.SID == st.Data.SID && d.OldSID == st.Data.OldSID
		if rekey || !sameSID {
			rec.Refs = p.party.RefsOf(&d)
		}
		rec.Due = p.due(next, rec.Active)
		rec, err := p.sealed(rec, &d)
		if err != nil {
			return nil, err
		}
		switch err = p.cfg.Store.Replace(ctx, rec); {
		case err == nil:
			rec.Version++
			next.Rec = rec
			p.remember(next)
			p.hub.announce(store.Change{Key: rec.Key, Version: rec.Version})
			return next, nil
		case errors.Is(err, store.ErrEnded) && sameSID && rekey:
			// The session has ended. Or Config.Keys has another first key now, and the store
			// remembers, under the names of that key, a log-out that this session survived.
			rekey = false
		case errors.Is(err, store.ErrEnded):
			return nil, p.howEnded(ctx, rec.Key)
		case errors.Is(err, store.ErrNotFound):
			return nil, ErrAnonymous
		case !errors.Is(err, store.ErrConflict):
			return nil, p.StoreFailed(err)
		}
		if st, err = p.Load(ctx, rec.Key); err != nil {
			return nil, err
		}
	}
	return nil, Busy(time.Second, "the session changes faster than it can be stored")
}

// storeTokensAgain is how long fresh tokens that the store did not take wait for the next try.
const storeTokensAgain = 2 * time.Second

// lastTry bounds what Close waits for when fresh tokens are still to be stored.
const lastTry = 2 * time.Second

// CommitTokens stores fresh tokens. They must not be lost, because the refresh
// token before them is spent: so it goes on through an outage of the store while
// the process lives, or until ctx ends: the callback of a silent check waits that long, no other
// request does. When ctx has ended, as it does when Close gives up what is under way, there is one
// more try. If another instance has stored newer ones meanwhile, those stand.
func (p *Engine) CommitTokens(ctx context.Context, st *State, change func(*record.Data)) (*State, error) {
	generation := st.Data.Generation
	try := func(ctx context.Context) (*State, error) {
		return p.Commit(ctx, st, func(d *record.Data) bool {
			if d.Generation != generation {
				return false
			}
			change(d)
			d.Generation++
			return true
		})
	}
	for n := 1; ; n++ {
		if ctx.Err() != nil {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTry)
			defer cancel()
			return try(ctx)
		}
		next, err := try(ctx)
		var trouble *reason.UnavailableError
		if !errors.As(err, &trouble) {
			return next, err
		}
		p.flights.hold(st.Rec.Key, err)
		if n%10 == 1 {
			p.log.Warn("fresh tokens could not be stored; trying again", "session", st.Rec.Key.Short(), "error", err)
		}
		sleep(ctx, min(verdict.Backoff(verdict.Retry, n), storeTokensAgain))
	}
}

// howEnded says why the store refused a change. If the record still lives, the change had a new
// sid that was logged out before: then the session ends too (BCL-18).
func (p *Engine) howEnded(ctx context.Context, key store.Key) error {
	if _, err := p.Load(ctx, key); err != nil {
		return err
	}
	ended, err := p.End(ctx, key, reason.BackchannelLogout)
	if err != nil {
		return err
	}
	if len(ended) == 0 { // somebody else did, for a reason of their own
		if _, err := p.Load(ctx, key); err != nil {
			return err
		}
	}
	return &reason.EndedError{Reason: reason.BackchannelLogout}
}
