package verdict

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// RetryAfter reads a Retry-After header in either of its forms, seconds or date
// (RFC 9110 §10.2.3). Nonsense and the past count as zero; most caps the rest,
// so that one wrong header cannot silence a client for a day.
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

// RevokeAgain is when to try a revocation again that has failed n times: nobody waits
// for it, but the sooner it works the less a stolen token is worth.
func RevokeAgain(n uint64) time.Duration {
	steps := [...]time.Duration{time.Second, 5 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute}
	if n = max(n, 1); n <= uint64(len(steps)) {
		return steps[n-1]
	}
	return 5 * time.Minute
}

// Backoff is how long to wait after the nth failure in a row: 1, 2, 4 … seconds,
// at most 30 for trouble that passes and 60 for a misconfiguration, so that a
// repaired IdP needs no restart of anything.
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
