package planner

import (
	"fmt"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/demo/apps"
)

// Difference between the two worlds, in one lane.
type Difference struct {
	Lane string `json:"lane"` // its ID
	Text string `json:"text"`
	// Made are the settings each of which makes the difference alone.
	Made []string `json:"made"`
	// Because says how it comes about, in the first world and in the second.
	Because [2]string `json:"because"`
}

// settings by which two sides can differ, in the words of the page.
var settings = []struct {
	name string
	take func(into *Policy, from Policy)
	show func(Policy) string
}{
	{"IdP", func(p *Policy, q Policy) {
		p.IdP = q.IdP
	}, func(p Policy) string { return p.IdP }},
	{"The app keeps", func(p *Policy, q Policy) {
		p.Kind = q.Kind
	}, func(p Policy) string { return strings.ReplaceAll(p.Kind, "-", " ") }},
	{"Idle window of the IdP", func(p *Policy, q Policy) {
		p.Window = q.Window
	}, func(p Policy) string { return apps.Span(p.Window) }},
	{"Life of access tokens", func(p *Policy, q Policy) {
		p.TokenLife = q.TokenLife
	}, func(p Policy) string { return apps.Span(p.TokenLife) }},
	{"Report activity every", func(p *Policy, q Policy) {
		p.SignalEvery = q.SignalEvery
	}, func(p Policy) string { return orUsual(p.SignalEvery) }},
	{"Idle limit of the app", func(p *Policy, q Policy) {
		p.Idle = q.Idle
	}, func(p Policy) string { return orNone(p.Idle) }},
	{"Longest session in the app", func(p *Policy, q Policy) {
		p.Absolute = q.Absolute
	}, func(p Policy) string { return orUsual(p.Absolute) }},
	{"Report the last activity, too", func(p *Policy, q Policy) {
		p.Trailing = q.Trailing
	}, func(p Policy) string { return yesNo(p.Trailing) }},
	{"Ask by prompt=none", func(p *Policy, q Policy) {
		p.SilentCheck = q.SilentCheck
	}, func(p Policy) string { return yesNo(p.SilentCheck) }},
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func orUsual(d time.Duration) string {
	if d == 0 {
		return "the usual"
	}
	return apps.Span(d)
}

func orNone(d time.Duration) string {
	if d == 0 {
		return "none"
	}
	return apps.Span(d)
}

// differences of the first ends, lane by lane, and which setting makes each. It is pure.
func differences(sides [2]Policy, worlds [2]World, s score) []Difference {
	out := []Difference{}
	for i := range worlds[0].Lanes {
		a, b := worlds[0].Lanes[i], worlds[1].Lanes[i]
		x, endedA := a.first()
		y, endedB := b.first()
		if endedA == endedB && (x.To-y.To).Abs() <= s.every {
			continue
		}
		d := Difference{Lane: a.ID, Made: []string{}, Because: [2]string{a.Plan.Text, b.Plan.Text}}
		d.Text = fmt.Sprintf("%s: the session %s in the first world, and %s in the second.", a.Name,
			ending(x, endedA, s), ending(y, endedB, s))
		for _, one := range settings {
			changed := sides[0]
			one.take(&changed, sides[1])
			if one.show(changed) == one.show(sides[0]) {
				continue
			}
			if moved(sides[0], changed, a.Plan.Who, s) {
				d.Made = append(d.Made, fmt.Sprintf("“%s” (%s, %s)", one.name, one.show(sides[0]), one.show(sides[1])))
			}
		}
		out = append(out, d)
	}
	return out
}

func ending(one Span, ended bool, s score) string {
	switch {
	case !ended:
		return "lived on"
	case one.To >= s.back:
		return "ended when she came back after " + apps.Span(s.back)
	}
	return "ended after " + apps.Span(one.To)
}

// moved tells whether a setting alone moves the computed end of a lane, as far as the story
// shows it.
func moved(p, changed Policy, who string, s score) bool {
	of := func(p Policy) Moment {
		all, _, err := Everybody(p)
		for _, m := range all {
			if err == nil && m.Who == who {
				return m
			}
		}
		return Moment{Never: true}
	}
	seen := func(m Moment) [2]time.Duration {
		if m.Never {
			return [2]time.Duration{s.back, s.back}
		}
		return [2]time.Duration{min(m.From, s.back), min(m.To, s.back)}
	}
	return seen(of(p)) != seen(of(changed))
}
