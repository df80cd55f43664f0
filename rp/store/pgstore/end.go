package pgstore

import (
	"context"
	"math"

	"github.com/jackc/pgx/v5"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

// End implements store.Store.
func (s *Store) End(ctx context.Context, sel store.Selector, end store.End) ([]store.Record, error) {
	if err := sel.Check(); err != nil {
		return nil, err
	}
	if err := end.Check(); err != nil {
		return nil, err
	}
	reason, at, until := end.Reason, storekit.Millis(end.At), storekit.Millis(end.Until)
	var ended []store.Record
	var err error
	if sel.Ref == (store.Key{}) {
		idle := orAny(storekit.Millis(sel.IdleSince))
		ended, err = s.many(ctx, false, s.sql.endKey, sel.Key[:], signed(sel.Version), idle, reason, at, until)
	} else {
		begunBy, issuedBy := orAny(storekit.Millis(sel.BegunBy)), storekit.Millis(sel.IssuedBy)
		tomb := storekit.NewTombstone(&sel, &end)
		err = s.locked(ctx, []store.Key{sel.Ref}, func(b *pgx.Batch) {
			b.Queue(s.sql.bury, s.clock(), sel.Ref[:], tomb.BegunBy, tomb.IssuedBy, tomb.Until)
			b.Queue(s.sql.endRef, sel.Ref[:], begunBy, issuedBy, reason, at,
				until).Query(func(rows pgx.Rows) (err error) {
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
		ended[i].End = store.End{Reason: end.Reason, At: storekit.Time(at), Until: storekit.Time(until)}
	}
	return ended, nil
}

func orAny(ms int64) int64 {
	if ms == 0 {
		return math.MaxInt64
	}
	return ms
}
