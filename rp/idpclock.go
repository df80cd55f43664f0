package rp

import (
	"fmt"
	"net/http"
	"time"
)

// compare looks at the IdP's clock (RFC 9110 §6.6.1). An answer with an Age comes from a
// cache, and its Date is that of the cached one. Date has whole seconds.
func (p *pulse) compare(h http.Header, sent, received time.Time) {
	at, err := http.ParseTime(h.Get("Date"))
	if err != nil || h.Get("Age") != "" {
		return
	}
	ahead := time.Duration(0)
	switch {
	case at.Add(time.Second).Before(sent):
		ahead = sent.Sub(at)
	case at.After(received):
		ahead = received.Sub(at)
	}
	if ahead.Abs() <= p.skew {
		ahead = 0
	}
	if ahead != 0 {
		p.differed.Store(received.UnixMilli())
	} else if since := received.UnixMilli() - p.differed.Load(); since >= 0 && since < p.skew.Milliseconds() {
		return // several servers answer, and not all of their clocks are wrong
	}
	if before := p.off.Swap(ahead.Milliseconds()); (before == 0) != (ahead == 0) && p.differs != nil {
		p.differs(ahead)
	}
}

// clockDiffers tells the operator what else nobody could guess from refused log-ins.
func (p *RelyingParty) clockDiffers(ahead time.Duration) {
	if ahead == 0 {
		p.found.forget("clock", "")
		return
	}
	p.report(judgeClock(&p.cfg, ahead))
}

func judgeClock(c *Config, ahead time.Duration) []Finding {
	how := "ahead of"
	switch {
	case ahead == 0:
		return nil
	case ahead < 0:
		how = "behind"
	}
	return []Finding{{Code: "clock", Serious: true, Text: fmt.Sprintf(
		"This server's clock is %v %s the IdP's (by the Date of its answers), more than Config.Skew (%v): log-ins and logout tokens are refused, because they seem to be too old or to come from the future. Set the clock right (NTP).",
		ahead.Abs().Round(time.Second), how, c.Skew)}}
}

// clock is what a log line about a refused token says, nil if the clocks agree.
func (p *pulse) clock() []any {
	off := time.Duration(p.off.Load()) * time.Millisecond
	if off == 0 {
		return nil
	}
	return []any{"clock_ahead_of_idp", off.Round(time.Second)}
}
