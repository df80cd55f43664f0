package lifetime

import "time"

// beforeEnd is how long before its announced end a token is no longer sent: it must still be
// valid when it arrives.
const beforeEnd = 5 * time.Second

// LastUse returns until when an access token may be sent. It expires at ends and is valid for
// life in all. Zero: its end is not known.
func LastUse(ends time.Time, life time.Duration) time.Time {
	if ends.IsZero() {
		return time.Time{}
	}
	return ends.Add(-min(beforeEnd, life/10))
}

// LastRefresh returns until when a refresh token that expires at ends may be sent. window is the
// idle window that the IdP announced; 0: none.
func LastRefresh(ends time.Time, window time.Duration) time.Time {
	early := beforeEnd
	if window > 0 {
		early = min(early, window/10)
	}
	return ends.Add(-early)
}

// Good reports whether a token that expires at ends is still valid by every clock involved. The
// clocks of the IdP and of the instance that fetched the token may be ahead by skew, but by no
// more than half of life, the token's whole lifetime; life 0: not known.
func Good(ends time.Time, life, skew time.Duration, now time.Time) bool {
	if life > 0 {
		skew = min(skew, life/2)
	}
	return !Over(ends, now.Add(skew))
}

// FetchFor is how long after the latest activity a token may be fetched: δ (C2), or longer while
// a person may still wait for the answer.
func FetchFor(p Policy, waitFor time.Duration) time.Duration { return max(p.SignalEvery, waitFor) }

// MayFetch reports whether the last activity is recent enough to fetch a token, which tells
// the IdP that the person is active.
func MayFetch(active, now time.Time, p Policy, waitFor time.Duration) bool {
	return now.Sub(active) <= FetchFor(p, waitFor)
}
