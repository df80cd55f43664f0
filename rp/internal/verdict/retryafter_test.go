package verdict

import (
	"net/http"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// RT-05, RT-06: both forms of RFC 9110 §10.2.3.
func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	const most = 5 * time.Minute
	for _, row := range []struct {
		name, header string
		want         time.Duration
	}{
		{"none", "", 0},
		{"seconds", "17", 17 * time.Second},
		{"seconds with blanks", "  17 ", 17 * time.Second},
		{"zero", "0", 0},
		{"at the cap", "300", most},
		{"above the cap", "301", most},
		{"a day", "86400", most},
		{"more than 63 bits", "99999999999999999999999", most},
		{"negative", "-5", 0},
		{"a fraction", "1.5", 0},
		{"words", "soon", 0},
		{"hexadecimal", "0x10", 0},
		{"IMF-fixdate", "Sat, 21 Nov 2026 08:01:30 GMT", 90 * time.Second},
		{"RFC 850 date", "Saturday, 21-Nov-26 08:01:30 GMT", 90 * time.Second},
		{"asctime date", "Sat Nov 21 08:01:30 2026", 90 * time.Second},
		{"a date in the past", "Sat, 21 Nov 2026 07:59:59 GMT", 0},
		{"now", "Sat, 21 Nov 2026 08:00:00 GMT", 0},
		{"next year", "Sun, 21 Nov 2027 08:00:00 GMT", most},
		{"no date", "Sat, 99 Nov 2026 08:00:00 GMT", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := http.Header{}
			if row.header != "" {
				h.Set("Retry-After", row.header)
			}
			if got := RetryAfter(h, now, most); got != row.want {
				t.Errorf("RetryAfter(%q) = %v, want %v", row.header, got, row.want)
			}
		})
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "1", "-1", "Sat, 21 Nov 2026 08:01:30 GMT", "9223372036854775807", "\x00", "1e9"} {
		f.Add(s)
	}
	now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		if d := RetryAfter(http.Header{"Retry-After": {s}}, now, time.Minute); d < 0 || d > time.Minute {
			t.Errorf("RetryAfter(%q) = %v, which is outside of 0 … 1 min", s, d)
		}
	})
}

// 1, 2, 4 … s, at most half a minute for trouble that passes and a minute for a
// misconfiguration, which is thus tried again at least every minute.
func TestBackoff(t *testing.T) {
	want := []time.Duration{1, 2, 4, 8, 16, 30, 30, 30}
	for i, w := range want {
		if got := Backoff(Retry, i+1); got != w*time.Second {
			t.Errorf("Backoff(Retry, %d) = %v, want %v", i+1, got, w*time.Second)
		}
	}
	want = []time.Duration{1, 2, 4, 8, 16, 32, 60, 60}
	for i, w := range want {
		if got := Backoff(Misconfigured, i+1); got != w*time.Second {
			t.Errorf("Backoff(Misconfigured, %d) = %v, want %v", i+1, got, w*time.Second)
		}
	}
}

func TestBackoffIsMonotonicAndBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SampledFrom([]Verdict{Retry, Unknown, Misconfigured}).Draw(t, "verdict")
		n := rapid.IntRange(-10, 1<<40).Draw(t, "failures")
		a, b := Backoff(v, n), Backoff(v, n+1)
		if a < time.Second || a > time.Minute || b < a {
			t.Fatalf("Backoff(%v, %d) = %v, then %v", v, n, a, b)
		}
	})
}

// RevokeAgain: seconds first, then minutes.
func TestRevokeAgain(t *testing.T) {
	want := []time.Duration{time.Second, time.Second, 5 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute,
		5 * time.Minute, 5 * time.Minute}
	for n, d := range want {
		if got := RevokeAgain(uint64(n)); got != d {
			t.Errorf("after %d failures: %v, want %v", n, got, d)
		}
	}
	if got := RevokeAgain(1 << 40); got != 5*time.Minute {
		t.Errorf("after very many failures: %v", got)
	}
}
