package lifetime

import "time"

// beforeEnd is how long before its announced end a token is not shown any more: it has
// to arrive.
const beforeEnd = 5 * time.Second

// LastUse returns until when an access token is sent that expires at ends and lives for life;
// zero: it has no known end.
func LastUse(ends time.Time, life time.Duration) time.Time {
	if ends.IsZero() {
		return time.Time{}
	}
	return ends.Add(-min(beforeEnd, life/10))
}

// LastRefresh returns until when a refresh token is sent that expires at ends; window is the idle
// window that the IdP announced, 0: none.
func LastRefresh(ends time.Time, window time.Duration) time.Time {
	early := beforeEnd
	if window > 0 {
		early = min(early, window/10)
	}
	return ends.Add(-early)
}

// Good reports whether a token that ends then has not run out by anybody's clock: the IdP's
// and that of the instance which has fetched it may be ahead by skew, but by no more than
// half of what the token lives. life 0: not known.
func Good(ends time.Time, life, skew time.Duration, now time.Time) bool {
	if life > 0 {
		skew = min(skew, life/2)
	}
	return !Over(ends, now.Add(skew))
}

// FetchFor is how long after the latest activity a token may be fetched: δ (C2), or
// longer while somebody may be waiting for the answer.
func FetchFor(p Policy, waitFor time.Duration) time.Duration { return max(p.SignalEvery, waitFor) }

// MayFetch reports whether the last activity is recent enough to fetch a token, which tells
// the IdP that the person is active.
func MayFetch(active, now time.Time, p Policy, waitFor time.Duration) bool {
	return now.Sub(active) <= FetchFor(p, waitFor)
}
