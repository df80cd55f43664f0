package storekit

import (
	"math"

	"github.com/tandem-sso/tandem/rp/store"
)

// Tombstone is what an End of a reference leaves: which records may not be created
// (see store.Store's End). Its times are milliseconds. The greatest BegunBy is "any".
type Tombstone struct{ BegunBy, IssuedBy, Until int64 }

// NewTombstone returns the tombstone of one End.
func NewTombstone(sel *store.Selector, end *store.End) Tombstone {
	t := Tombstone{Millis(sel.BegunBy), Millis(sel.IssuedBy), Millis(end.Until)}
	if t.BegunBy == 0 { // it forbids all, so its IssuedBy adds nothing
		t.BegunBy, t.IssuedBy = math.MaxInt64, math.MaxInt64
	}
	return t
}

// Forbids reports whether a record may not be created while the tombstone stands.
// The two comparisons count each for itself. One of the IdP's clock is strict: in a
// tie the other one decides.
func (t Tombstone) Forbids(begun, issued int64) bool {
	return begun <= t.BegunBy || issued > 0 && issued < t.IssuedBy
}

// Covers reports whether o is superfluous beside t: it forbids nothing more, and not
// for longer.
func (t Tombstone) Covers(o Tombstone) bool {
	return t.BegunBy >= o.BegunBy && t.IssuedBy >= o.IssuedBy && t.Until >= o.Until
}
