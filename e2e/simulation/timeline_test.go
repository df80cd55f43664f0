package simulation

import (
	"fmt"
	"strings"
	"time"
)

// line is one event of the timeline. It is put into words only if somebody reads
// it.
type line struct {
	at     time.Duration
	who    string
	format string
	args   []any
}

func (l line) text() string { return fmt.Sprintf(l.format, l.args...) }

// timeline renders lines, what repeats itself only once with a count.
func timeline(lines []line) string {
	var b strings.Builder
	last, times := "", 0
	var since, until time.Duration
	flush := func() {
		if times > 1 {
			fmt.Fprintf(&b, "%s   … %d more of these until %s\n", stamp(since), times-1, stamp(until))
		}
		times = 0
	}
	for _, l := range lines {
		s := fmt.Sprintf("%-9s %s", l.who, l.text())
		if s == last {
			times++
			until = l.at
			continue
		}
		flush()
		fmt.Fprintf(&b, "%s %s\n", stamp(l.at), s)
		last, times, since, until = s, 1, l.at, l.at
	}
	flush()
	return b.String()
}

func stamp(d time.Duration) string {
	d = d.Truncate(time.Millisecond)
	return fmt.Sprintf("%02d:%02d:%02d.%03d",
		int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60, d.Milliseconds()%1000)
}
