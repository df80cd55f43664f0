package trial

import "time"

// maxFormer sessions are remembered: a logout token can be late.
const maxFormer = 8

// episode is one session at the IdP, as far as the app knows it.
type episode struct {
	sid   string // empty: the ID token had none
	begun time.Time
	live  bool // as far as known

	visit time.Time // of the browser at the IdP, the latest
	touch time.Time // the latest visit or call that succeeded
	gap   time.Duration
	told  map[string]time.Time     // calls that succeeded since the visit, by kind
	late  map[string]time.Duration // how long after the touch before it a call succeeded, at most, by kind

	doubt   bool      // login_required, but calls had succeeded just before
	asks    bool      // whether a refresh is refused now is to be asked, once
	ranOut  bool      // found by a question, without a logout token
	leftAt  time.Time // a log-out here
	tokenAt time.Time // a logout token, the latest
}

// visited begins a new count: the browser was at the IdP, which extends by itself.
func (e *episode) visited(at time.Time) {
	*e = episode{sid: e.sid, begun: e.begun, live: true, visit: at, touch: at, told: map[string]time.Time{},
		late: map[string]time.Duration{}, tokenAt: e.tokenAt}
}

// begin is a log-in. One with the sid of the present session is a visit of that.
func (j *journal) begin(sid string, at time.Time) {
	if p := &j.present; !p.begun.IsZero() && (sid == "" || sid != p.sid) {
		j.former = append(j.former, *p)
		j.former = j.former[max(0, len(j.former)-maxFormer):]
		*p = episode{}
	}
	if j.present.begun.IsZero() {
		j.present = episode{sid: sid, begun: at}
	}
	j.present.visited(at)
}

// meant is the session that a logout token is about: the one of its sid, or without sid the
// one that was there when the token was issued. Nil: none that is known.
func (j *journal) meant(sid string, issued time.Time) *episode {
	earlier := !issued.IsZero() && issued.Add(time.Second).Before(j.present.begun) // iat has whole seconds
	if sid == "" || j.present.sid == "" {
		if earlier && len(j.former) > 0 {
			return &j.former[len(j.former)-1]
		}
		return &j.present
	}
	if sid == j.present.sid {
		return &j.present
	}
	for i := len(j.former) - 1; i >= 0; i-- {
		if j.former[i].sid == sid {
			return &j.former[i]
		}
	}
	return nil
}
