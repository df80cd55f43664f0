// Package store is the contract between a relying party (package rp) and the store of its
// sessions. It needs only the standard library. Package storetest tests the contract against
// any implementation; memstore, boltstore, redisstore and pgstore are four of them.
package store

import (
	"context"
	"encoding/hex"
	"errors"
	"time"
)

// Answers of a Store. Every other error of a Store is a system failure: it never ends a
// session, the request is answered with 503 and the browser keeps its cookie.
var (
	// ErrNotFound: there is no such record, and no ended one is remembered.
	ErrNotFound = errors.New("store: no such session")
	// ErrConflict: the record is at another version, or the key, the once-id or the lease is
	// taken.
	ErrConflict = errors.New("store: conflict with a concurrent change")
	// ErrEnded: the session has ended, or a log-out forbids creating it.
	ErrEnded = errors.New("store: session has ended")
)

// Key is a hash of 32 bytes: of a session's cookie id, of a client, of a once-id,
// and, under a secret key, of a sid or a subject. So a dump of a store contains no valid
// cookie and no name of a person.
//
// Each Key is bound to one client of one IdP (issuer, client_id), so several clients can
// share a Store and none finds the records of another.
type Key [32]byte

// Short is for logs: long enough to tell sessions apart, too short to find a session with it.
func (k Key) Short() string { return hex.EncodeToString(k[:6]) }

// Abandoned is how long a Store keeps a live record after its Due if nobody claims it: the
// client that owned it is gone.
const Abandoned = 30 * 24 * time.Hour

// Record is a session in a Store: encrypted bytes and the few clear fields that it has to
// index. Times count in whole milliseconds of UTC; a Store may cut off everything finer, also
// before it compares. A time at or before the Unix epoch counts as zero.
type Record struct {
	Key     Key       // SHA-256 of the client and the cookie's id
	Owner   Key       // the client whose session it is; only its Claim hands it out
	Version uint64    // 1 after Create, one more after each Replace; set by the Store
	Refs    []Key     // End and List find the record by these, besides Key: 1 to 8, no doubles
	Begun   time.Time // when the log-in that led to it was started
	Issued  time.Time // when the IdP issued that log-in's ID token, by the IdP's clock
	Active  time.Time // the person's last activity; only ever grows
	Due     time.Time // when Claim hands it out; zero: never
	Sealed  []byte    // opaque, at most 64 KiB
	End     End       // zero while the session lives
}

// End says why and when a session ended and how long that is remembered.
type End struct {
	Reason string    // not empty, at most 64 bytes
	At     time.Time // not zero
	Until  time.Time // not zero; the Store forgets the ended record and the tombstone after it
}

// Ended reports whether the session has ended and the record only remembers that.
func (r *Record) Ended() bool { return r.End.Reason != "" }

// Selector says which sessions End ends: the one under Key, or all under Ref.
// Exactly one of the two is set. The conditions narrow it; their zero value is
// "any".
type Selector struct {
	Key       Key
	Version   uint64    // with Key: only while the record is at this version
	IdleSince time.Time // with Key: only if the last activity is not after it

	// With Ref: only sessions begun at or before BegunBy, by the instances' clocks, or
	// issued at or before IssuedBy, by the IdP's. Covers says which of the two counts for a
	// live session, End which for the tombstone. If you set IssuedBy, set BegunBy too: with a
	// zero BegunBy the tombstone also refuses log-ins that start later.
	Ref      Key
	BegunBy  time.Time
	IssuedBy time.Time
}

// Covers reports whether a live session under Ref is meant. IssuedBy is a time of the IdP's
// clock and is compared with a time of that clock: if it is set, it decides about live
// sessions instead of BegunBy.
func (s *Selector) Covers(r *Record) bool {
	if !s.IssuedBy.IsZero() {
		return !r.Issued.After(s.IssuedBy)
	}
	return s.BegunBy.IsZero() || !r.Begun.After(s.BegunBy)
}

// Change is what Watch reports: a session that changed or ended.
type Change struct {
	Key     Key    // zero: changes may have been missed, look at everything again
	Version uint64 // the version after the change
	Reason  string // not empty: it ended
}

// Lease is the right, for a while, to be the only one who refreshes a session.
type Lease struct {
	ID    Key
	Fence uint64 // grows with every new grant of the same ID
}

// A Store keeps sessions. One Store value serves all requests of an instance;
// all its methods are safe for concurrent use. Instances that share a back end
// act as one: every atomicity named here holds across them.
//
// Bytes are handed over, not copied: after a call the Store owns rec.Sealed and rec.Refs.
// Neither Store nor caller ever writes to a slice that was passed to the Store or returned by
// it. Returned slices have no spare capacity, so that an append to them copies.
//
// A call whose ctx is done does nothing and returns the ctx's error. An argument that Check
// refuses is an error too and changes nothing. After any other system failure the change may
// have been made or not; the caller reads again. "Now" is the Store's own clock, except where
// a time is handed over.
//
// A Store can be printed while it works (%v, %+v): give it a Format method that prints a
// name. Without one fmt reads fields that other goroutines write.
//
// Package storetest runs this contract against any implementation.
type Store interface {
	// Load returns the record under key. For an ended session that is still remembered it
	// returns the record, End set, together with ErrEnded. Otherwise ErrNotFound. After
	// Create, Replace, Touch or End has returned, every later Load on this instance sees the
	// change at once, on other instances within a second. An ended session is remembered up
	// to and including End.Until.
	Load(ctx context.Context, key Key) (Record, error)

	// Create stores a new record as version 1. ErrConflict if the key is taken,
	// by a live or an ended session. ErrEnded if a tombstone (see End) covers one of
	// rec.Refs; if both apply, either answer. rec.Version and rec.End are ignored. Create and
	// End of the same Ref are serialised: the later one sees the earlier one, so no session
	// is missed.
	Create(ctx context.Context, rec Record) error

	// Replace puts rec in place of the record at rec.Version and makes it the
	// next version. ErrConflict if the record is at another version, ErrEnded if
	// it has ended or a tombstone covers one of rec.Refs that the record did not
	// have before, ErrNotFound if it is absent; in all these cases nothing is changed.
	// ErrEnded comes before ErrConflict. Owner, Begun and Issued stay as they were created.
	// Touch wins: if the stored Active is after rec.Active, the stored Active and Due stay,
	// else rec's are stored.
	Replace(ctx context.Context, rec Record) error

	// Touch moves Active and Due forward. It is monotonic: a call whose active
	// is not after the stored one changes nothing and is no error. The version
	// stays. ErrNotFound, ErrEnded as in Load. A Store may write touches late,
	// but not later than its documentation says.
	Touch(ctx context.Context, key Key, active, due time.Time) error

	// End ends every live session that sel matches. Each end and its memory are one atomic
	// step: from then on Load of it answers ErrEnded. The version stays. Due of an ended
	// record is end.At, so that Claim hands it out for cleaning up.
	//
	// With a Ref a tombstone is left as well, whether or not a session matched. Up to
	// and including end.Until no record can be created with that Ref for which one of
	// these holds:
	//
	//   - sel.BegunBy is zero, or Begun is not after it. Both are times of instances:
	//     this finds the log-in that was under way when the end came.
	//   - sel.IssuedBy and Issued are set, and Issued is before it. Both are times of
	//     the IdP: this finds that log-in where the clocks of the instances differ.
	//
	// A log-in that starts after the end gets its ID token after it, so neither holds.
	// ID tokens and logout tokens count whole seconds. If the two are of the same second, the
	// IdP's clock does not tell which came first, and only Begun decides: if such a tie
	// counted as "before", it would refuse a log-in that started after the end. (In Covers a
	// tie ends a live session.) So End can miss only one kind of log-in: its ID token is of
	// the log-out's second, and it began on an instance whose clock is ahead of that of the
	// instance that ends.
	//
	// A second tombstone on a Ref never weakens the first: each counts independently.
	//
	// It returns the records that this call ended, as they were before, with End set. Each
	// session is in the answer of exactly one End call of all instances. No match is no
	// error. A call that fails half-way returns, with the error, the records that it knows to
	// have ended; Claim returns the rest.
	End(ctx context.Context, sel Selector, end End) ([]Record, error)

	// List returns the live records under ref, in any order.
	List(ctx context.Context, ref Key) ([]Record, error)

	// Claim returns up to limit records of one owner, live or ended, whose Due is
	// set and not after now, the most overdue first, and moves their Due to now+hold in the
	// same step: within hold nobody else gets them. They are returned with the Due that they
	// had before. Claim finds expired sessions, and retries the clean-up after an end.
	//
	// In Claim a Store also deletes everything that is past its time, of any owner: ended
	// records, tombstones, ids, and live records whose Due passed Abandoned ago. The user of
	// a Store must call Claim regularly, for example each second.
	Claim(ctx context.Context, owner Key, now time.Time, hold time.Duration, limit int) ([]Record, error)

	// Settle replaces Sealed and Due of an ended record; a zero due means that
	// nothing remains to be done and the record only waits for End.Until.
	// ErrNotFound if there is no ended record under key.
	Settle(ctx context.Context, key Key, sealed []byte, due time.Time) error

	// Once answers nil the first time it is called with an id, and ErrConflict after that, up
	// to and including the given time.
	Once(ctx context.Context, id Key, until time.Time) error

	// Acquire grants the lease on id for ttl, or answers ErrConflict while
	// another holder has it. Renew makes it end ttl from now, Release gives it back; both
	// answer ErrConflict if l no longer holds the lease. After the ttl nobody holds it, even
	// if nobody else has acquired it.
	//
	// A Load that begins after Acquire has granted the lease sees, on this
	// instance, everything that a former holder wrote before its Release or before its lease
	// ran out, even if Watch reports it late.
	Acquire(ctx context.Context, id Key, ttl time.Duration) (Lease, error)
	Renew(ctx context.Context, l Lease, ttl time.Duration) error
	Release(ctx context.Context, l Lease) error

	// Watch calls fn for every Replace and End on any instance,
	// this one included, until ctx is done or the connection is lost; it returns
	// the reason, and the caller calls it again. Its first call is a Change with
	// a zero Key, as soon as it listens; another one follows whenever changes may
	// have been missed. After a loss of the connection the back end may have lost writes that
	// it had just acknowledged (a failover), so the caller ends again the sessions that it
	// ended shortly before. The calls come one after the other, none after Watch has
	// returned; a Load made in fn sees the change or a later one. fn must not block.
	Watch(ctx context.Context, fn func(Change)) error
}
