package rp

import (
	"context"

	"github.com/tandem-sso/tandem/rp/internal/engine"
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

// Healthy looks whether the Store and the IdP answer. It is for readiness probes: cheap, as
// one look at the Store serves all who ask within a second, and done within 800 ms, however
// long others take.
func (p *RelyingParty) Healthy(ctx context.Context) Health {
	ctx, cancel := context.WithTimeout(ctx, engine.HealthWait)
	defer cancel()
	h := Health{Store: p.engine.StoreAnswers(ctx), IdP: p.engine.Answers(ctx)}
	h.Ready = h.Store && p.streaming.Err() == nil
	return h
}
