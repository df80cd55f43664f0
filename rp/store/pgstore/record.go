package pgstore

import (
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

const keySize = len(store.Key{})

// columns is a record as it is in the table.
type columns struct {
	key, owner, refs, sealed                             []byte
	version, begun, issued, active, due, endAt, endUntil int64
	reason                                               string
}

// columnList fits into. It is prefixed with the table's alias.
const columnList = `%[1]s.key, %[1]s.owner, %[1]s.version, %[1]s.begun, %[1]s.issued, %[1]s.active, %[1]s.due, ` +
	`%[1]s.refs, %[1]s.sealed, %[1]s.reason, %[1]s.end_at, %[1]s.end_until`

func (c *columns) into() []any {
	return []any{&c.key, &c.owner, &c.version, &c.begun, &c.issued, &c.active, &c.due,
		&c.refs, &c.sealed, &c.reason, &c.endAt, &c.endUntil}
}

func (c *columns) record() (store.Record, error) {
	if len(c.key) != keySize || len(c.owner) != keySize || len(c.refs)%keySize != 0 {
		return store.Record{}, errors.New("a stored session is damaged")
	}
	r := store.Record{
		Key: store.Key(c.key), Owner: store.Key(c.owner), Version: uint64(c.version),
		Begun: storekit.Time(c.begun), Issued: storekit.Time(c.issued),
		Active: storekit.Time(c.active), Due: storekit.Time(c.due),
		Refs: make([]store.Key, len(c.refs)/keySize), Sealed: c.sealed[:len(c.sealed):len(c.sealed)],
	}
	for i := range r.Refs {
		copy(r.Refs[i][:], c.refs[i*keySize:])
	}
	if c.reason != "" {
		r.End = store.End{Reason: string(c.reason), At: storekit.Time(c.endAt), Until: storekit.Time(c.endUntil)}
	}
	return r, nil
}

func records(rows pgx.Rows) ([]store.Record, error) {
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (store.Record, error) {
		var c columns
		if err := row.Scan(c.into()...); err != nil {
			return store.Record{}, err
		}
		return c.record()
	})
}

// join is the references as the session's row has them.
func join(refs []store.Key) []byte {
	b := make([]byte, 0, len(refs)*keySize)
	for i := range refs {
		b = append(b, refs[i][:]...)
	}
	return b
}

// split is the references as an array.
func split(refs []store.Key) [][]byte {
	list := make([][]byte, len(refs))
	for i := range refs {
		list[i] = refs[i][:]
	}
	return list
}
