package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

// Defaults of Options.
const (
	DefaultPrefix     = "tandem:"
	DefaultTimeout    = 2 * time.Second
	DefaultCacheBytes = 64 << 20
)

// Options of a Store. Only Client.InitAddress is required.
type Options struct {
	// Client says how to reach Redis: one server, Sentinel or Cluster, TLS and
	// credentials. rueidis.ParseURL makes it of a redis:// URL. Its fields that
	// have to do with caching and pub/sub are the Store's and must be unset.
	Client rueidis.ClientOption
	// Prefix starts every key and channel, so that several apps can share a
	// server. Empty means "tandem:". It must not contain braces.
	Prefix string
	// Timeout bounds every call to Redis, in addition to the caller's context.
	// 0 means 2 seconds.
	Timeout time.Duration
	// CacheBytes bounds the records that are kept in local memory. 0 means 64 MiB.
	CacheBytes int
	// WaitReplicas is how many replicas must have an end before End returns without
	// an error (WAIT); Timeout bounds the wait. It is for people to whom a log-out
	// that a failover undoes is worse than one that fails and is tried again. 0, the
	// default, demands none. See "Durability".
	WaitReplicas int
	// Now is the clock, for tests. nil means the server's, so that instances
	// whose clocks differ agree on leases and on what is forgotten. (Only a Load
	// compares End.Until with the instance's clock.)
	Now func() time.Time
}

func (o *Options) complete() error {
	if len(o.Client.InitAddress) == 0 {
		return errors.New("redisstore: Options.Client.InitAddress is empty: name at least one server, host:port")
	}
	c := &o.Client
	if c.OnInvalidations != nil || c.NewCacheStoreFn != nil || c.ClientTrackingOptions != nil || c.DisableCache ||
		c.AlwaysRESP2 || c.SendToReplicas != nil || c.ReplicaOnly {
		return errors.New("redisstore: Options.Client sets OnInvalidations, NewCacheStoreFn, ClientTrackingOptions, " +
			"DisableCache, AlwaysRESP2, SendToReplicas or ReplicaOnly: leave them unset")
	}
	if o.Prefix == "" {
		o.Prefix = DefaultPrefix
	}
	if strings.ContainsAny(o.Prefix, "{}") {
		return fmt.Errorf("redisstore: Options.Prefix is %q: it must not contain braces", o.Prefix)
	}
	if o.Timeout < 0 {
		return fmt.Errorf("redisstore: Options.Timeout is %v: it must not be negative", o.Timeout)
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.WaitReplicas < 0 {
		return fmt.Errorf("redisstore: Options.WaitReplicas is %d: it must not be negative", o.WaitReplicas)
	}
	if o.CacheBytes < 0 {
		return fmt.Errorf("redisstore: Options.CacheBytes is %d: it must not be negative", o.CacheBytes)
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = DefaultCacheBytes
	}
	return nil
}

// Store is a store.Store in Redis.
type Store struct {
	db       rueidis.Client // writes, scripts, pub/sub
	reader   rueidis.Client // reads records; the server tells it which have changed
	cache    *cache
	tracked  tracked
	prefix   string
	channel  string
	timeout  time.Duration
	replicas int              // Options.WaitReplicas
	now      func() time.Time // nil: the server's clock
	stop     context.CancelFunc
	stopped  chan struct{}
}

var (
	_ store.Store         = (*Store)(nil)
	_ store.CountingStore = (*Store)(nil)
)

// Open is New for a redis:// or rediss:// URL (rueidis.ParseURL says what it can
// contain), which replaces o.Client.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	client, err := rueidis.ParseURL(url)
	if err != nil {
		// err may quote the password
		return nil, errors.New("redisstore: the URL is not one of Redis: redis://user:password@host:port/db")
	}
	o.Client = client
	return New(ctx, o)
}

// New connects to Redis. Close the Store when done with it.
func New(ctx context.Context, o Options) (*Store, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := &Store{
		cache: newCache(o.CacheBytes), prefix: o.Prefix, timeout: o.Timeout, now: o.Now,
		channel: o.Prefix + "changes:" + strconv.Itoa(o.Client.SelectDB), replicas: o.WaitReplicas,
		tracked: tracked{ids: make(map[string]int64), moved: make(chan struct{})}, stopped: make(chan struct{}),
	}
	common := o.Client
	if common.Dialer.Timeout == 0 {
		common.Dialer.Timeout = o.Timeout
	}
	if common.ConnWriteTimeout == 0 {
		common.ConnWriteTimeout = max(2*o.Timeout, 2*time.Second) // a connection that is silent for so long is given up
	}
	if common.RetryDelay == nil {
		common.RetryDelay = retryDelay
	}
	if common.ReadBufferEachConn == 0 {
		common.ReadBufferEachConn = 64 << 10
	}
	if common.WriteBufferEachConn == 0 {
		common.WriteBufferEachConn = 64 << 10
	}

	db, reader := common, common
	db.DisableCache = true
	// Every read on the reader's connections is remembered by the server, which
	// sends a word when the record changes. One connection to each node, so that
	// an answer on it proves that all such words have arrived.
	reader.ClientTrackingOptions = []string{}
	reader.OnInvalidations = s.invalidated
	reader.PipelineMultiplex, reader.DisableAutoPipelining = -1, false
	var err error
	if s.db, err = rueidis.NewClient(db); err != nil {
		return nil, s.failure(ctx, o.hide(err))
	}
	if err := s.checkVersion(ctx); err != nil {
		s.db.Close()
		return nil, err
	}
	if s.reader, err = rueidis.NewClient(reader); err != nil {
		s.db.Close()
		return nil, s.failure(ctx, o.hide(err))
	}
	s.beat(ctx)
	run, stop := context.WithCancel(context.Background())
	s.stop = stop
	go s.heartbeat(run)
	return s, nil
}

// retryDelay lets a read be tried again on a new connection, shortly. Writes are
// never repeated: nobody knows whether they were done.
func retryDelay(attempts int, _ rueidis.Completed, _ error) time.Duration {
	if attempts > 3 {
		return -1
	}
	return time.Duration(attempts) * 5 * time.Millisecond
}

// Close ends the connections. Calls in flight fail.
func (s *Store) Close() error {
	s.stop()
	<-s.stopped
	s.reader.Close()
	s.db.Close()
	return nil
}

// clock is the time for a script: "" is the server's.
func (s *Store) clock() string {
	if s.now == nil {
		return ""
	}
	return decimal(storekit.Millis(s.now()))
}

func (s *Store) localTime() int64 {
	if s.now == nil {
		return time.Now().UnixMilli()
	}
	return storekit.Millis(s.now())
}

// roughTime is right to about a second. To look at a clock would cost half as much
// again as everything else in a hot Load.
func (s *Store) roughTime() int64 {
	if s.now == nil {
		return s.cache.seen.Load()
	}
	return storekit.Millis(s.now())
}
