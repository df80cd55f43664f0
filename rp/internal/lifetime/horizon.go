package lifetime

import "time"

// Kind says what a limit means to somebody who watches the session.
type Kind uint8

const (
	// ByIdle: inactivity in this app ends the session; activity moves it.
	ByIdle Kind = iota
	// ByClock: the session ends whatever the person does.
	ByClock
	// ByTrust: so long the last confirmation is good for Passive requests. It is
	// no end: another app may have kept the IdP session alive, and the next Active
	// request finds out.
	ByTrust
)

// Limit is one instant of a Horizon.
type Limit struct {
	Kind Kind
	End  End       // how the session will have ended; Live for ByTrust
	At   time.Time // never zero
	Warn time.Time // when the person should hear of it
}

// Horizon lists what the clock alone will do to a session, for those who want to
// know beforehand; Decide says the same once it has happened.
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
	if end != Ceiling && !s.Ceiling.IsZero() { // it can still move: the IdP wants to be asked then
		if life := s.Ceiling.Sub(s.Started); trusted.IsZero() || s.Ceiling.Before(trusted) {
			trusted, span = s.Ceiling, life
		}
	}
	add(ByTrust, Live, trusted, span)
	return limits
}
