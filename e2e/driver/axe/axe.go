// Package axe looks for accessibility faults in a page under test, with axe-core.
package axe

import (
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/npm"
)

// Check fails the test for every violation that axe finds in the tab's document,
// shadow trees included.
func Check(t testing.TB, tab browser.Viewer) {
	t.Helper()
	script, err := source()
	if err != nil {
		t.Fatalf("axe: %v", err)
	}
	type node struct {
		HTML    string `json:"html"`
		Failure string `json:"failureSummary"`
	}
	type violation struct {
		ID, Help, Impact string
		Nodes            []node
	}
	type result struct {
		Violations []violation
		Passes     int
	}
	got := browser.Eval[result](tab, script+`;axe.run(document, {rules: {"target-size": {enabled: true}}}).then(r => ({
		Passes: r.passes.length, Violations: r.violations.map(v => ({ID: v.id, Help: v.help, Impact: v.impact, Nodes: v.nodes}))}))`)
	if got.Passes == 0 {
		t.Errorf("axe looked at nothing")
	}
	for _, v := range got.Violations {
		var where []string
		for _, n := range v.Nodes {
			where = append(where, n.HTML+"\n      "+n.Failure)
		}
		t.Errorf("axe: %s (%s): %s\n    %s", v.ID, v.Impact, v.Help, strings.Join(where, "\n    "))
	}
}

// source is axe-core as text.
var source = sync.OnceValues(func() (string, error) {
	path, err := npm.Path("axe-core/axe.min.js")
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(path)
	return string(text), err
})
