package rp

import (
	"context"
	"errors"

	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/names"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// replace ends the browser's former session (ASVS 7.2.4: the old id dies). The app's
// own values go on with the same person, below what Config.OnLogin has changed in them.
// Nobody has seen the cookie of next yet.
func (b *beginnings) replace(ctx context.Context, old store.Key, next *engine.State, changes map[string]string) {
	ended, err := b.engine.End(ctx, old, reason.Replaced)
	if err != nil {
		b.journal.log.Warn("the browser's former session could not be ended", "session", old.Short(), "error", err)
	}
	var former *record.Data
	if len(ended) > 0 {
		former, err = b.engine.Unseal(&ended[0])
	} else {
		former, err = b.browsers.former(ctx, old, next.Data.Subject)
	}
	if err == nil && former != nil && former.Subject == next.Data.Subject {
		err = b.takeOver(ctx, old, former.Values, next, changes)
	}
	if err != nil {
		b.journal.log.Warn("the values of the former session are lost", "session", next.Rec.Key.Short(), "error", err)
	}
}

// takeOver also notes whose values they are: see former.
func (b *beginnings) takeOver(ctx context.Context, old store.Key, values string, next *engine.State,
	changes map[string]string) error {
	values, ok := overlay(values, changes)
	if !ok {
		return errValuesTooLarge
	}
	_, err := b.engine.Commit(ctx, next, func(d *record.Data) bool {
		d.Values, d.Replaces = values, string(old[:])
		return true
	})
	return err
}

// former returns the session whose values a log-in of the same person goes on with, in a
// browser that names the session under key: that one, or nil if it has ended. But two tabs
// that are sent to the log-in at once come back with the same cookie, and the browser keeps
// the cookie of the last answer. So if another log-in has replaced the session, the values are
// those of that log-in's session, where the person may have gone on meanwhile; and if that one
// has not taken them over yet, or lives no more, they are those that were left behind.
func (b *browsers) former(ctx context.Context, key store.Key, subject string) (*record.Data, error) {
	rec, err := b.store.Load(ctx, key)
	switch why, _ := engine.Why(rec.End.Reason); {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrEnded) && why != reason.Replaced:
		return nil, nil
	case err != nil && !errors.Is(err, store.ErrEnded):
		return nil, b.engine.StoreFailed(err)
	}
	left, err := b.engine.Unseal(&rec)
	if err != nil {
		return nil, err
	}
	if left.Subject != subject {
		return nil, nil
	}
	if !rec.Ended() {
		return left, nil
	}
	others, err := b.engine.List(ctx, b.party.Under(names.BySubject, subject))
	if err != nil {
		return nil, err
	}
	var heir *engine.State
	for _, rec := range others {
		st, err := b.engine.Open(rec)
		if err == nil && st.Data.Replaces == string(key[:]) && (heir == nil || st.Rec.Active.After(heir.Rec.Active)) {
			heir = st
		}
	}
	if heir == nil {
		return left, nil
	}
	return heir.Data, nil
}
