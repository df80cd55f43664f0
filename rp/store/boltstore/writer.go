package boltstore

import (
	"context"
	"fmt"
	"time"
)

// maxBatch is how many calls share one commit, at most.
const maxBatch = 256

// op is a call that writes. All calls that wait while the disk is busy go into
// the next commit together, so that a commit's price is shared without making a
// single call wait for company (bolt's own Batch does).
type op struct {
	ctx  context.Context
	do   func(*txn) error // answers; a system failure goes to txn.fail
	err  error
	done chan struct{}
}

// write has do run in the next transaction and returns its answer once that is
// on disk.
func (s *Store) write(ctx context.Context, do func(*txn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o := &op{ctx: ctx, do: do, done: make(chan struct{})}
	select {
	case <-s.closing:
		return ErrClosed
	default:
	}
	select {
	case s.ops <- o:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closing:
		return ErrClosed
	}
	select {
	case <-o.done:
		return o.err
	case <-ctx.Done():
		return ctx.Err()
	case <-s.stopped:
		select {
		case <-o.done:
			return o.err
		default:
			return ErrClosed
		}
	}
}

// run is the only writer. Close ends it.
func (s *Store) run() {
	defer close(s.stopped)
	var flush <-chan time.Time
	for {
		select {
		case o := <-s.ops:
			_ = s.commit(s.gather(o), false) // each op has its error
		case <-s.touched:
			if flush == nil {
				flush = time.After(s.flushEvery)
			}
		case <-flush:
			flush = nil
			if s.flush() != nil {
				flush = time.After(s.flushEvery)
			}
		case <-s.closing:
			return
		}
	}
}

func (s *Store) gather(first *op) []*op {
	ops := []*op{first}
	for len(ops) < maxBatch {
		select {
		case o := <-s.ops:
			ops = append(ops, o)
		default:
			return ops
		}
	}
	return ops
}

func (s *Store) flush() error { return s.commit(nil, true) }

// commit runs ops in one transaction. If that fails, all of them have failed.
func (s *Store) commit(ops []*op, flush bool) error {
	err := s.transact(ops, flush)
	if err != nil {
		for _, o := range ops {
			o.err = err
		}
	}
	for _, o := range ops {
		close(o.done)
	}
	return err
}

func (s *Store) transact(ops []*op, flush bool) error {
	tx, err := s.db.Begin(true)
	if err != nil {
		return failure("write", err)
	}
	t := newTxn(s, tx)
	if flush {
		t.flush()
	}
	for _, o := range ops {
		if t.err != nil {
			break
		}
		if o.err = o.ctx.Err(); o.err == nil {
			o.err = o.do(t)
		}
	}
	t.forget(forgetPerWrite)
	switch {
	case t.err == nil && t.dirty:
		t.err = tx.Commit()
	default:
		if err := tx.Rollback(); t.err == nil {
			t.err = err
		}
	}
	s.failing.Store(t.err != nil)
	t.finish()
	return failure("write", t.err)
}

func failure(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("boltstore: %s: %w", what, err)
}
