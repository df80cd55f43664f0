package rp

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/throttle"
	"github.com/tandem-sso/tandem/rp/reason"
)

// whyUnavailable are the lines in the log about requests that were answered with 503. What
// the Store fails to do is logged where it fails, so that one line has both.
var whyUnavailable = map[reason.Cause]string{
	reason.IdPSilent: "a request was answered with 503: the IdP does not answer",
	reason.IdPFails:  "a request was answered with 503: the IdP does not answer as it should",
	reason.Busy: "a request was answered with 503: this instance has reached a limit, is still working on the " +
		"answer, or is shutting down",
}

// journal tells the operator what the answers do not say. Strangers can cause its lines, so
// they are bounded; Config.Events hears of each.
type journal struct {
	log    *slog.Logger
	now    func() time.Time
	idp    *idp.Provider
	events *event.Handlers
	lines  throttle.Budget
}

// spend logs a line, or counts it.
func (j *journal) spend(line string, about ...any) {
	j.lines.Spend(j.log, j.now(), line, about...)
}

// refused tells of a log-in or a logout token that was refused.
func (j *journal) refused(what event.Refusal, err error) {
	j.spend(string(what), append([]any{"error", err}, j.clocks()...)...)
	if fn := j.events.Refused; fn != nil {
		fn(event.Refused{What: what, At: j.now(), Err: err})
	}
}

// clocks is the difference between the application's clock and that of the IdP, for the log; nothing
// if there is none.
func (j *journal) clocks() []any {
	if ahead := j.idp.Ahead(); ahead != 0 {
		return []any{"clock_ahead_of_idp", ahead.Round(time.Second)}
	}
	return nil
}

// unavailable tells the operator of an answer with 503, and of its cause. If the browser has
// hung up, nobody got the answer, so nothing is logged.
func (j *journal) unavailable(r *http.Request, e *UnavailableError) {
	if errors.Is(e.Err, context.Canceled) {
		return
	}
	if line := whyUnavailable[e.Cause]; line != "" {
		j.spend(line, "cause", string(e.Cause), "error", e.Err)
	}
	if fn := j.events.Unavailable; fn != nil {
		fn(r.Context(), event.Unavailable{At: j.now(), Cause: e.Cause, Err: e.Err})
	}
}
