package boltstore

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

// txn is one write transaction and what it does to the memory once it is on
// disk. The first failure sticks and undoes the whole of it.
type txn struct {
	s     *Store
	now   int64
	dirty bool
	err   error

	head, sealed, due, refs, tombs, once, leases, marks *bolt.Bucket

	states  map[store.Key]*state
	flushed []flushed
	changes []store.Change
}

// state is a session in the transaction: as it will be, and as the indexes have it.
type state struct {
	rec  *store.Record // nil: there is none
	due  []byte        // where bucketDue has it; nil: nowhere
	refs []store.Key   // in bucketRefs under them
	err  error         // what is stored cannot be read
}

// stored is the state of a session that the file has as r.
func stored(r *store.Record) state { return state{rec: r, due: dueKey(r), refs: liveRefs(r)} }

// liveRefs is what r is found under: an ended session under nothing.
func liveRefs(r *store.Record) []store.Key {
	if r.Ended() {
		return nil
	}
	return r.Refs
}

type flushed struct {
	key store.Key
	t   touch
}

func newTxn(s *Store, tx *bolt.Tx) *txn {
	return &txn{
		s: s, now: s.clock(), states: make(map[store.Key]*state),
		head: tx.Bucket(bucketHead), sealed: tx.Bucket(bucketSealed), due: tx.Bucket(bucketDue),
		refs: tx.Bucket(bucketRefs), tombs: tx.Bucket(bucketTombs), once: tx.Bucket(bucketOnce),
		leases: tx.Bucket(bucketLeases), marks: tx.Bucket(bucketForget),
	}
}

func (t *txn) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

func (t *txn) put(b *bolt.Bucket, key, value []byte) {
	if t.err == nil {
		t.dirty = true
		t.fail(b.Put(key, value))
	}
}

func (t *txn) del(b *bolt.Bucket, key []byte) {
	if t.err == nil {
		t.dirty = true
		t.fail(b.Delete(key))
	}
}

// fetch reads a record, nil if there is none.
func fetch(head, sealed *bolt.Bucket, key store.Key) (*store.Record, error) {
	b := head.Get(key[:])
	if b == nil {
		return nil, nil
	}
	r, _, _, err := storekit.ParseHead(b)
	if err != nil {
		return nil, fmt.Errorf("session %x…: %w", key[:4], err)
	}
	r.Key = key
	r.Sealed = slices.Clip(bytes.Clone(sealed.Get(key[:]))) // bolt's bytes live as long as the transaction
	return &r, nil
}

// load returns the state of a session. From then on touches of it wait. What is
// forgotten is absent. A record that cannot be read is the trouble of the call
// that wants it and not of the transaction, which does other calls' work as well.
func (t *txn) load(key store.Key) (*state, error) {
	if st := t.states[key]; st != nil {
		return st, st.err
	}
	st := new(state)
	t.states[key] = st
	touched := t.s.shard(&key).begin(&key)
	r, err := fetch(t.head, t.sealed, key)
	if err != nil {
		st.err = failure("read", err)
		return st, st.err
	}
	if r == nil {
		return st, nil
	}
	*st = stored(r)
	if touched != (touch{}) {
		touched.apply(r)
		t.save(st)
	}
	if r.Ended() && storekit.Millis(r.End.Until) < t.now {
		t.remove(st)
	}
	return st, nil
}

// save writes st.rec, all but Sealed, and puts the indexes right.
func (t *txn) save(st *state) {
	r := st.rec
	t.put(t.head, r.Key[:], storekit.AppendHead(nil, r, 0))
	t.indexDue(st, dueKey(r))
	refs := liveRefs(r)
	t.index(&r.Key, st.refs, refs)
	st.refs = refs
}

func (t *txn) putSealed(r *store.Record) { t.put(t.sealed, r.Key[:], r.Sealed) }

func (t *txn) remove(st *state) {
	key := st.rec.Key
	t.del(t.head, key[:])
	t.del(t.sealed, key[:])
	t.indexDue(st, nil)
	t.index(&key, st.refs, nil)
	*st = state{}
}

func (t *txn) indexDue(st *state, want []byte) {
	if bytes.Equal(st.due, want) {
		return
	}
	if st.due != nil {
		t.del(t.due, st.due)
	}
	if want != nil {
		t.put(t.due, want, nil)
	}
	st.due = want
}

func (t *txn) index(key *store.Key, have, want []store.Key) {
	for i := range have {
		if !slices.Contains(want, have[i]) {
			t.del(t.refs, refKey(&have[i], key))
		}
	}
	for i := range want {
		if !slices.Contains(have, want[i]) {
			t.put(t.refs, refKey(&want[i], key), nil)
		}
	}
}

// under lists the keys of the live sessions under ref.
func under(refs *bolt.Bucket, ref store.Key) (keys []store.Key) {
	c := refs.Cursor()
	for k, _ := c.Seek(ref[:]); bytes.HasPrefix(k, ref[:]); k, _ = c.Next() {
		keys = append(keys, store.Key(k[len(ref):]))
	}
	return keys
}

// flush writes all touches that are in memory only. Sessions that the
// transaction has loaded had theirs written then.
func (t *txn) flush() {
	for i := range t.s.shards {
		sh := &t.s.shards[i]
		sh.mu.RLock()
		from := len(t.flushed)
		for key, touched := range sh.touches {
			if t.states[key] == nil {
				t.flushed = append(t.flushed, flushed{key, touched})
			}
		}
		sh.mu.RUnlock()
		for _, f := range t.flushed[from:] {
			t.flushOne(f)
		}
	}
}

func (t *txn) flushOne(f flushed) {
	b := t.head.Get(f.key[:])
	if b == nil {
		return
	}
	r, _, _, err := storekit.ParseHead(b)
	if err != nil || r.Ended() || storekit.Millis(r.Active) >= f.t.active {
		return
	}
	r.Key = f.key
	st := stored(&r)
	f.t.apply(&r)
	t.save(&st)
}

// finish carries the outcome into memory and tells the watchers.
func (t *txn) finish() {
	for key, st := range t.states {
		if sh := t.s.shard(&key); t.err != nil {
			sh.abandon(&key)
		} else {
			sh.finish(&key, st.rec)
		}
	}
	if t.err != nil {
		return
	}
	for _, f := range t.flushed {
		t.s.shard(&f.key).flushed(&f.key, f.t)
	}
	for _, c := range t.changes {
		t.s.watchers.Tell(c)
	}
}

func refKey(ref, key *store.Key) []byte {
	return append(append(make([]byte, 0, 64), ref[:]...), key[:]...)
}

func number(b []byte) int64 {
	if len(b) < 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(b))
}

func bytesOf(numbers ...int64) (b []byte) {
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return b
}
