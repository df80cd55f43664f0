package engine

import (
	"time"

	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
	"github.com/tandem-sso/tandem/rp/store"
)

// breaker is the circuit breaker of one client. An IdP that accepts calls and never
// answers would hold every session's request for as long as it may take: after three
// time-outs in a row one call at a time tries, and the rest are told at once. It is
// guarded by flights.mu.
type breaker struct {
	timeouts int  // in a row
	trying   bool // the one call is under way
	limited  []limit
	outage   bool // some sessions pause because of trouble at the IdP
}

// limit is one session's 429.
type limit struct {
	session store.Key
	at      time.Time
}

const (
	timeoutsToOpen = 3
	limitsToPause  = 3 // sessions with a 429 that make it the client's
	limitsWithin   = 10 * time.Second
)

// admit reports whether a call may be made now. If so the caller has to say how it went.
func (f *flights) admit(fl *flight) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.admits(fl)
}

// admitNow is admit once more for the flight of a session, which has waited since.
func (f *flights) admitNow(key store.Key) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	fl := f.flying[key]
	return fl == nil || f.admits(fl)
}

func (f *flights) admits(fl *flight) bool {
	if f.timeouts < timeoutsToOpen || fl.tries {
		return true
	}
	if f.trying {
		return false
	}
	f.trying, fl.tries = true, true
	return true
}

// went notes how a call of the IdP went.
func (f *flights) went(out *idp.Outcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case out.Err != nil && idp.TimedOut(out.Err):
		f.timeouts++
	case out.Fault == verdict.None || out.Fault == verdict.Malformed || out.Fault == verdict.OtherUser:
		f.timeouts = 0 // it answers
	}
}

// limitedAll notes a 429 for a session and reports whether it is the client's by now.
func (f *flights) limitedAll(session store.Key, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	recent := f.limited[:0]
	for _, l := range f.limited {
		if age := now.Sub(l.at); age >= 0 && age <= limitsWithin && l.session != session {
			recent = append(recent, l)
		}
	}
	f.limited = append(recent, limit{session, now})
	if n := len(f.limited); n > limitsToPause {
		f.limited = f.limited[n-limitsToPause:]
	}
	return len(f.limited) >= limitsToPause
}

// Went notes the outcome of a call that no flight has made.
func (p *Engine) Went(out *idp.Outcome) { p.flights.went(out) }
