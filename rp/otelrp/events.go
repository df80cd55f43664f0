package otelrp

import (
	"context"

	"github.com/tandem-sso/tandem/rp/event"
)

// events counts what is told, and tells it on.
func (m *meters) events(to event.Handlers) event.Handlers {
	no := context.Background() // these are about no request
	return event.Handlers{
		Login: then(func(event.Login) { m.logins.Add(no, 1, m.with()) }, to.Login),
		Signal: then(func(e event.Signal) {
			m.signals.Add(no, 1, m.with("how", e.How, "verdict", e.Verdict))
			if e.Verdict == "ok" {
				m.lag.Record(no, e.Lag.Seconds(), m.with("how", e.How))
			}
		}, to.Signal),
		End: then(func(e event.End) {
			m.ends.Add(no, 1, m.with("reason", string(e.Reason), "cause", string(e.Cause)))
			if !e.Begun.IsZero() {
				m.lasted.Record(no, max(e.At.Sub(e.Begun), 0).Seconds(), m.with("reason", string(e.Reason)))
			}
		}, to.End),
		Refused:     then(func(e event.Refused) { m.refused.Add(no, 1, m.with("what", string(e.What))) }, to.Refused),
		StoreFailed: to.StoreFailed, // the Store's own measurements have it
		MassLogout:  then(func(event.MassLogout) { m.massLogouts.Add(no, 1, m.with()) }, to.MassLogout),
		KeysRead:    then(func(event.KeysRead) { m.keysRead.Add(no, 1, m.with()) }, to.KeysRead),
		Unavailable: thenIn(func(ctx context.Context, e event.Unavailable) {
			m.unavailable.Add(ctx, 1, m.with("cause", string(e.Cause)))
		}, to.Unavailable),
		Timed:  thenIn(m.timed, to.Timed),
		Stream: then(func(change int) { m.streams.Add(no, int64(change), m.with()) }, to.Stream),
	}
}

func (m *meters) timed(ctx context.Context, e event.Timed) {
	switch took := e.Took.Seconds(); e.What {
	case event.TimedWait:
		m.waited.Record(ctx, took, m.with("outcome", e.Outcome))
	case event.TimedLogoutToken:
		m.logoutTokens.Record(ctx, took, m.with("outcome", e.Outcome))
	case event.TimedPage:
		m.pages.Record(ctx, took, m.with("reason", e.Outcome))
	}
}

// then calls both, the second one if it is there.
func then[E any](first, second func(E)) func(E) {
	if second == nil {
		return first
	}
	return func(e E) { first(e); second(e) }
}

func thenIn[E any](first, second func(context.Context, E)) func(context.Context, E) {
	if second == nil {
		return first
	}
	return func(ctx context.Context, e E) { first(ctx, e); second(ctx, e) }
}
