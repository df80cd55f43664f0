// Package throttle bounds how often something may happen: for each session, and for each kind
// of line in the log.
package throttle

import (
	"sync"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

// Throttle bounds how often each session may ask for something: a burst, then
// one every interval (the generic cell rate algorithm: one time per session).
type Throttle struct {
	every time.Duration
	burst int

	mu     sync.Mutex
	full   map[store.Key]time.Time // when the session will have its burst back
	purged time.Time
}

func New(every time.Duration, burst int) *Throttle {
	return &Throttle{every: every, burst: burst, full: map[store.Key]time.Time{}}
}

// Take returns zero, or how long the session has to wait.
func (t *Throttle) Take(key store.Key, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	full := t.full[key]
	if full.Before(now) || full.Sub(now) > time.Duration(t.burst)*t.every { // the clock was set back
		full = now
	}
	if wait := full.Sub(now) - time.Duration(t.burst-1)*t.every; wait > 0 {
		return wait
	}
	if len(t.full) > 4096 && now.Sub(t.purged) > time.Second {
		t.purged = now
		for k, f := range t.full {
			if f.Before(now) {
				delete(t.full, k)
			}
		}
	}
	t.full[key] = full.Add(t.every)
	return 0
}
