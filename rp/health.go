package rp

import (
	"context"

	"github.com/tandem-sso/tandem/rp/internal/engine"
)

// Health says how an instance stands. As JSON it is fit for strangers: it says neither why
// nor where; the log does.
type Health struct {
	// Ready: requests are served as they should be: the Store answers, and neither
	// CloseStreams nor Close was called. An IdP that is silent does not count.
	Ready bool `json:"ready"`
	Store bool `json:"store"` // the Store answers
	IdP   bool `json:"idp"`   // the IdP has answered within 30 s, or does now
}

// Healthy looks whether the Store and the IdP answer, for readiness probes: at most one
// look at the Store a second, done within 800 ms.
func (p *RelyingParty) Healthy(ctx context.Context) Health {
	ctx, cancel := context.WithTimeout(ctx, engine.HealthWait)
	defer cancel()
	h := Health{Store: p.engine.StoreAnswers(ctx), IdP: p.engine.Answers(ctx)}
	h.Ready = h.Store && p.streams.ctx.Err() == nil
	return h
}
