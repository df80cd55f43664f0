package apps

import (
	"fmt"
	"strings"
	"time"
)

// Span writes a duration as people do: 1 h 25 min, 40 s.
func Span(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	var parts []string
	for _, u := range []struct {
		n    int64
		name string
	}{{s / 3600, "h"}, {s % 3600 / 60, "min"}, {s % 60, "s"}} {
		if u.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", u.n, u.name))
		}
	}
	if len(parts) == 0 {
		return "0 s"
	}
	return strings.Join(parts, " ")
}
