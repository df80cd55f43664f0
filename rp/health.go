package rp

import (
	"context"

	"github.com/tandem-sso/tandem/rp/internal/engine"
)

// Health is the state of an instance. Strangers may see it as JSON: it does not say why or
// where; the log does.
type Health struct {
	// Ready: requests are served normally: the Store answers, and neither CloseStreams nor
	// Close was called. An IdP that does not answer makes no difference.
	Ready bool `json:"ready"`
	Store bool `json:"store"` // the Store answers
	IdP   bool `json:"idp"`   // the IdP has answered within 30 s, or does now
}

// Healthy checks whether the Store and the IdP answer, for readiness probes. It asks the
// Store at most once a second, and answers within 800 ms.
func (p *RelyingParty) Healthy(ctx context.Context) Health {
	ctx, cancel := context.WithTimeout(ctx, engine.HealthWait)
	defer cancel()
	h := Health{Store: p.engine.StoreAnswers(ctx), IdP: p.engine.Answers(ctx)}
	h.Ready = h.Store && p.streams.ctx.Err() == nil
	return h
}
