package verdict

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// RetryAfter reads a Retry-After header, in seconds or as a date (RFC 9110 §10.2.3). A value
// that is malformed or in the past is zero. No value is longer than most, so that one wrong
// header cannot stop a client for a day.
func RetryAfter(h http.Header, now time.Time, most time.Duration) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0
	}
	var d time.Duration
	// out of range: n is the most
	if n, err := strconv.ParseUint(v, 10, 63); err == nil || errors.Is(err, strconv.ErrRange) {
		if n > uint64(most/time.Second) {
			return most
		}
		d = time.Duration(n) * time.Second
	} else if t, err := http.ParseTime(v); err == nil {
		d = t.Sub(now)
	}
	return min(max(d, 0), most)
}

// RevokeAgain is how long to wait before a revocation that has failed n times is tried again.
// Nobody waits for it, but a stolen token works until then.
func RevokeAgain(n uint64) time.Duration {
	steps := [...]time.Duration{time.Second, 5 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute}
	if n = max(n, 1); n <= uint64(len(steps)) {
		return steps[n-1]
	}
	return 5 * time.Minute
}

// Backoff is how long to wait after the nth failure in a row: 1, 2, 4 … seconds; at most 30 s
// after a failure that may pass, and 60 s after a misconfiguration. So nothing has to be
// restarted when the IdP is repaired.
func Backoff(v Verdict, n int) time.Duration {
	most := 30 * time.Second
	if v == Misconfigured {
		most = time.Minute
	}
	if n > 6 {
		return most
	}
	return min(time.Second<<max(n-1, 0), most)
}
