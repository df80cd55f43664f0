package pgstore

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/internal/storekit"
)

// End implements rp.Store.
func (s *Store) End(ctx context.Context, sel rp.Selector, end rp.End) ([]rp.Record, error) {
	if err := sel.Check(); err != nil {
		return nil, err
	}
	if err := end.Check(); err != nil {
		return nil, err
	}
	reason, at, until := string(end.Reason), storekit.Millis(end.At), storekit.Millis(end.Until)
	var ended []rp.Record
	var err error
	if sel.Ref == (rp.Key{}) {
		idle := orAny(storekit.Millis(sel.IdleSince))
		ended, err = s.many(ctx, false, s.sql.endKey, sel.Key[:], signed(sel.Version), idle, reason, at, until)
	} else {
		begunBy, issuedBy := orAny(storekit.Millis(sel.BegunBy)), storekit.Millis(sel.IssuedBy)
		err = s.locked(ctx, s.sql.lockAlone, locks([]rp.Key{sel.Ref})[0], func(b *pgx.Batch) {
			b.Queue(s.sql.bury, s.clock(), sel.Ref[:], begunBy, until)
			b.Queue(s.sql.endRef, sel.Ref[:], begunBy, issuedBy, reason, at, until).Query(func(rows pgx.Rows) (err error) {
				ended, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (rp.Record, error) {
					var c columns
					if err := row.Scan(c.into()...); err != nil {
						return rp.Record{}, err
					}
					return c.record()
				})
				return err
			})
		})
	}
	if err != nil {
		return nil, err // one transaction: nothing was ended, or nobody knows
	}
	for i := range ended {
		ended[i].End = rp.End{Reason: end.Reason, At: storekit.Time(at), Until: storekit.Time(until)}
	}
	return ended, nil
}

func orAny(ms int64) int64 {
	if ms == 0 {
		return math.MaxInt64
	}
	return ms
}

// Claim implements rp.Store. Rows that another instance is about to change are
// left to it.
func (s *Store) Claim(ctx context.Context, owner rp.Key, now time.Time, hold time.Duration, limit int) ([]rp.Record, error) {
	if hold < time.Millisecond {
		return nil, errors.New("pgstore: Claim: hold is below 1 ms")
	}
	at := storekit.Millis(now)
	claimed, err := s.many(ctx, false, s.sql.claim, s.clock(), owner[:], at, at+hold.Milliseconds(), max(limit, 0))
	if err != nil {
		return nil, err
	}
	// What is over goes as well. If that fails, it goes next time.
	_ = s.do(ctx, false, func(ctx context.Context) error {
		batch := new(pgx.Batch)
		for _, sql := range []string{s.sql.forgetSessions, s.sql.forgetTombs, s.sql.forgetOnce, s.sql.forgetLease} {
			batch.Queue(sql, s.clock())
		}
		batch.Queue(s.sql.forgetAbandoned, s.clock(), rp.Abandoned.Milliseconds())
		return s.pool.SendBatch(ctx, batch).Close()
	})
	return claimed, nil
}
