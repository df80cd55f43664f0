package idpmock

import (
	"sync"
	"time"
)

// keepEvents is how many events [IDP.Events] returns at most.
const keepEvents = 4096

// EventKind says what happened.
type EventKind string

// The kinds of events.
const (
	EventSignIn EventKind = "sign-in" // credentials were entered: a session began or was renewed
	EventJoin   EventKind = "join"    // a client got a code for a session
	// EventSignal is a call that may extend the session. Outcome is "extended",
	// "uncoordinated" or, by a Temperament, "not extended" or "not checked".
	EventSignal   EventKind = "signal"
	EventRefused  EventKind = "refused"  // a call whose session is gone
	EventEnd      EventKind = "end"      // a session ended; Outcome is the [Cause]. With Client: only its part
	EventDelivery EventKind = "delivery" // an attempt to deliver a logout token; Outcome says how it went
	EventRevoked  EventKind = "revoked"  // a family of tokens was revoked; Outcome says why
	EventFault    EventKind = "fault"    // a fault was applied
)

// Event of a provider's life, in order.
type Event struct {
	Time     time.Time `json:"time"`
	Kind     EventKind `json:"kind"`
	Client   string    `json:"client,omitempty"`
	SID      string    `json:"sid,omitempty"` // of the session
	Subject  string    `json:"sub,omitempty"`
	Endpoint Endpoint  `json:"endpoint,omitempty"`
	Outcome  string    `json:"outcome,omitempty"`
	Deadline time.Time `json:"deadline,omitzero"` // of the session after a signal
}

type subscriber struct {
	ch   chan Event
	once sync.Once
}

func (s *subscriber) stop() { s.once.Do(func() { close(s.ch) }) }

// Subscribe returns a channel of events from now on and a function to end the
// subscription, which closes the channel, as Close does. A reader that is more
// than buffer events behind misses some: nothing here waits for it.
func (p *IDP) Subscribe(buffer int) (<-chan Event, func()) {
	s := &subscriber{ch: make(chan Event, max(buffer, 1))}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		s.stop()
		return s.ch, func() {}
	}
	p.subs[s.ch] = s
	return s.ch, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.subs, s.ch)
		s.stop()
	}
}

// Events returns the last events (at most 4096), oldest first.
func (p *IDP) Events() []Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Event{}, p.history[max(0, len(p.history)-keepEvents):]...)
}

// emit tells the subscribers. The caller holds mu.
func (p *IDP) emit(e Event) {
	e.Time = p.Now()
	if len(p.history) >= 2*keepEvents { // move rarely
		p.history = append(p.history[:0], p.history[keepEvents:]...)
	}
	p.history = append(p.history, e)
	for ch := range p.subs {
		select {
		case ch <- e:
		default:
		}
	}
}

func (p *IDP) notify(e Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.emit(e)
}
