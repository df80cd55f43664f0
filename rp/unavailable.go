package rp

import (
	"context"
	"errors"
	"net/http"

	"github.com/tandem-sso/tandem/rp/reason"
)

// whyUnavailable are the lines in the log about requests that were answered with 503. What
// the Store fails to do is logged where it fails, so that one line has both.
var whyUnavailable = map[reason.Cause]string{
	reason.IdPSilent: "a request was answered with 503: the IdP does not answer",
	reason.IdPFails:  "a request was answered with 503: the IdP does not answer as it should",
	reason.Busy: "a request was answered with 503: this instance is at a limit, " +
		"still at work on it, or shutting down",
}

// unavailable tells the operator of an answer with 503, and of its cause. Nobody has got
// one who has hung up.
func (p *RelyingParty) unavailable(r *http.Request, e *UnavailableError) {
	if errors.Is(e.Err, context.Canceled) {
		return
	}
	if line := whyUnavailable[e.Cause]; line != "" {
		p.refusals.Spend(p.log, p.engine.Now(), line, "cause", string(e.Cause), "error", e.Err)
	}
	if fn := p.cfg.Events.Unavailable; fn != nil {
		fn(r.Context(), UnavailableEvent{At: p.engine.Now(), Cause: e.Cause, Err: e.Err})
	}
}
