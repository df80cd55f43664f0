package interop

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	nobody  = regexp.MustCompile(`(?m)^\| nobody \| [^|]*?(\d+) to (\d+) min after the last`)
	working = regexp.MustCompile(`(?m)^\| the person, in this app only \| stays logged in, with an? \w+ every (\d+) min`)
	another = regexp.MustCompile(`(?m)^\| the person, in another app only \| not logged out`)
	leaves  = regexp.MustCompile(`(?m)^\| somebody logs out elsewhere \| ([^|]*)\|`)
)

// guideTimes holds section 4 of the guide against what was measured. Its minutes are those of a
// W of 15 min. That people stay and go so was measured by the rows before, which fail else; here
// is looked whether the guide says the same numbers.
func guideTimes(t *testing.T, w *world) string {
	text, err := os.ReadFile("../../docs/idp/" + w.guide + ".md")
	if err != nil {
		t.Fatal(err)
	}
	minutes := func(d time.Duration) int { return int(math.Round(15 * d.Seconds() / window.Seconds())) }
	for what, c := range map[string]struct {
		pattern *regexp.Regexp
		want    []int
	}{
		"stays":   {working, []int{minutes(window - delta)}},
		"nobody":  {nobody, []int{minutes(window - delta), minutes(window)}},
		"another": {another, nil},
	} {
		found := c.pattern.FindStringSubmatch(string(text))
		if found == nil {
			t.Errorf("docs/idp/%s.md does not say it as it was measured: %s, %v min", w.guide, what, c.want)
			continue
		}
		for i, want := range c.want {
			if got, err := strconv.Atoi(found[i+1]); err != nil || got != want {
				t.Errorf("docs/idp/%s.md, %s: %s min, measured: %d", w.guide, what, found[i+1], want)
			}
		}
	}
	found := leaves.FindStringSubmatch(string(text))
	if found == nil || strings.Contains(found[1], "logout token") != w.facts.tokenAtLogOut {
		t.Errorf("docs/idp/%s.md, a log-out elsewhere: %q; logout tokens came: %v", w.guide, found,
			w.facts.tokenAtLogOut)
	}
	return fmt.Sprintf("%d and %d min of 15", minutes(window-delta), minutes(window))
}
