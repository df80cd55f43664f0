package boltstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

// Defaults of Options.
const (
	DefaultFlushEvery = time.Second
	DefaultCacheBytes = 64 << 20
	DefaultLockWait   = time.Second
)

// ErrClosed is the system failure of every call after Close.
var ErrClosed = errors.New("boltstore: the store is closed")

// Options of a Store. The zero value is right for production.
type Options struct {
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// FlushEvery bounds how long a touch stays in memory only: after a crash a session's last
	// activity may be that much older. 0 means one second.
	FlushEvery time.Duration
	// CacheBytes bounds the records kept in memory for Load. 0 means 64 MiB.
	CacheBytes int
	// LockWait bounds how long Open waits for another process to release the file. 0 means
	// one second.
	LockWait time.Duration
}

func (o *Options) complete() error {
	if o.Now == nil {
		o.Now = time.Now
	}
	for _, f := range []struct {
		name string
		d    *time.Duration
		def  time.Duration
	}{
		{"FlushEvery", &o.FlushEvery, DefaultFlushEvery},
		{"LockWait", &o.LockWait, DefaultLockWait},
	} {
		if *f.d < 0 {
			return fmt.Errorf("boltstore: Options.%s is %v: it must not be negative", f.name, *f.d)
		}
		if *f.d == 0 {
			*f.d = f.def
		}
	}
	switch {
	case o.CacheBytes < 0:
		return fmt.Errorf("boltstore: Options.CacheBytes is %d: it must not be negative", o.CacheBytes)
	case o.CacheBytes == 0:
		o.CacheBytes = DefaultCacheBytes
	}
	return nil
}

// Store is a store.Store in one file.
type Store struct {
	path     string
	now      func() time.Time
	db       *bolt.DB
	shards   [shardCount]shard
	watchers storekit.Watchers

	ops        chan *op
	touched    chan struct{} // a touch waits for the disk
	failing    atomic.Bool   // the last write failed: no touch is kept in memory only
	flushEvery time.Duration
	closing    chan error // only ever closed
	closed     func() error
	stopped    chan struct{}

	abandonedFrom []byte // where forgetAbandoned goes on; the writer's
}

var (
	_ store.Store         = (*Store)(nil)
	_ store.CountingStore = (*Store)(nil)
)

// Open opens the file at path and creates it if it is missing. Close the Store
// when done with it.
func Open(path string, o Options) (*Store, error) {
	if path == "" {
		return nil, errors.New("boltstore: path is empty: name the file to keep the sessions in")
	}
	if err := o.complete(); err != nil {
		return nil, err
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: o.LockWait, FreelistType: bolt.FreelistMapType})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("boltstore: another process has %s open (only one can): %w", path, err)
	} else if err != nil {
		return nil, fmt.Errorf("boltstore: open %s: %w", path, err)
	}
	if err := db.Update(prepare); err != nil {
		return nil, errors.Join(fmt.Errorf("boltstore: prepare %s: %w", path, err), db.Close())
	}
	s := &Store{
		path: path, now: o.Now, db: db, flushEvery: o.FlushEvery,
		ops: make(chan *op, maxBatch), touched: make(chan struct{}, 1),
		closing: make(chan error), stopped: make(chan struct{}),
	}
	s.closed = sync.OnceValue(s.shutDown)
	for i := range s.shards {
		s.shards[i].init(o.CacheBytes / shardCount)
	}
	go s.run()
	return s, nil
}

// Close writes what is still in memory and closes the file. Calls in flight get
// ErrClosed or their answer.
func (s *Store) Close() error { return s.closed() }

func (s *Store) shutDown() error {
	close(s.closing)
	<-s.stopped
	err := s.flush()
	return errors.Join(err, s.db.Close())
}

// Format prints a name, by every verb: fmt must not read what other goroutines write.
func (s *Store) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "boltstore.Store("+s.path+")") }

func (s *Store) clock() int64 { return storekit.Millis(s.now()) }

// Watch implements store.Store.
func (s *Store) Watch(ctx context.Context, fn func(store.Change)) error {
	return s.watchers.Watch(ctx, s.closing, ErrClosed, fn)
}

// The buckets. Sealed bytes have their own, so that a touch rewrites only a
// small page.
var (
	bucketMeta   = []byte("meta")
	bucketHead   = []byte("head")   // key → storekit head
	bucketSealed = []byte("sealed") // key → sealed bytes
	bucketDue    = []byte("due")    // owner, due, key
	bucketRefs   = []byte("refs")   // ref, key: of live sessions
	bucketTombs  = []byte("tombs")  // ref, begun by, issued by → until
	bucketOnce   = []byte("once")   // id → until
	bucketLeases = []byte("leases") // id → fence, until
	bucketForget = []byte("forget") // until, kind, id: what to look at when that time has come
)

var keyLayout = []byte("layout")

// layout is that of the buckets and of what is in them. Layout 1 had no owners,
// layout 2 no IssuedBy of a tombstone.
const layout = 3

func prepare(tx *bolt.Tx) error {
	meta := tx.Bucket(bucketMeta)
	if meta == nil {
		if name, _ := tx.Cursor().First(); name != nil {
			return errors.New("it is a bolt file of something else: name another file")
		}
		for _, name := range [][]byte{bucketMeta, bucketHead, bucketSealed, bucketDue, bucketRefs,
			bucketTombs, bucketOnce, bucketLeases, bucketForget} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		return tx.Bucket(bucketMeta).Put(keyLayout, binary.BigEndian.AppendUint64(nil, layout))
	}
	return checkLayout(meta.Get(keyLayout))
}

// checkLayout refuses what this version cannot read. Nothing is converted: all
// that a new file costs is that people log in once more.
func checkLayout(v []byte) error {
	switch {
	case len(v) != 8:
		return errors.New("it is damaged, or a bolt file of something else: move it away, " +
			"and Open makes a new one in which everybody logs in anew")
	case binary.BigEndian.Uint64(v) < layout:
		return fmt.Errorf("an older version of Tandem wrote it (layout %d, this one reads %d): move it away, "+
			"and Open makes a new one in which everybody logs in anew", binary.BigEndian.Uint64(v), layout)
	case binary.BigEndian.Uint64(v) > layout:
		return fmt.Errorf("a newer version of Tandem wrote it (layout %d, this one reads %d): run that version, "+
			"or move the file away, and Open makes a new one in which everybody logs in anew",
			binary.BigEndian.Uint64(v), layout)
	}
	return nil
}
