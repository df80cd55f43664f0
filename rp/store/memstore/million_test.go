package memstore

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"runtime"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

const sealedBytes = 3 << 10

// nth returns the same key for the same numbers.
func nth(kind byte, i int) store.Key {
	var b [9]byte
	b[0] = kind
	binary.BigEndian.PutUint64(b[1:], uint64(i))
	return sha256.Sum256(b[:])
}

// filled returns a store with n sessions; a subject has two of them.
func filled(tb testing.TB, n int, now func() time.Time) *Store {
	s := New(Options{Now: now})
	at := now()
	for i := range n {
		err := s.Create(context.Background(), store.Record{
			Key: nth('k', i), Owner: store.Key{1}, Refs: []store.Key{nth('s', i), nth('u', i/2)},
			Sealed: make([]byte, sealedBytes),
			Begun:  at, Active: at, Due: at.Add(time.Duration(i%1000) * time.Second),
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
	return s
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A million sessions of 3 KB: at most 400 bytes each beside the sealed bytes,
// and no lock is held for 1 ms while they are swept. Under the race detector it
// is a smaller number, and its time says nothing.
func TestMillion(t *testing.T) {
	n := 1_000_000
	if raceEnabled || testing.Short() {
		n = 30_000
	}
	now := time.Now()
	before := heap()
	s := filled(t, n, func() time.Time { return now })
	overhead := float64(heap()-before)/float64(n) - sealedBytes
	t.Logf("%d sessions: %.0f bytes each beside the sealed bytes", n, overhead)
	if overhead > 400 {
		t.Errorf("overhead is %.0f bytes a session, want at most 400", overhead)
	}

	// Each kind of sweep three times: what the collector of garbage has us do
	// strikes another shard each time, what the code does strikes the same one.
	var h holds
	for round := range 3 {
		// Everybody was active: each entry has to find its new place.
		now = now.Add(time.Hour)
		for i := range n {
			if err := s.Touch(context.Background(), nth('k', i), now, now.Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
		h.sweep(s, round, now, 0)
	}
	for round := range 3 {
		now = now.Add(2 * time.Hour)
		if got := h.sweep(s, 3+round, now, n); got != n {
			t.Fatalf("%d claimed, want %d", got, n)
		}
	}
	h.report(t, "put off", 0)
	h.report(t, "claim", 3)

	start := time.Now()
	end := store.End{Reason: "admin", At: now, Until: now.Add(time.Minute)}
	for i := range n {
		if _, err := s.End(context.Background(), store.Selector{Ref: nth('u', i/2)}, end); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("ended one by one: %v each", time.Since(start)/time.Duration(n))
	now = now.Add(time.Hour)
	h.sweep(s, 6, now, 0)
	if raceEnabled {
		return
	}
	if left := float64(heap()-before) / float64(n); left > 300 { // maps keep their buckets
		t.Errorf("%.0f bytes a session are left after all is forgotten", left)
	}
	runtime.KeepAlive(s)
}

// holds measures every single hold of a lock in a sweep.
type holds struct {
	longest [7][shardCount]time.Duration
	took    [7]time.Duration
}

// sweep is Claim with a stop-watch around each step.
func (h *holds) sweep(s *Store, round int, now time.Time, limit int) (claimed int) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := time.Now()
	c := claim{owner: s.owned(store.Key{1}), now: storekit.Millis(now), clock: s.clock()}
	c.until = c.now + 1000
	for i := range shardCount {
		last := threadTime()
		hold := func() {
			t := threadTime()
			h.longest[round][i] = max(h.longest[round][i], t-last)
			last = t
		}
		for more := true; more; hold() {
			more = s.refs[i].forgetStep(c.clock)
		}
		for more := true; more; hold() {
			var gone []*entry
			gone, more = s.sessions[i].abandonStep(c.clock - store.Abandoned.Milliseconds())
			for _, e := range gone {
				hold()
				s.unlink(e.refs, e)
			}
		}
		for more := true; more; hold() {
			more = s.sessions[i].forgetStep(c.clock)
		}
		for more := true; more; hold() {
			_, more = s.sessions[i].firstStep(&c)
		}
		for ok := claimed < limit; ok; hold() {
			if _, ok = s.sessions[i].takeStep(&c); ok {
				claimed++
			}
		}
	}
	h.took[round] = time.Since(start)
	return claimed
}

func (h *holds) report(t *testing.T, kind string, from int) {
	var longest time.Duration
	for i := range shardCount {
		longest = max(longest, min(h.longest[from][i], h.longest[from+1][i], h.longest[from+2][i]))
	}
	t.Logf("sweep, %s: %v in all, longest hold of a lock %v", kind, h.took[from:from+3], longest)
	if !raceEnabled && longest > time.Millisecond {
		t.Errorf("%s: a lock was held for %v", kind, longest)
	}
}
