package doctest

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	alertRule  = regexp.MustCompile(`(?ms)- alert: (\w+)\n.*?description: (".*?")\n`)
	alertRow   = regexp.MustCompile("(?m)^\\| `(Tandem\\w+)` \\| [^|]+ \\| ([^|]+) \\|$")
	instrument = regexp.MustCompile("(?m)^\\| `(tandem\\.[a-z.]+)` \\| (counter|up-down|gauge|histogram) \\|")
	series     = regexp.MustCompile(`\btandem_[a-z_]+`)
)

// Each alert has its row in docs/metrics.md with what to do, in the words that the alert
// itself says, and a test that fires it. Alerts and dashboard ask for what is measured.
func TestAlertsAreDocumented(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(root + "/docs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	page, rules, cases, dashboard := read("metrics.md"), read("metrics/alerts.yml"),
		read("metrics/alerts_test.yml"), read("metrics/dashboard.json")
	rows := map[string]string{}
	for _, m := range alertRow.FindAllStringSubmatch(page, -1) {
		rows[m[1]] = m[2]
	}
	found := alertRule.FindAllStringSubmatch(rules, -1)
	for _, m := range found {
		do, err := strconv.Unquote(m[2])
		if err != nil || rows[m[1]] != do {
			t.Errorf("docs/metrics.md says of %s %q, the alert says %q", m[1], rows[m[1]], do)
		}
		if !strings.Contains(cases, "- alertname: "+m[1]+"\n") {
			t.Errorf("no test fires %s", m[1])
		}
	}
	if len(found) != len(rows) || len(found) < 10 {
		t.Errorf("%d alerts, %d rows", len(found), len(rows))
	}
	known := map[string]bool{}
	for _, m := range instrument.FindAllStringSubmatch(page, -1) {
		name := strings.ReplaceAll(m[1], ".", "_")
		switch m[2] {
		case "counter":
			known[name+"_total"] = true
		case "up-down", "gauge":
			known[name] = true
		case "histogram":
			for _, of := range []string{"_bucket", "_count", "_sum"} {
				known[name+"_seconds"+of] = true
			}
		}
	}
	asked := series.FindAllString(rules+dashboard, -1)
	for _, name := range asked {
		if !known[name] {
			t.Errorf("%s is asked for, and nothing measures it", name)
		}
	}
	if len(asked) < 30 {
		t.Errorf("only %d series are asked for", len(asked))
	}
}
