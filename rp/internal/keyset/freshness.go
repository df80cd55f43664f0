package keyset

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	minFresh = time.Minute // also where the IdP forbids to store its keys
	maxFresh = time.Hour   // also where it allows a year: so long a withdrawn key is believed
)

// freshness is how long keys are used without another look, by the IdP's Cache-Control
// (RFC 9111 §4.2, §5.2.2), within our limits. One that it does not name is the longest;
// one that cannot be read is none. Expires and Pragma are not looked at.
func freshness(h http.Header) time.Duration {
	fresh := maxFresh
	for directive := range strings.SplitSeq(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch strings.ToLower(name) {
		case "no-cache", "no-store":
			return minFresh
		case "max-age":
			fresh = min(fresh, deltaSeconds(strings.Trim(value, `"`)))
		}
	}
	return max(minFresh, fresh-deltaSeconds(h.Get("Age"))) // caches on the way have had it for so long
}

// deltaSeconds reads a whole number of seconds; more than a day is a day.
func deltaSeconds(s string) time.Duration {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if day := uint64(86400); err != nil || n > day {
		n = day
	}
	return time.Duration(n) * time.Second
}
