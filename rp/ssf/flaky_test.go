package ssf_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/rp/ssf"
	"github.com/tandem-sso/tandem/rp/store"
)

// flaky is a store of which one method fails.
type flaky struct {
	store.Store
	mu  sync.Mutex
	bad string
}

var errStore = errors.New("the store is down")

func wrap(to **flaky) func(store.Store) store.Store {
	return func(s store.Store) store.Store {
		*to = &flaky{Store: s}
		return *to
	}
}

func (f *flaky) fail(method string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bad = method
}

func (f *flaky) err(method string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.bad == method {
		return errStore
	}
	return nil
}

func (f *flaky) End(ctx context.Context, s store.Selector, e store.End) ([]store.Record, error) {
	if err := f.err("End"); err != nil {
		return nil, err
	}
	return f.Store.End(ctx, s, e)
}

func (f *flaky) Once(ctx context.Context, id store.Key, until time.Time) error {
	if err := f.err("Once"); err != nil {
		return err
	}
	return f.Store.Once(ctx, id, until)
}

func subjectOf(broken *bool) func(context.Context, ssf.SubjectID) (string, error) {
	return func(_ context.Context, id ssf.SubjectID) (string, error) {
		if *broken {
			return "", errBroken
		}
		name, _, _ := strings.Cut(id.Email, "@")
		return name, nil
	}
}
