package rp

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/internal/web"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// Status is the answer of GET session. Durations are whole seconds from now,
// null where there is no such limit.
type Status struct {
	State  string        `json:"state"` // live, ended or anonymous
	Reason reason.Reason `json:"reason"`
	// Cause is why the IdP ended the session, if it said so. QuietSeconds is how long nobody
	// was active here before the session ended. Of a live session Cause is "changed" while
	// the IdP's check_session_iframe has said so and the IdP has not been asked yet.
	Cause        reason.EndCause `json:"cause,omitempty"`
	QuietSeconds int64           `json:"quiet_seconds,omitempty"`
	Subject      string          `json:"subject"`
	// IdleSeconds: until inactivity ends the session, as far as this app knows. Another app
	// may keep the IdP session alive for longer.
	IdleSeconds     *int64 `json:"idle_seconds"`
	AbsoluteSeconds *int64 `json:"absolute_seconds"`
	// WarnSeconds: until the person should be warned of the nearer of the two.
	WarnSeconds *int64 `json:"warn_seconds"`
}

// pageStatus is what session.js gets.
type pageStatus struct {
	Status
	// Limits says the same in milliseconds and by kind.
	Limits []statusLimit `json:"limits,omitempty"`
	// ReportMS: how often, in milliseconds, a page that is used should POST
	// activity at the most.
	ReportMS int64 `json:"report_ms,omitempty"`
	// Confirm says how a page lets the person confirm the session: "activity" by
	// POST activity, "navigation" only by going to a page (SilentCheck).
	Confirm string `json:"confirm,omitempty"`

	// next is when the clock alone may change this, zero: never.
	next    time.Time
	version uint64
}

// statusLimit is one of the limits of a session.
type statusLimit struct {
	// Kind is "idle": inactivity in this app ends the session; "fixed": it ends in any case;
	// or "trust": so long the IdP's last word is good, which activity renews.
	Kind   string        `json:"kind"`
	Reason reason.Reason `json:"reason,omitempty"` // how it will have ended
	EndMS  int64         `json:"end_ms"`           // milliseconds from now, not negative
	WarnMS int64         `json:"warn_ms"`          // when the person should be told
}

// SessionStatus returns the state of the session of a request. It extends nothing; like any
// request, it ends a session whose time is up. Its error is an *UnavailableError.
func (p *RelyingParty) SessionStatus(r *http.Request) (Status, error) {
	s, err := p.streams.statuses.of(r)
	return s.Status, err
}

// statuses says how sessions stand.
type statuses struct {
	engine   *engine.Engine
	browsers *browsers
}

func (a *statuses) of(r *http.Request) (pageStatus, error) {
	key, ok := a.browsers.key(r.Header)
	if !ok {
		return anonymous, nil
	}
	return a.look(r.Context(), key)
}

// look says how a session stands.
func (a *statuses) look(ctx context.Context, key store.Key) (pageStatus, error) {
	for range 3 {
		st, err := a.engine.Load(ctx, key)
		if err == nil {
			var s pageStatus
			if s, err = a.status(ctx, a.engine.Vouched(ctx, st)); err == nil {
				return s, nil
			}
		}
		var ended *EndedError
		switch {
		case errors.As(err, &ended):
			return endedStatus(ended), nil
		case errors.Is(err, ErrAnonymous):
			return anonymous, nil
		case err != engine.ErrChanged:
			return pageStatus{}, err
		}
	}
	return pageStatus{}, engine.Busy(time.Second, "the session changes faster than it can be read")
}

var anonymous = pageStatus{Status: Status{State: "anonymous"}}

func endedStatus(e *EndedError) pageStatus {
	return pageStatus{Status: Status{State: "ended", Reason: e.Reason, Cause: e.Cause,
		QuietSeconds: int64(e.Quiet / time.Second)}}
}

func (a *statuses) status(ctx context.Context, st *engine.State) (pageStatus, error) {
	now := a.engine.Now()
	policy := a.engine.Policy(st)
	clocks := lifetime.Believable(st.Clocks(), now)
	if d := lifetime.Decide(clocks, policy, now, lifetime.Passive); d.End != lifetime.Live {
		return pageStatus{}, a.engine.Expire(ctx, st, d.End)
	}
	s := pageStatus{Status: Status{State: "live", Subject: st.Data.Subject}, Confirm: "activity",
		version: st.Rec.Version}
	if st.Data.Changed {
		s.Cause = "changed"
	}
	if a.engine.Means(st.Data) == engine.BySilentLogin {
		s.Confirm = "navigation"
	}
	limits := lifetime.Deadlines(clocks, policy)
	s.IdleSeconds, s.AbsoluteSeconds = until(limits.Idle(), now), until(limits.Absolute, now)
	s.WarnSeconds = until(lifetime.Warn(limits, clocks, policy), now)
	for _, l := range lifetime.Horizon(clocks, policy) {
		s.Limits = append(s.Limits, statusLimit{
			Kind: limitKinds[l.Kind], Reason: engine.Reasons[l.End],
			EndMS:  max(l.At.Sub(now), 0).Milliseconds(),
			WarnMS: max(l.Warn.Sub(now), 0).Milliseconds(),
		})
		if l.At.After(now) && (s.next.IsZero() || l.At.Before(s.next)) {
			s.next = l.At
		}
	}
	s.ReportMS = lifetime.ReportEvery(policy).Milliseconds()
	return s, nil
}

var limitKinds = [...]string{lifetime.ByIdle: "idle", lifetime.ByClock: "fixed", lifetime.ByTrust: "trust"}

func until(t, now time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	n := int64(max(t.Sub(now), 0) / time.Second)
	return &n
}

// serve answers with Status, always 200 unless the store cannot say.
func (a *statuses) serve(w http.ResponseWriter, r *http.Request) error {
	s, err := a.of(r)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, s)
}
