package rp

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/names"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// replace ends the browser's former session (ASVS 7.2.4: the old id dies). The app's
// own values go on with the same person, below what Config.OnLogin has changed in them.
// Nobody has seen the cookie of next yet.
func (b *beginnings) replace(ctx context.Context, old store.Key, next *engine.State, begun time.Time,
	changes map[string]string) {
	ended, err := b.engine.End(ctx, old, reason.Replaced)
	if err != nil {
		b.journal.log.Warn("the browser's former session could not be ended", "session", old.Short(), "error", err)
	}
	var former *record.Data
	if len(ended) > 0 {
		former, err = b.browsers.read(&ended[0], next.Data.Subject), nil
	} else {
		former, err = b.browsers.former(ctx, old, next.Data.Subject, begun.Add(-b.cfg.Skew))
	}
	if former != nil {
		err = b.takeOver(ctx, old, former, next, changes)
	}
	if err != nil && (former == nil || former.Values != "") {
		b.journal.log.Warn("the values of the former session are lost", "session", next.Rec.Key.Short(), "error", err)
	}
}

// takeOver also notes whose values they are, be there any or not: see browsers.former.
func (b *beginnings) takeOver(ctx context.Context, old store.Key, former *record.Data, next *engine.State,
	changes map[string]string) error {
	values, fit := overlay(former.Values, changes)
	_, err := b.engine.Commit(ctx, next, func(d *record.Data) bool {
		if d.Replaces = replacing(old, former.Replaces); fit {
			d.Values = values
		}
		return true
	})
	if err == nil && !fit {
		err = errValuesTooLarge
	}
	return err
}

// former returns the session whose values a log-in goes on with, in a browser with the cookie of
// session A: A, while it lives. Two tabs that are sent to the log-in at once come back with
// the same cookie, and the browser keeps the cookie of the last answer. So if another log-in has
// replaced A by B, it is B, where the person may have gone on meanwhile. If B has not taken the
// values over yet, it is A as it ended; but only if the log-in was begun before that, because B may
// have been logged out since. Callers take Config.Skew from begun: the clock of another instance
// says when A ended. It returns nil if there is nothing to go on with, or if that is another
// person's. Error: *UnavailableError, if the store fails.
func (b *browsers) former(ctx context.Context, a store.Key, subject string, begun time.Time) (*record.Data, error) {
	rec, err := b.store.Load(ctx, a)
	why, _ := engine.Why(rec.End.Reason)
	switch {
	case err == nil:
		return b.read(&rec, subject), nil
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrEnded) && why != reason.Replaced:
		return nil, nil
	case !errors.Is(err, store.ErrEnded):
		return nil, b.engine.StoreFailed(err)
	}
	next, err := b.successor(ctx, a, subject)
	if err != nil || next != nil {
		return next, err
	}
	if begun.After(rec.End.At) {
		return nil, nil
	}
	return b.read(&rec, subject), nil
}

// successor returns the person's live session that has taken over the values of a, of several the one
// that was active last; nil: there is none.
func (b *browsers) successor(ctx context.Context, a store.Key, subject string) (*record.Data, error) {
	all, err := b.engine.List(ctx, b.party.Under(names.BySubject, subject))
	if err != nil {
		return nil, err
	}
	var last *engine.State
	for _, rec := range all {
		st, err := b.engine.Open(rec)
		if err == nil && replaces(st.Data, a) && (last == nil || st.Rec.Active.After(last.Rec.Active)) {
			last = st
		}
	}
	if last == nil {
		return nil, nil
	}
	return last.Data, nil
}

// read returns what a record of that person holds; nil: it is another person's, or cannot be read,
// which is in the log then.
func (b *browsers) read(rec *store.Record, subject string) *record.Data {
	if len(rec.Sealed) == 0 { // its clean-up could not read it either
		return nil
	}
	d, err := b.engine.Unseal(rec)
	if err != nil || d.Subject != subject {
		return nil
	}
	return d
}

// mostReplaced bounds record.Data.Replaces, in keys.
const mostReplaced = 4

// replacing is record.Data.Replaces of a session that takes over the values of old: its key, and
// then those of the sessions before.
func replacing(old store.Key, before string) string {
	all := old[:]
	for key := range slices.Chunk([]byte(before), len(old)) {
		if string(key) != string(old[:]) && len(all) < mostReplaced*len(old) {
			all = append(all, key...)
		}
	}
	return string(all)
}

func replaces(d *record.Data, key store.Key) bool {
	for k := range slices.Chunk([]byte(d.Replaces), len(key)) {
		if string(k) == string(key[:]) {
			return true
		}
	}
	return false
}
