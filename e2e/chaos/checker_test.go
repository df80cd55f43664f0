package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// violation is a promise that was broken.
type violation struct {
	rule, who string
	at        moment
	text      string
}

func (v violation) String() string {
	return fmt.Sprintf("%s %s: %s: %s", stamp(v.at), v.rule, v.who, v.text)
}

func stamp(m moment) string { return fmt.Sprintf("%8.3f s", m.Seconds()) }

// checker judges a journal. It knows nothing else.
type checker struct {
	*journal
	broken  []violation
	excused []violation // what looked like one, with the excuse instead of the rule

	// What follows from the journal, in order of time.
	hops      map[string][]*hop    // by person
	words     map[string][]*word   // of the IdP, by person
	born      map[string]moment    // when a session's cookie was seen first
	sids      map[string]string    // sid by cookie, where an answer said it
	departed  map[string]departure // by cookie: when the person pressed "log out" first
	forgotten []fault              // the IdP was killed: its sessions are lost
}

// check returns what is broken in a journal, and what was excused.
func check(j *journal) (broken, excused []violation) {
	c := &checker{
		journal: j, hops: map[string][]*hop{}, words: map[string][]*word{},
		born: map[string]moment{}, sids: map[string]string{}, departed: map[string]departure{},
	}
	c.index()
	c.judgeEnds()
	c.judgeAbsence()
	c.judgeStays()
	c.judgeTold()
	c.judgeAnswers()
	c.judgeRecovery()
	for _, list := range [][]violation{c.broken, c.excused} {
		slices.SortStableFunc(list, func(a, b violation) int { return cmp.Compare(a.at, b.at) })
	}
	return c.broken, c.excused
}

func (c *checker) index() {
	slices.SortStableFunc(c.Hops, func(a, b hop) int { return cmp.Compare(a.From, b.From) })
	slices.SortStableFunc(c.Visits, func(a, b visit) int { return cmp.Compare(a.From, b.From) })
	slices.SortStableFunc(c.Words, func(a, b word) int { return cmp.Compare(a.At, b.At) })
	for i := range c.Hops {
		h := &c.Hops[i]
		c.hops[h.Who] = append(c.hops[h.Who], h)
		if _, known := c.born[h.Cookie]; !known {
			c.born[h.Cookie] = h.From
		}
		if h.served() && h.SID != "" {
			c.sids[h.Cookie] = h.SID
		}
	}
	for i := range c.Words {
		w := &c.Words[i]
		c.words[w.Subject] = append(c.words[w.Subject], w)
	}
	for _, d := range c.Departures {
		if old, again := c.departed[d.Cookie]; !again || !old.Acknowledged && d.Acknowledged {
			if again {
				d.From = old.From // the first time the person asked for it
			}
			c.departed[d.Cookie] = d
		}
	}
	for _, f := range c.Faults {
		if f.What == whatKill && f.Target == "idp" {
			c.forgotten = append(c.forgotten, f)
		}
	}
}

func (c *checker) report(rule string, h *hop, text string, args ...any) {
	c.broken = append(c.broken, violation{rule, h.Who, h.From, fmt.Sprintf(text, args...) + ": " + h.String()})
}

func (c *checker) excuse(why string, h *hop) {
	c.excused = append(c.excused, violation{why, h.Who, h.From, h.String()})
}

func (h *hop) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s at %s/%s", h.Who, h.Kind, h.Path, h.App, h.Instance)
	if h.Cookie != "" {
		fmt.Fprintf(&b, " as %s", h.Cookie)
	}
	fmt.Fprintf(&b, " → %d after %v", h.Status, (h.To - h.From).Round(time.Millisecond))
	if h.Subject != "" {
		fmt.Fprintf(&b, ", page of %s", h.Subject)
	}
	if h.Reason != "" {
		fmt.Fprintf(&b, ", %s", h.Reason)
	}
	if h.Trouble != "" {
		fmt.Fprintf(&b, " (%s)", h.Trouble)
	}
	return b.String()
}

// around tells what happened to a person shortly before and after a moment.
func around(j *journal, who string, at moment) string {
	const before, after = 35 * time.Second, 3 * time.Second
	type line struct {
		at   moment
		text string
	}
	var lines []line
	add := func(from, to moment, text string) {
		if to >= at-before && from <= at+after {
			lines = append(lines, line{from, text})
		}
	}
	for i := range j.Hops {
		if h := &j.Hops[i]; h.Who == who {
			add(h.From, h.To, h.String())
		}
	}
	for _, w := range j.Words {
		if w.Subject == who {
			add(w.At, w.At, fmt.Sprintf("  the IdP: %s %s %s %s", w.Kind, w.Client, w.Endpoint, w.Outcome))
		}
	}
	for _, f := range j.Faults {
		add(f.From, f.To, fmt.Sprintf("    fault: %s %s until %s", f.What, f.Target, stamp(f.To)))
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.at, b.at) })
	var b strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&b, "    %s  %s\n", stamp(l.at), l.text)
	}
	return b.String()
}
