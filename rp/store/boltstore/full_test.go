package boltstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/boltstore"
)

// A disk that is full is a system failure, not the end of a session: what was
// stored is still read, and once there is room everything works again.
func TestDiskFull(t *testing.T) { // C6
	cmd := startChild(t, "full", filepath.Join(t.TempDir(), "sessions.db"))
	if out, err := cmd.Output(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// room limits the size of every file that is written; a negative size lifts it.
func room(size int64) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	if limit.Cur = limit.Max; size >= 0 {
		limit.Cur = uint64(size)
	}
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
}

func fullChild(path string) error {
	signal.Ignore(syscall.SIGXFSZ) // then the write fails with EFBIG
	ctx := context.Background()
	s, err := boltstore.Open(path, boltstore.Options{FlushEvery: time.Hour})
	if err != nil {
		return err
	}
	var n int
	create := func() error {
		rec := record(n)
		rec.Sealed = make([]byte, store.MaxSealed)
		return s.Create(ctx, rec)
	}
	for ; n < 20; n++ {
		if err := create(); err != nil {
			return err
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := room(info.Size()); err != nil { // the file cannot grow
		return err
	}
	for err = error(nil); err == nil; n++ {
		if n > 2000 {
			return errors.New("2000 sessions fitted into a full disk")
		}
		err = create()
	}
	n-- // the one that did not fit
	if isAnswer(err) {
		return fmt.Errorf("Create on a full disk: %w", err)
	}
	if err := room(1); err != nil { // nor can a page in it be written
		return err
	}
	active := time.Now().Add(time.Minute)
	for i := range n { // all that were created are there
		if _, err := s.Load(ctx, nth('k', i)); err != nil {
			return fmt.Errorf("Load on a full disk: %w", err)
		}
	}
	if err := s.Touch(ctx, nth('k', 0), active, active); err == nil || isAnswer(err) {
		return fmt.Errorf("Touch on a full disk: %w", err)
	}
	end := store.End{Reason: "admin", At: time.Now(), Until: time.Now().Add(time.Hour)}
	if _, err := s.End(ctx, store.Selector{Key: nth('k', 1)}, end); err == nil || isAnswer(err) {
		return fmt.Errorf("End on a full disk: %w", err)
	}
	if _, err := s.Load(ctx, nth('k', 1)); err != nil {
		return fmt.Errorf("Load of a session that could not be ended: %w", err)
	}

	if err := room(-1); err != nil {
		return err
	}
	if err := s.Touch(ctx, nth('k', 0), active, active); err != nil {
		return fmt.Errorf("Touch when there is room again: %w", err)
	}
	if got, err := s.End(ctx, store.Selector{Key: nth('k', 1)}, end); err != nil || len(got) != 1 {
		return fmt.Errorf("End when there is room again: %d, %w", len(got), err)
	}
	if err := create(); err != nil {
		return fmt.Errorf("Create when there is room again: %w", err)
	}
	if err := s.Close(); err != nil {
		return err
	}

	if s, err = boltstore.Open(path, boltstore.Options{}); err != nil {
		return err
	}
	for i := range n + 1 {
		rec, err := s.Load(ctx, nth('k', i))
		switch {
		case i == 1 && !errors.Is(err, store.ErrEnded), i != 1 && err != nil:
			return fmt.Errorf("Load after all: %w", err)
		case i == 0 && rec.Active.UnixMilli() != active.UnixMilli():
			return errors.New("the touch is lost")
		}
	}
	return s.Close()
}

func isAnswer(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrEnded)
}
