package keyset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
)

type fetch struct {
	began  time.Time
	url    string
	cancel context.CancelFunc
	done   chan struct{}
	late   chan struct{} // closed when nobody who has old keys should wait any longer
	err    error
}

// refresh fetches the keys unless somebody has begun to since seen; callers at
// the same time share one fetch, and asked tells who has begun it. Who has old keys
// does not wait for a slow one.
func (s *Set) refresh(ctx context.Context, seen time.Time, haveOld bool) (asked bool, err error) {
	s.mu.Lock()
	f := s.current
	if f == nil && !s.tried.Equal(seen) {
		s.mu.Unlock()
		return false, nil // somebody fetched between our look and now
	}
	if f == nil {
		asked = true
		f = s.startLocked(ctx)
	}
	s.mu.Unlock()
	var late <-chan struct{}
	if haveOld {
		late = f.late
	}
	select {
	case <-f.done:
		return asked, f.err
	case <-late:
		return asked, errLate
	case <-ctx.Done():
		return asked, ctx.Err()
	}
}

var errLate = errors.New("keyset: the fetch takes too long")

func (s *Set) startLocked(ctx context.Context) *fetch {
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	f := &fetch{began: s.now(), url: s.url, cancel: cancel, done: make(chan struct{}), late: make(chan struct{})}
	s.current, s.tried = f, f.began
	slow := time.AfterFunc(patience, func() { close(f.late) })
	go func() {
		defer slow.Stop()
		s.run(own, f)
	}()
	return f
}

// Stop ends a fetch that is under way and waits for it.
func (s *Set) Stop() {
	s.mu.Lock()
	f := s.current
	s.mu.Unlock()
	if f != nil {
		f.cancel()
		<-f.done
	}
}

func (s *Set) run(ctx context.Context, f *fetch) {
	defer f.cancel()
	keys, fresh, err := s.fetch(ctx, f.url)
	s.mu.Lock()
	moved := s.url != f.url // meanwhile: these may be another set's
	goOn := s.read.Add(keep)
	stale := err != nil && len(s.keys) > 0 && !s.now().Before(s.due)
	switch {
	case err == nil && moved:
	case err == nil:
		s.keys, s.read, s.due = keys, f.began, f.began.Add(fresh)
	case stale:
		s.due = s.now().Add(again)
	}
	f.err, s.failed = err, err
	s.mu.Unlock()
	if stale && s.Trouble != nil { // before the end, which Stop waits for
		s.Trouble(err, goOn)
	}
	if err == nil && !moved && s.News != nil {
		ids := make([]string, len(keys))
		for i, k := range keys {
			ids[i] = k.KeyID
		}
		s.News(ids)
	}
	s.mu.Lock()
	s.current = nil
	s.mu.Unlock()
	close(f.done)
}

func (s *Set) fetch(ctx context.Context, url string) ([]jose.JSONWebKey, time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, 0, err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, 0, fmt.Errorf("jwks_uri answered %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return nil, 0, err
	}
	if len(body) > maxBody {
		return nil, 0, fmt.Errorf("jwks_uri answered more than %d bytes", maxBody)
	}
	keys, err := Parse(body)
	return keys, freshness(resp.Header), err
}
