package rp

import (
	"context"
	"sort"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/names"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// SessionInfo describes a session to its person.
type SessionInfo struct {
	Name      string // as in logs and events; good for EndOwn
	Current   bool   // the one that asks
	Started   time.Time
	Active    time.Time // last activity, to the minute
	UserAgent string    // at the log-in; from the browser, so escape it
}

// List returns the live sessions of this person in this app, the latest active first (ASVS 7.5.2),
// without those of another version, which this instance cannot read.
func (s *Session) List(ctx context.Context) ([]SessionInfo, error) {
	recs, err := s.all(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]SessionInfo, 0, len(recs))
	for _, rec := range recs {
		st, err := s.rp.engine.Open(rec)
		if err != nil {
			continue
		}
		out = append(out, SessionInfo{
			Name: rec.Key.Short(), Current: rec.Key == s.key(), Started: st.Data.Started,
			Active: st.Rec.Active, UserAgent: st.Data.Agent,
		})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Active.After(out[j].Active) })
	return out, nil
}

// EndOwn ends one of this person's own sessions by its name, with UserLogout.
// ErrNotFound if the person has no such session.
func (s *Session) EndOwn(ctx context.Context, name string) error {
	recs, err := s.all(ctx)
	if err != nil {
		return err
	}
	for _, rec := range recs {
		if rec.Key.Short() == name {
			_, err := s.rp.engine.End(ctx, rec.Key, reason.UserLogout)
			return err
		}
	}
	return store.ErrNotFound
}

// EndOthers ends all other sessions of this person in this app (ASVS 7.4.3), also those that
// List leaves out, and returns how many.
func (s *Session) EndOthers(ctx context.Context) (int, error) {
	recs, err := s.all(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, rec := range recs {
		if rec.Key == s.key() {
			continue
		}
		ended, err := s.rp.engine.End(ctx, rec.Key, reason.UserLogout)
		if n += len(ended); err != nil {
			return n, err
		}
	}
	return n, nil
}

// all are the records of this person's sessions.
func (s *Session) all(ctx context.Context) ([]store.Record, error) {
	return s.rp.engine.List(ctx, s.rp.gate.browsers.party.Under(names.BySubject, s.Subject()))
}

// limitSessions keeps Config.MaxSessionsPerSubject after a log-in. Of two at the same
// moment each sees the other at the latest when it has stored its own.
func (b *beginnings) limitSessions(ctx context.Context, subject string) {
	most := b.cfg.MaxSessionsPerSubject
	if most == 0 {
		return
	}
	recs, err := b.engine.List(ctx, b.browsers.party.Under(names.BySubject, subject))
	if err != nil {
		b.journal.log.Warn("Config.MaxSessionsPerSubject could not be enforced; the next log-in tries again", "error",
			err)
		return
	}
	for i := range recs {
		recs[i].Active = b.engine.Latest(recs[i].Key, recs[i].Active)
	}
	sort.Slice(recs, func(i, j int) bool { return recs[i].Active.After(recs[j].Active) })
	for _, rec := range recs[min(most, len(recs)):] {
		if _, err := b.engine.EndNow(ctx, store.Selector{Key: rec.Key, IdleSince: rec.Active}, reason.SessionLimit,
			""); err != nil {
			b.journal.log.Warn("a session above Config.MaxSessionsPerSubject could not be ended", "session",
				rec.Key.Short(), "error", err)
		}
	}
}
