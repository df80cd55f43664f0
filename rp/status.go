package rp

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/lifetime"
)

// Status is the answer of GET session. Durations are whole seconds from now,
// null where there is no such limit.
type Status struct {
	State   string `json:"state"` // live, ended or anonymous
	Reason  Reason `json:"reason"`
	Subject string `json:"subject"`
	// IdleSeconds: until inactivity ends the session, as far as this app can
	// vouch for it: its own idle limit, and the IdP's window since the last
	// confirmation. Another app may keep the IdP session alive for longer.
	IdleSeconds     *int64 `json:"idle_seconds"`
	AbsoluteSeconds *int64 `json:"absolute_seconds"`
	// WarnSeconds: until the person should be warned of the nearer of the two.
	WarnSeconds *int64 `json:"warn_seconds"`
}

// SessionStatus says how the session of a request stands. It never extends
// anything. Its error is an *UnavailableError.
func (p *RelyingParty) SessionStatus(r *http.Request) (Status, error) {
	key, ok := p.sessionKey(r.Header)
	if !ok {
		return Status{State: "anonymous"}, nil
	}
	st, err := p.load(r.Context(), key)
	return p.status(st, err)
}

func (p *RelyingParty) status(st *state, err error) (Status, error) {
	var ended *EndedError
	switch {
	case errors.As(err, &ended):
		return Status{State: "ended", Reason: ended.Reason}, nil
	case errors.Is(err, ErrAnonymous):
		return Status{State: "anonymous"}, nil
	case err != nil:
		return Status{}, err
	}
	now := p.now()
	st.rec.Active = p.agenda.latest(st.rec.Key, st.rec.Active)
	policy := p.policy(st)
	if d := lifetime.Decide(st.clocks(), policy, now, lifetime.Passive); d.End != lifetime.Live {
		return Status{State: "ended", Reason: reasons[d.End]}, nil // the sweeper is about to say so
	}
	limits := lifetime.Deadlines(st.clocks(), policy)
	s := Status{State: "live", Subject: st.data.Subject,
		IdleSeconds: until(limits.Idle(), now), AbsoluteSeconds: until(limits.Absolute, now)}
	s.WarnSeconds = until(lifetime.Warn(limits, st.clocks(), policy), now)
	return s, nil
}

func until(t, now time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	n := int64(max(t.Sub(now), 0) / time.Second)
	return &n
}

// ServeStatus answers with Status, always 200 unless the store cannot say.
func (p *RelyingParty) ServeStatus(w http.ResponseWriter, r *http.Request) error {
	s, err := p.SessionStatus(r)
	if err != nil {
		return err
	}
	noStore(w.Header())
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(s)
}

// ServeActivity notes that the person did something on the page. It takes POST
// from this origin only and answers with Status.
func (p *RelyingParty) ServeActivity(w http.ResponseWriter, r *http.Request) error {
	noStore(w.Header())
	if _, err := p.Authenticate(r.WithContext(WithClass(r.Context(), Active))); err != nil {
		return err
	}
	return p.ServeStatus(w, r)
}
