package lifetime

import "time"

// Kind says what a limit means for a page that watches the session.
type Kind uint8

const (
	// ByIdle: inactivity in this app ends the session; activity moves it.
	ByIdle Kind = iota
	// ByClock: the session ends whatever the person does.
	ByClock
	// ByTrust: until then Passive requests are served after the last confirmation. The session
	// does not end then: another app may have kept the IdP session alive, and the next Active
	// request asks.
	ByTrust
)

// Limit is one time at which something changes if nobody acts.
type Limit struct {
	Kind Kind
	End  End       // how the session will have ended; Live for ByTrust
	At   time.Time // never zero
	Warn time.Time // when the person should be warned
}

// Horizon lists what will happen to a session if nobody acts, so that a page can announce it.
// Decide decides by the same limits when they come.
func Horizon(s Session, p Policy) []Limit {
	var limits []Limit
	add := func(k Kind, e End, at time.Time, span time.Duration) {
		if !at.IsZero() {
			limits = append(limits, Limit{k, e, at, at.Add(-WarnBefore(span))})
		}
	}
	d := Deadlines(s, p)
	end := Absolute
	if d.Absolute.Equal(s.Ceiling) {
		end = Ceiling
	}
	add(ByIdle, Idle, d.LocalIdle, p.Idle)
	add(ByClock, end, d.Absolute, d.Absolute.Sub(s.Started))

	var trusted time.Time
	span := window(s, p)
	if span == 0 {
		span = passiveFactor * p.TrustFor
	}
	if p.TrustFor > 0 {
		trusted = s.Confirmed.Add(span)
	}
	if end != Ceiling && !s.Ceiling.IsZero() { // a signal can move it: the IdP wants to be asked then
		if life := s.Ceiling.Sub(s.Started); trusted.IsZero() || s.Ceiling.Before(trusted) {
			trusted, span = s.Ceiling, life
		}
	}
	add(ByTrust, Live, trusted, span)
	return limits
}
