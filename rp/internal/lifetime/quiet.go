package lifetime

import "time"

// Span is the time from From until before Until, in milliseconds since 1970. It is small because
// every request reads one.
type Span struct{ From, Until int64 }

// Holds reports whether t lies in the span.
func (s Span) Holds(t time.Time) bool {
	ms := t.UnixMilli()
	return s.From <= ms && ms < s.Until
}

// longestQuiet is the longest Span that Quiet returns.
const longestQuiet = time.Hour

// Quiet returns a span that begins now and in which Decide serves requests of both classes and
// sends no signal, so that they need not call Decide. It is empty if Decide has to do something
// now. Activity makes it longer, never shorter. After any other change of s it must be computed
// again. tokens is when the session's tokens expire, because another policy applies then; zero:
// never.
func Quiet(s Session, p Policy, tokens, now time.Time) Span {
	s = Believable(s, now)
	d := Deadlines(s, p)
	until := now.Add(longestQuiet)
	for _, limit := range [...]time.Time{d.LocalIdle, d.Absolute, s.Ceiling, tokens} {
		until = earlier(until, limit)
	}
	if p.SignalEvery > 0 {
		until = earlier(until, s.Signalled.Add(p.SignalEvery))
	}
	if p.TrustFor > 0 {
		until = earlier(until, s.Confirmed.Add(trust(s, p)))
	}
	return Span{now.UnixMilli(), until.UnixMilli()}
}
