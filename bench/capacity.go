package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/rueidis"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/internal/servertest"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/boltstore"
	"github.com/tandem-sso/tandem/rp/store/memstore"
	"github.com/tandem-sso/tandem/rp/store/pgstore"
	"github.com/tandem-sso/tandem/rp/store/redisstore"
)

// The tables of docs/capacity.md begin so (TestCapacityHasTheTables).
const (
	sizesHead   = "| store | bytes for a session | sessions for a GB |"
	signalsHead = "| store | signals a second | processor of the app for one | of Redis for one |"
	outageHead  = "| all are served after | calls at once | connections | logged out |"
	streamsHead = "| open streams | memory of the instance for one | processors for 10,000 |"
)

// capacity prints what docs/capacity.md reckons with, in that page's form: the size of a
// session in each store, signals per second, and what an open stream costs.
func capacity(ctx context.Context, sessions, signals, streams int) error {
	fmt.Printf("%s, %s/%s, %d cores, %s\n", time.Now().UTC().Format(time.DateOnly), runtime.GOOS, runtime.GOARCH,
		runtime.NumCPU(), runtime.Version())
	kept, closeAll, err := places(ctx)
	defer closeAll()
	if err != nil {
		return err
	}
	if err := sizes(ctx, kept, sessions); err != nil {
		return err
	}
	if err := signalled(ctx, kept, signals); err != nil {
		return err
	}
	return streamed(ctx, streams)
}

// place is a store and how many bytes it takes now.
type place struct {
	name string
	store.Store
	size func() (int64, error)
	busy func() (time.Duration, error) // processor time of its server; nil: not known
}

func places(ctx context.Context) (all []place, closeAll func(), err error) {
	var after cleanup
	closeAll = after.run
	heap := func() (int64, error) {
		debug.FreeOSMemory()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc), nil
	}
	all = append(all, place{"memstore, in the heap", memstore.New(memstore.Options{}), heap, nil})

	dir, err := os.MkdirTemp("", "tandem-bench-")
	if err != nil {
		return nil, closeAll, err
	}
	after.add(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "sessions.db")
	bolt, err := boltstore.Open(path, boltstore.Options{})
	if err != nil {
		return nil, closeAll, err
	}
	after.add(func() { _ = bolt.Close() })
	all = append(all, place{"boltstore, the file", bolt, func() (int64, error) {
		info, err := os.Stat(path)
		if err != nil {
			return 0, err
		}
		return info.Size(), nil
	}, nil})

	if server, err := startRedis(); err != nil {
		fmt.Println("(no Redis: those rows are left out)")
	} else {
		after.add(server.Close)
		client := rueidis.ClientOption{InitAddress: []string{server.Addr}}
		redis, err := redisstore.New(ctx, redisstore.Options{Client: client})
		if err != nil {
			return nil, closeAll, err
		}
		after.add(func() { _ = redis.Close() })
		client.DisableCache = true
		asker, err := rueidis.NewClient(client)
		if err != nil {
			return nil, closeAll, err
		}
		after.add(asker.Close)
		all = append(all, place{"Redis, `used_memory`", redis, func() (int64, error) {
			n, err := tells(ctx, asker, "memory", "used_memory")
			return int64(n), err
		}, func() (time.Duration, error) {
			user, err1 := tells(ctx, asker, "cpu", "used_cpu_user")
			system, err2 := tells(ctx, asker, "cpu", "used_cpu_sys")
			return time.Duration((user + system) * float64(time.Second)), errors.Join(err1, err2)
		}})
	}

	if server, err := servertest.StartPostgres(); err != nil {
		fmt.Println("(no PostgreSQL: those rows are left out)")
	} else {
		after.add(server.Close)
		pg, err := pgstore.Open(ctx, server.URL, pgstore.Options{Migrate: true})
		if err != nil {
			return nil, closeAll, err
		}
		after.add(func() { _ = pg.Close() })
		asker, err := pgx.Connect(ctx, server.URL)
		if err != nil {
			return nil, closeAll, err
		}
		after.add(func() { _ = asker.Close(context.WithoutCancel(ctx)) })
		const name = "PostgreSQL, tables and indexes, with what autovacuum has not tidied yet"
		all = append(all, place{name, pg, func() (n int64, err error) {
			err = asker.QueryRow(ctx, `SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c
				JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'tandem' AND c.relkind = 'r'`).Scan(&n)
			return n, err
		}, nil})
	}
	return all, closeAll, nil
}

// tells asks Redis for a number of INFO.
func tells(ctx context.Context, c rueidis.Client, section, name string) (float64, error) {
	text, err := c.Do(ctx, c.B().Info().Section(section).Build()).ToString()
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("Redis does not tell %s", name)
}

const sealedBytes = 3 << 10 // tokens, claims and some values of the app

// sizes creates sessions, replaces each once, as a refresh does, and prints what one takes.
func sizes(ctx context.Context, all []place, n int) error {
	fmt.Printf("\nA session of 3 KB sealed:\n\n%s\n|---|---|---|\n", sizesHead)
	for _, p := range all {
		before, err := p.size()
		if err != nil {
			return err
		}
		if err := populate(ctx, p, n); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		after, err := p.size()
		if err != nil {
			return err
		}
		each := (after - before) / int64(n)
		fmt.Printf("| %s | %s | %s |\n", p.name, thousands(each, 100), thousands(1_000_000_000/each, 1000))
	}
	return nil
}

// thousands writes a number as the page does, rounded to so many.
func thousands(n, to int64) string {
	text := strconv.FormatInt((n+to/2)/to*to, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func populate(ctx context.Context, s store.Store, n int) error {
	const workers = 16
	var wait sync.WaitGroup
	errs := make([]error, workers)
	for w := range workers {
		wait.Go(func() {
			for i := w; i < n && errs[w] == nil; i += workers {
				rec := newRecord()
				if errs[w] = s.Create(ctx, rec); errs[w] == nil {
					rec.Version, rec.Sealed = 1, newSealed()
					errs[w] = s.Replace(ctx, rec)
				}
			}
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

func newRecord() (rec store.Record) {
	now := time.Now()
	sid, sub := store.Key{}, store.Key{}
	for _, key := range []*store.Key{&rec.Key, &sid, &sub} {
		_, _ = rand.Read(key[:]) // never fails
	}
	rec.Owner = store.Key{1} // one app's
	rec.Refs, rec.Sealed = []store.Key{sid, sub}, newSealed()
	rec.Begun, rec.Issued, rec.Active, rec.Due = now, now, now, now.Add(24*time.Hour)
	return rec
}

// newSealed cannot be compressed, as what is sealed cannot.
func newSealed() []byte {
	b := make([]byte, sealedBytes)
	_, _ = rand.Read(b) // never fails
	return b
}

// signalled lets everybody be active when a signal is due, and prints how many signals an
// instance sends in a second. IdP and Redis or PostgreSQL take part on the same machine.
func signalled(ctx context.Context, all []place, n int) error {
	fmt.Printf("\n%d signals (refreshes) that are due at once, %d cores shared by all:\n\n%s\n|---|---|---|---|\n", n,
		runtime.NumCPU(), signalsHead)
	for _, p := range all {
		p.name, _, _ = strings.Cut(p.name, ",")
		if err := signalOne(ctx, p, n); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

func signalOne(ctx context.Context, p place, n int) error {
	var ahead atomic.Int64 // of the app's and the IdP's clock
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	idp, err := idpmock.New(idpmock.Config{Issuer: "http://127.0.0.1:8", Now: now, SigningAlg: "ES256",
		Clients: []idpmock.Client{{ID: "bench", Secret: "bench", RefreshTokens: true,
			RedirectURIs: []string{origin + "/auth/callback"}}}})
	if err != nil {
		return err
	}
	defer idp.Close()
	auth, err := rp.New(ctx, rp.Config{Issuer: idp.Issuer(), ClientID: "bench", ClientSecret: "bench", BaseURL: origin,
		Keys: rp.Keys{rp.NewKey()}, Store: p.Store,
		IDTokenAlg: "ES256", SignalEvery: 2 * time.Minute, TrustFor: 10 * time.Minute, Now: now,
		Logger:     slog.New(slog.DiscardHandler),
		HTTPClient: &http.Client{Transport: direct{idp.Handler()}}})
	if err != nil {
		return err
	}
	defer func() { _ = auth.Close() }()
	web := nethttpadapter.New(auth)
	page, cookies := web.RequireLogin(bare), make([]*http.Cookie, n)
	for i := range cookies {
		if cookies[i], err = signIn(ctx, idp, web.Endpoints()); err != nil {
			return err
		}
	}
	ahead.Store(int64(3 * time.Minute)) // due, and nobody has to wait for it
	before := idp.Count(idpmock.EndpointRefresh, "bench")
	busy := func() time.Duration {
		if p.busy == nil {
			return 0
		}
		d, _ := p.busy() // 0, if it does not tell
		return d
	}
	served := busy()
	began, used := time.Now(), processorTime()
	sent := func() bool { return idp.Count(idpmock.EndpointRefresh, "bench") >= before+n }
	for !sent() {
		// Who clicks again has no signal due any more, unless the first was given up.
		each(cookies, func(c *http.Cookie) bool { status, _ := click(page, c); return status == http.StatusOK })
		for clicked := time.Now(); !sent() && time.Since(clicked) < 10*time.Second; {
			time.Sleep(time.Millisecond)
		}
		if time.Since(began) > 5*time.Minute {
			return errors.New("not everybody's signal is sent")
		}
	}
	took, own := time.Since(began), processorTime()-used
	its := ""
	if p.busy != nil {
		its = milliseconds((busy() - served) / time.Duration(n))
	}
	fmt.Printf("| %s | %s | %s | %s |\n", p.name, thousands(int64(float64(n)/took.Seconds()), 10),
		milliseconds(own/time.Duration(n)), its)
	return nil
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.2g ms", d.Seconds()*1000) }

// streamed opens event streams over loopback and prints what one costs while nothing
// happens but heartbeats.
func streamed(ctx context.Context, n int) error {
	idp, err := idpmock.New(idpmock.Config{Issuer: "http://127.0.0.1:8", SigningAlg: "ES256",
		Clients: []idpmock.Client{{ID: "bench", Secret: "bench", RefreshTokens: true,
			RedirectURIs: []string{origin + "/auth/callback"}}}})
	if err != nil {
		return err
	}
	defer idp.Close()
	auth, err := rp.New(ctx, rp.Config{Issuer: idp.Issuer(), ClientID: "bench", ClientSecret: "bench", BaseURL: origin,
		Keys:  rp.Keys{rp.NewKey()},
		Store: memstore.New(memstore.Options{}), IDTokenAlg: "ES256", MaxStreamsPerSubject: n,
		Logger:     slog.New(slog.DiscardHandler),
		HTTPClient: &http.Client{Transport: direct{idp.Handler()}}})
	if err != nil {
		return err
	}
	defer func() { _ = auth.Close() }()
	endpoints := nethttpadapter.New(auth).Endpoints()
	server := httptest.NewServer(endpoints)
	server.Config.RegisterOnShutdown(auth.CloseStreams)
	defer server.Close()
	defer auth.CloseStreams()
	cookies := make([]*http.Cookie, n)
	for i := range cookies {
		if cookies[i], err = signIn(ctx, idp, endpoints); err != nil {
			return err
		}
	}
	before := memory()
	for _, c := range cookies {
		conn, err := listenOn(server.Listener.Addr().String(), c)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
	}
	after, used := memory(), processorTime()
	const watched = 30 * time.Second // two heartbeats
	time.Sleep(watched)
	share := (processorTime() - used).Seconds() / watched.Seconds() / float64(n) // of one processor
	fmt.Printf("\nStreams that have only their heartbeats:\n\n%s\n|---|---|---|\n| %s | %d KB | %.1f %% of one |\n",
		streamsHead, thousands(int64(n), 1), (after-before)/int64(n)/1000, share*10_000*100)
	return nil
}

func memory() int64 {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// listenOn opens a stream and reads its first event.
func listenOn(addr string, c *http.Cookie) (net.Conn, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(conn, "GET /auth/events HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n"+
		"Sec-Fetch-Site: same-origin\r\n"+
		"Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nCookie: %s=%s\r\n\r\n", addr, c.Name, c.Value); err != nil {
		return conn, err
	}
	in := bufio.NewReaderSize(conn, 16) // as small as it gets: it stays with the connection
	status, err := in.ReadString('\n')
	for line := status; err == nil && !strings.HasPrefix(line, "data:"); {
		line, err = in.ReadString('\n')
	}
	if err != nil || !strings.Contains(status, " 200 ") {
		return conn, fmt.Errorf("the stream: %q, %w", status, err)
	}
	return conn, nil
}
