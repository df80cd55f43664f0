package throttle

import (
	"log/slog"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

// Budget bounds the lines in the log that anybody can cause by asking: for each kind
// a burst, then one now and then that says how many were left out. So a flood of one
// kind hides neither the other kinds nor its own size.
type Budget struct {
	mu   sync.Mutex
	kind map[string]*budgetOf
}

type budgetOf struct {
	*Throttle
	left int // lines that were left out since the last one
}

const (
	budgetEvery = 10 * time.Second
	budgetBurst = 20
)

// Spend logs a line, or counts it. There are as many kinds as there are callers.
func (b *Budget) Spend(log *slog.Logger, now time.Time, kind string, about ...any) {
	b.mu.Lock()
	k := b.kind[kind]
	if k == nil {
		k = &budgetOf{Throttle: New(budgetEvery, budgetBurst)}
		if b.kind == nil {
			b.kind = map[string]*budgetOf{}
		}
		b.kind[kind] = k
	}
	if k.Take(store.Key{}, now) > 0 {
		k.left++
		b.mu.Unlock()
		return
	}
	left := k.left
	k.left = 0
	b.mu.Unlock()
	if left > 0 {
		about = append(about, "and_more", left)
	}
	log.Warn(kind, about...)
}
