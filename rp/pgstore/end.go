package pgstore

import (
	"context"
	"math"

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
		tomb := storekit.NewTombstone(&sel, &end)
		err = s.locked(ctx, []rp.Key{sel.Ref}, func(b *pgx.Batch) {
			b.Queue(s.sql.bury, s.clock(), sel.Ref[:], tomb.BegunBy, tomb.IssuedBy, tomb.Until)
			b.Queue(s.sql.endRef, sel.Ref[:], begunBy, issuedBy, reason, at, until).Query(func(rows pgx.Rows) (err error) {
				ended, err = records(rows)
				return err
			})
		})
	}
	if err != nil {
		return nil, err // one transaction: nothing was ended, or nobody knows
	}
	if len(ended) > 0 {
		s.bell.ring()
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
