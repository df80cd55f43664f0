package rp

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// places counts the open event streams of this instance: all, and by session and
// subject.
type places struct {
	mu  sync.Mutex
	all int
	of  map[store.Key]int
}

// enter takes a place for a stream of a session; leave gives it back.
func (s *places) enter(session, subject store.Key, c *Config) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	tooMany := func(whose string) error {
		return &requestError{Status: http.StatusTooManyRequests, Code: "too_many_streams", RetryAfter: streamsRetry,
			Err: fmt.Errorf("%s has too many open event streams", whose)}
	}
	switch {
	case s.all >= c.MaxStreams:
		return &UnavailableError{RetryAfter: streamsRetry, Cause: reason.Busy,
			Err: errors.New("Config.MaxStreams is reached on this instance")}
	case s.of[session] >= c.MaxStreamsPerSession:
		return tooMany("this session")
	case s.of[subject] >= c.MaxStreamsPerSubject: // one account must not take all places
		return tooMany("this person")
	}
	s.all++
	s.of[session]++
	s.of[subject]++
	return nil
}

func (s *places) leave(session, subject store.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	for _, k := range []store.Key{session, subject} {
		if s.of[k]--; s.of[k] == 0 {
			delete(s.of, k)
		}
	}
}

const streamsRetry = 30 * time.Second
