package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/store"
)

// API-01b: an API is blamed for one session, for a minute at least, and no longer if a clock is set
// back. Of so many that nothing has a place any more those give way that are over; the others stay.
func TestBlames(t *testing.T) {
	now := morning
	p := &Engine{private: &private{Config{Kind: NoToken, Now: func() time.Time { return now }}},
		log: slog.New(slog.DiscardHandler), blames: blames{of: map[blameKey]blame{}}}
	session := func(n int) *State { return &State{Rec: store.Record{Key: numbered(n)}, Data: new(record.Data)} }
	p.Blame("https://api", session(0))
	if !p.Blamed("https://api", session(0)) || p.Blamed("https://other", session(0)) || p.Blamed("https://api",
		session(1)) {
		t.Error("it is another one's blame")
	}
	if now = morning.Add(-time.Millisecond); p.Blamed("https://api", session(0)) {
		t.Error("a clock that was set back prolongs it")
	}
	if now = morning.Add(time.Minute - time.Millisecond); !p.Blamed("https://api", session(0)) {
		t.Error("it is over too early")
	}
	if now = morning.Add(time.Minute); p.Blamed("https://api", session(0)) {
		t.Error("it lasts for ever")
	}
	now = morning.Add(2 * time.Minute)
	for n := 1; n < maxBlames; n++ {
		p.Blame("https://api", session(n))
	}
	p.Blame("https://api", session(maxBlames)) // in place of the first one
	p.Blame("https://api", session(maxBlames+1))
	if !p.Blamed("https://api", session(1)) || !p.Blamed("https://api", session(maxBlames)) ||
		p.Blamed("https://api", session(maxBlames+1)) || len(p.blames.of) != maxBlames {
		t.Errorf("%d are remembered", len(p.blames.of))
	}
}

// An API for which a session gets no token is not asked for again for a while. A clock that was
// set back ends that.
func TestDenials(t *testing.T) {
	d := &denials{of: map[denialKey]denial{}}
	k := func(n int) denialKey { return denialKey{numbered(n), "api"} }
	d.note(k(0), morning, time.Minute, errDown)
	for after, want := range map[time.Duration]error{0: errDown, time.Minute - 1: errDown, time.Minute: nil, -1: nil} {
		if got := d.said(k(0), morning.Add(after)); !errors.Is(got, want) {
			t.Errorf("after %v: %v", after, got)
		}
	}
	if d.said(denialKey{numbered(0), "other"}, morning) != nil || d.said(k(1), morning) != nil {
		t.Error("it is another one's")
	}
	later := morning.Add(time.Minute + 1)
	for n := 1; n <= maxDenials+1; n++ {
		d.note(k(n), later, time.Minute, fmt.Errorf("%d: %w", n, errDown))
	}
	if len(d.of) != maxDenials || d.said(k(1), later) == nil || d.said(k(maxDenials), later) == nil ||
		d.said(k(maxDenials+1), later) != nil {
		t.Errorf("%d are remembered", len(d.of))
	}
}
