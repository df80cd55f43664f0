package boltstore_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/boltstore"
	"github.com/tandem-sso/tandem/rp/store/storetest"
)

// The variants wait for the disk most of the time, so they run side by side.
func TestContract(t *testing.T) {
	for name, o := range map[string]boltstore.Options{
		"Default": {}, "NothingInMemory": {CacheBytes: 1}, "FlushedAtOnce": {FlushEvery: time.Nanosecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(t *testing.T) storetest.Backend {
				clock, o := storetest.NewClock(), o
				o.Now = clock.Now
				s := open(t, filepath.Join(t.TempDir(), "sessions.db"), o)
				return storetest.Backend{Store: s, Now: clock.Now, Advance: clock.Advance}
			})
		})
	}
}

func TestSurvivesRestart(t *testing.T) {
	ctx, path := t.Context(), filepath.Join(t.TempDir(), "sessions.db")
	s := open(t, path, boltstore.Options{FlushEvery: time.Hour})
	for i := range 3 {
		if err := s.Create(ctx, record(i)); err != nil {
			t.Fatal(err)
		}
	}
	active := time.Now().Add(time.Minute).Truncate(time.Millisecond)
	if err := s.Touch(ctx, nth('k', 0), active, active.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	end := store.End{Reason: "admin", At: time.Now(), Until: time.Now().Add(time.Hour)}
	if _, err := s.End(ctx, store.Selector{Ref: nth('s', 1)}, end); err != nil {
		t.Fatal(err)
	}
	if err := s.Once(ctx, nth('o', 0), end.Until); err != nil {
		t.Fatal(err)
	}
	lease, err := s.Acquire(ctx, nth('l', 0), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	before, err := s.Load(ctx, nth('k', 2))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil { // writes the touch
		t.Fatal(err)
	}

	s = open(t, path, boltstore.Options{})
	if rec, err := s.Load(ctx, nth('k', 0)); err != nil || !rec.Active.Equal(active) {
		t.Errorf("Load: active %v, want %v; %v", rec.Active, active, err)
	}
	if rec, err := s.Load(ctx, nth('k', 2)); err != nil || !reflect.DeepEqual(rec, before) {
		rec.Sealed, before.Sealed = nil, nil
		t.Errorf("Load: %+v, %v\nin memory it was %+v", rec, err, before)
	}
	if _, err := s.Load(ctx, nth('k', 1)); !errors.Is(err, store.ErrEnded) {
		t.Errorf("Load of an ended session: %v", err)
	}
	again := record(7)
	again.Refs = []store.Key{nth('s', 1)}
	if err := s.Create(ctx, again); !errors.Is(err, store.ErrEnded) {
		t.Errorf("Create under a tombstone: %v", err)
	}
	if err := s.Once(ctx, nth('o', 0), end.Until); !errors.Is(err, store.ErrConflict) {
		t.Errorf("Once again: %v", err)
	}
	if _, err := s.Acquire(ctx, nth('l', 0), time.Hour); !errors.Is(err, store.ErrConflict) {
		t.Errorf("Acquire: %v", err)
	}
	if err := s.Release(ctx, lease); err != nil {
		t.Errorf("Release: %v", err)
	}
	if l, err := s.Acquire(ctx, nth('l', 0), time.Hour); err != nil || l.Fence <= lease.Fence {
		t.Errorf("Acquire: fence %d after %d, %v", l.Fence, lease.Fence, err)
	}
}

// What is over leaves the file.
func TestForgets(t *testing.T) {
	ctx, path, clock := t.Context(), filepath.Join(t.TempDir(), "sessions.db"), storetest.NewClock()
	s := open(t, path, boltstore.Options{Now: clock.Now})
	end := store.End{Reason: "admin", At: clock.Now(), Until: clock.Now().Add(time.Minute)}
	each(t, 100, func(i int) error {
		if err := s.Create(ctx, record(i)); err != nil {
			return err
		}
		if _, err := s.End(ctx, store.Selector{Ref: nth('s', i)}, end); err != nil {
			return err
		}
		if err := s.Once(ctx, nth('o', i), end.Until); err != nil {
			return err
		}
		l, err := s.Acquire(ctx, nth('l', i), time.Second)
		if err != nil {
			return err
		}
		return s.Renew(ctx, l, time.Minute)
	})
	clock.Advance(time.Hour)
	if _, err := s.Claim(ctx, owner, clock.Now(), time.Minute, 1); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := entries(t, path); n != 0 {
		t.Errorf("%d entries are left", n)
	}
}

// entries counts what is in a file that no Store has open.
func entries(t *testing.T, path string) (n int) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			if left := b.Stats().KeyN; left != 0 && string(name) != "meta" {
				t.Logf("%d entries are in %q", left, name)
				n += left
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	for want, o := range map[string]boltstore.Options{
		"Options.FlushEvery": {FlushEvery: -1},
		"Options.CacheBytes": {CacheBytes: -1},
		"Options.LockWait":   {LockWait: -1},
	} {
		if _, err := boltstore.Open(filepath.Join(dir, "a"), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want the name %s in it", err, want)
		}
	}
	if _, err := boltstore.Open("", boltstore.Options{}); err == nil {
		t.Error("an empty path is opened")
	}

	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("something else\n", 10_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(dir, "foreign")
	edit(t, foreign, func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("theirs")); return err })
	open(t, filepath.Join(dir, "taken"), boltstore.Options{})
	for _, name := range []string{"text", "foreign", "taken", "missing/dir"} {
		_, err := boltstore.Open(filepath.Join(dir, name), boltstore.Options{LockWait: time.Millisecond})
		if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, name)) {
			t.Errorf("%s: %v, want an error that names the file", name, err)
		}
	}
}

// A file of another version is refused, with what to do, and stays as it is.
func TestOpenRefusesOtherLayouts(t *testing.T) {
	for name, c := range map[string]struct {
		layout []byte
		want   []string
	}{
		"older":   {[]byte{7: 1}, []string{"older version", "layout 1", "reads 3", "move it away"}},
		"newer":   {[]byte{7: 4}, []string{"newer version", "layout 4", "reads 3", "run that version"}},
		"damaged": {[]byte{2}, []string{"damaged", "move it away"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "sessions.db")
			s := open(t, path, boltstore.Options{})
			if err := s.Create(t.Context(), record(1)); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			edit(t, path, func(tx *bolt.Tx) error { return tx.Bucket([]byte("meta")).Put([]byte("layout"), c.layout) })
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = boltstore.Open(path, boltstore.Options{})
			for _, want := range append(c.want, path) {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("Open: %v, want %q in it", err, want)
				}
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, before) {
				t.Errorf("the file was changed; %v", err)
			}
			if err := os.Rename(path, path+".old"); err != nil {
				t.Fatal(err)
			}
			if err := open(t, path, boltstore.Options{}).Create(t.Context(), record(1)); err != nil {
				t.Error(err)
			}
		})
	}
}

// edit changes a file that no Store has open.
func edit(t *testing.T, path string, do func(*bolt.Tx) error) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(do), db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestClose(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "sessions.db"), boltstore.Options{})
	watched := make(chan error, 1)
	first := make(chan struct{})
	go func() { watched <- s.Watch(context.Background(), func(store.Change) { close(first) }) }()
	<-first
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			for n := 0; ; n++ {
				if err := s.Create(context.Background(), record(i<<32|n)); errors.Is(err, boltstore.ErrClosed) {
					return
				} else if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	if err := s.Create(context.Background(), record(-1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if err := <-watched; !errors.Is(err, boltstore.ErrClosed) {
		t.Errorf("Watch: %v", err)
	}
	if _, err := s.Load(context.Background(), nth('k', -1)); !errors.Is(err, boltstore.ErrClosed) {
		t.Errorf("Load: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close again: %v", err)
	}
}
