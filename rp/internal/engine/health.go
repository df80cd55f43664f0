package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"sync/atomic"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

const (
	HealthWait  = 800 * time.Millisecond // shorter than what load balancers grant a probe: 1 s and more
	healthFresh = time.Second
)

// health is the last look at the store.
type health struct {
	probe  probe
	at     atomic.Int64 // milliseconds since 1970
	stored atomic.Bool
}

func (p *Engine) StoreAnswers(ctx context.Context) bool {
	fresh := func() bool {
		since := time.Duration(p.cfg.Now().UnixMilli()-p.health.at.Load()) * time.Millisecond
		return since >= 0 && since < healthFresh
	}
	if !fresh() {
		p.share(ctx, &p.health.probe, p.probeStore)
	}
	return fresh() && p.health.stored.Load()
}

// probeStore asks for a session that nobody has: another one each time, lest a cache
// answers.
func (p *Engine) probeStore(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, HealthWait)
	defer cancel()
	var nobodys store.Key
	_, _ = rand.Read(nobodys[:])
	_, err := p.cfg.Store.Load(ctx, nobodys)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		_ = p.StoreFailed(err)
	}
	p.health.stored.Store(err == nil || errors.Is(err, store.ErrNotFound))
	p.health.at.Store(p.cfg.Now().UnixMilli())
}
