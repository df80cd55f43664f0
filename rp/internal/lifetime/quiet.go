package lifetime

import "time"

// Span is a stretch of time, From included, Until not, in milliseconds since 1970:
// every request looks at one, so it is small.
type Span struct{ From, Until int64 }

// Holds reports whether t lies in the span.
func (s Span) Holds(t time.Time) bool {
	ms := t.UnixMilli()
	return s.From <= ms && ms < s.Until
}

// longestQuiet is when Quiet's answer is looked at again at the latest.
const longestQuiet = time.Hour

// Quiet returns a span that begins now and in which Decide has nothing to say,
// whatever the class, so that requests in it need not ask again. It is empty if
// Decide has something to say now. Activity makes it longer, never shorter; every
// other change of s makes it void. tokens is when the session's tokens are of no use any
// more, zero: never; the policy is another one then.
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
