package system

import (
	"slices"
	"sync"
	"time"
)

// Kind says what an event means for the sessions.
type Kind string

// The kinds.
const (
	Active    Kind = "active"    // a person did something in an app
	Passive   Kind = "passive"   // a page asked by itself
	Login     Kind = "login"     // a session began
	Told      Kind = "told"      // a call that extended the IdP session
	Asked     Kind = "asked"     // a call that extended nothing
	Refused   Kind = "refused"   // a call that showed: the session is over
	Ended     Kind = "ended"     // a session ended
	Delivered Kind = "delivered" // a logout token arrived
	Lost      Kind = "lost"      // a logout token did not arrive
	Trouble   Kind = "trouble"   // something failed that is not a verdict
	Control   Kind = "control"   // somebody moved the clock or broke something
	Step      Kind = "step"      // a step of a story begins
)

// Event is one line of the log. From and To are lanes; To is empty for what
// happens in one place.
type Event struct {
	ID      int64     `json:"id"`
	At      time.Time `json:"at"` // by the demo's clock
	Kind    Kind      `json:"kind"`
	From    string    `json:"from"`
	To      string    `json:"to,omitempty"`
	Title   string    `json:"title"`
	Text    string    `json:"text,omitempty"`
	Clause  string    `json:"clause,omitempty"` // of the contract
	Reason  string    `json:"reason,omitempty"`
	Session string    `json:"session,omitempty"` // in an app
	SID     string    `json:"sid,omitempty"`     // at the IdP
	Subject string    `json:"subject,omitempty"`
}

// KeepEvents is how many events a Log holds; older ones are forgotten.
const KeepEvents = 5000

// Log is the demo's log of what told, asked, refused and ended: the control room draws it,
// stories are checked against it. It is safe for concurrent use. Nobody who appends waits for a reader.
type Log struct {
	mu     sync.Mutex
	events []Event
	last   int64
	epoch  int           // how often Clear was called
	more   chan struct{} // closed and renewed at every event
}

// NewLog returns an empty log.
func NewLog() *Log { return &Log{more: make(chan struct{})} }

// Add appends an event and gives it its ID.
func (l *Log) Add(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	e.ID = l.last
	if len(l.events) >= 2*KeepEvents { // move rarely
		l.events = append(l.events[:0:0], l.events[len(l.events)-KeepEvents:]...)
	}
	l.events = append(l.events, e)
	close(l.more)
	l.more = make(chan struct{})
}

// Part of a log. More is closed when there are more events, or none any more.
type Part struct {
	Epoch  int // rises when the log is cleared
	Events []Event
	More   <-chan struct{}
}

// Since returns the events after id, at most Keep, and a channel that is closed
// when there are more.
func (l *Log) Since(id int64) ([]Event, <-chan struct{}) {
	part := l.Read(id)
	return part.Events, part.More
}

// Read returns the events after id, at most Keep.
func (l *Log) Read(id int64) Part {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, _ := slices.BinarySearchFunc(l.events, id+1, func(e Event, id int64) int { return int(e.ID - id) })
	return Part{l.epoch, slices.Clone(l.events[max(i, len(l.events)-KeepEvents):]), l.more}
}

// Epoch tells how often the log was cleared.
func (l *Log) Epoch() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.epoch
}

// Clear forgets all events; their IDs are not used again.
func (l *Log) Clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = nil
	l.epoch++
	close(l.more)
	l.more = make(chan struct{})
}
