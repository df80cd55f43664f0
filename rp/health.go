package rp

import (
	"context"
	"crypto/rand"
	"errors"
	"sync/atomic"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

// Health says how an instance stands. As JSON it is fit for strangers: it says neither why
// nor where; the log does.
type Health struct {
	// Ready: requests are served as they should be. That is for the store to say, and false
	// once CloseStreams or Close was called. An IdP that is silent does not count: who is
	// logged in is served, and no other instance could do better.
	Ready bool `json:"ready"`
	Store bool `json:"store"` // the Store answers
	IdP   bool `json:"idp"`   // the IdP has answered within 30 s, or does now
}

const (
	healthWait  = 800 * time.Millisecond // shorter than what load balancers grant a probe: 1 s and more
	healthFresh = time.Second
)

// health is the last look at the store.
type health struct {
	probe  probe
	at     atomic.Int64 // milliseconds since 1970
	stored atomic.Bool
}

// Healthy looks whether the Store and the IdP answer. It is for readiness probes: cheap, as
// one look at the Store serves all who ask within a second, and done within 800 ms, however
// long others take.
func (p *RelyingParty) Healthy(ctx context.Context) Health {
	ctx, cancel := context.WithTimeout(ctx, healthWait)
	defer cancel()
	h := Health{Store: p.storeAnswers(ctx), IdP: p.answers(ctx)}
	h.Ready = h.Store && p.streaming.Err() == nil
	return h
}

func (p *RelyingParty) storeAnswers(ctx context.Context) bool {
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
func (p *RelyingParty) probeStore(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, healthWait)
	defer cancel()
	var nobodys store.Key
	_, _ = rand.Read(nobodys[:])
	_, err := p.cfg.Store.Load(ctx, nobodys)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		_ = p.storeFailed(err)
	}
	p.health.stored.Store(err == nil || errors.Is(err, store.ErrNotFound))
	p.health.at.Store(p.cfg.Now().UnixMilli())
}
