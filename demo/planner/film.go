package planner

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// Lane is what came about at the IdP or in an app.
type Lane struct {
	ID       string `json:"id"` // of system.Lanes
	Name     string `json:"name"`
	Kind     string `json:"kind,omitempty"` // of client
	Sessions []Span `json:"sessions"`
	// Active are the times at which the person was active here.
	Active []Span `json:"active,omitempty"`
	// Told are the times at which a logout token arrived.
	Told []time.Duration `json:"told,omitempty"`
	// Back says what the person met who came back.
	Back string `json:"back,omitempty"`
	// Plan is what the planner says of the first end here.
	Plan Moment `json:"plan"`
	// Differs says how what was played differs from the plan; empty: it does not.
	Differs string `json:"differs,omitempty"`
}

// Span of time. Of a session: when it lived, and why it ended.
type Span struct {
	From  time.Duration `json:"from"`
	To    time.Duration `json:"to"`
	Ended bool          `json:"ended,omitempty"`
	Why   string        `json:"why,omitempty"`  // the reason, as the library or the IdP names it
	Text  string        `json:"text,omitempty"` // the same for people
	// Renewed is how often the app sent the person to the IdP for another log-in, at which nobody
	// typed anything: to the person it is one session.
	Renewed int `json:"renewed,omitempty"`
}

// first is when the first session ended.
func (l Lane) first() (Span, bool) {
	for _, s := range l.Sessions {
		if s.Ended {
			return s, true
		}
	}
	return Span{}, false
}

// film keeps of a timeline what a comparison shows.
type film struct {
	begun  time.Time
	events []system.Event
	opens  map[string]time.Duration // when each app was opened at the return
}

func (f *film) add(e system.Event) {
	switch e.Kind {
	case system.Login, system.Ended, system.Active, system.Delivered:
		f.events = append(f.events, e)
	}
}

func (f *film) opened(id string, at time.Time) { f.opens[id] = at.Sub(f.begun) }

// lanes sorts what has come about, and holds it against the plan.
func (f *film) lanes(p Policy, s score) []Lane {
	plans, _, _ := Everybody(p) // was checked
	slices.SortStableFunc(f.events, func(a, b system.Event) int { return a.At.Compare(b.At) })
	lanes := []Lane{{ID: system.IdP}, {ID: system.Notes, Kind: rp.RefreshToken.String()},
		{ID: system.Reports, Kind: rp.ReferenceToken.String()},
		{ID: system.Wiki, Kind: rp.NoToken.String()}, {ID: system.Naive}}
	for i := range lanes {
		l := &lanes[i]
		l.Name = system.Name(l.ID)
		f.fill(l, s)
		for _, m := range plans {
			if m.Who == l.Kind || l.ID == system.IdP && m.Who == AtIdP || l.ID == system.Naive &&
				m.Who == Homemade {
				l.Plan = m
			}
		}
		l.Differs = differs(*l, s, len(lanes[0].Sessions) > 1)
	}
	return lanes
}

// fill sorts the events of one lane.
func (f *film) fill(l *Lane, s score) {
	who := ada
	if l.ID == system.Naive {
		who = grace
	}
	open := map[string]int{} // index of the session that lives, by its name
	l.Sessions = []Span{}
	for _, e := range f.events {
		at := e.At.Sub(f.begun)
		name := cmp.Or(e.Session, e.SID)
		switch {
		case e.Kind == system.Delivered && e.To == l.ID && e.Subject == who:
			l.Told = append(l.Told, at)
		case e.Kind == system.Active && e.To == l.ID && e.Subject == who && at <= s.back:
			l.active(at, s.every)
		case e.Kind == system.Login && e.To == l.ID && e.Subject == who && (l.ID == system.IdP) == (e.Session == ""):
			if _, lives := open[name]; !lives {
				open[name] = len(l.Sessions)
				l.Sessions = append(l.Sessions, Span{From: at, To: s.until})
			}
		case e.Kind == system.Ended && e.From == l.ID:
			if i, lives := open[name]; lives {
				l.Sessions[i].To, l.Sessions[i].Ended, l.Sessions[i].Why = at, true, e.Reason
				l.Sessions[i].Text = e.Text
				if l.ID != system.IdP && l.ID != system.Naive {
					l.Sessions[i].Text = apps.ReasonOf(reason.Reason(e.Reason)).Title + "."
				}
				delete(open, name)
			}
		}
	}
	l.Sessions = joined(l.Sessions)
	if at, ok := f.opens[l.ID]; ok {
		l.Back = f.met(l.ID, at)
	}
}

// joined makes one of a session and that which replaced it in the same moment.
func joined(all []Span) []Span {
	out := []Span{}
	for _, s := range all {
		n := len(out) - 1
		if n >= 0 && out[n].Why == string(reason.Replaced) && out[n].To == s.From {
			s.From, s.Renewed = out[n].From, out[n].Renewed+1
			out = out[:n]
		}
		out = append(out, s)
	}
	return out
}

// active adds a click to the span before, if that is not long ago.
func (l *Lane) active(at, every time.Duration) {
	if n := len(l.Active); n > 0 && at-l.Active[n-1].To <= every+every/2 {
		l.Active[n-1].To = at
		return
	}
	l.Active = append(l.Active, Span{From: at, To: at})
}

// met says what happened when the person came back to an app.
func (f *film) met(id string, at time.Duration) string {
	typed, joined := false, false
	for _, e := range f.events {
		if e.Kind != system.Login || e.Subject != ada || e.At.Sub(f.begun) != at {
			continue
		}
		typed = typed || e.To == system.IdP
		joined = joined || e.To == id
	}
	switch {
	case typed:
		return "asked for her name again"
	case joined:
		return "let through by the IdP, without typing"
	}
	return "still signed in"
}

// differs holds the first end of a lane against its plan: they agree within δ, the time
// between two reports. Again: the person has signed in to the IdP a second time, which an app
// that asks late takes for an answer.
func differs(l Lane, s score, again bool) string {
	m := l.Plan
	end, ended := l.first()
	if !ended {
		end.To = s.back
	}
	switch {
	case ended && m.Never:
		return fmt.Sprintf("It ended after %s; computed is that it does not end.", apps.Span(end.To))
	case ended && (end.To < m.From-s.delta || end.To > m.To+s.delta):
		return fmt.Sprintf("It ended after %s; computed is %s.", apps.Span(end.To), when(m))
	case !ended && !m.Never && !again && m.From < s.back-s.delta:
		return fmt.Sprintf("It had not ended when she came back after %s; computed is %s.", apps.Span(s.back), when(m))
	}
	return ""
}

func when(m Moment) string {
	switch {
	case m.Never:
		return "never"
	case m.From == m.To:
		return "after " + apps.Span(m.From)
	}
	return "between " + apps.Span(m.From) + " and " + apps.Span(m.To)
}
