// Package axe looks for accessibility faults in a page under test, with axe-core,
// which npm fetches once as package-lock.json pins it.
package axe

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/tandem-sso/tandem/e2e/browser"
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
	got := browser.Eval[result](tab, script+`;axe.run(document).then(r => ({
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

// source is axe-core as text, fetched once.
var source = sync.OnceValues(func() (string, error) {
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		return "", errors.New("the folder of this package is not known")
	}
	dir := filepath.Dir(file)
	path := filepath.Join(dir, "node_modules", "axe-core", "axe.min.js")
	if _, err := os.Stat(path); err != nil {
		if err := install(dir); err != nil {
			return "", err
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	var pinned struct{ Dependencies map[string]string }
	manifest, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if err == nil {
		err = json.Unmarshal(manifest, &pinned)
	}
	if err != nil {
		return "", err
	}
	if v := pinned.Dependencies["axe-core"]; !strings.Contains(string(text[:min(len(text), 200)]), v) {
		return "", fmt.Errorf("%s is not version %s; remove %s", path, v, filepath.Join(dir, "node_modules"))
	}
	return string(text), nil
})

// install fetches beside node_modules and moves the result in, so that two test
// binaries can do it at once.
func install(dir string) error {
	tmp, err := os.MkdirTemp(dir, ".install-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(tmp, name), text, 0o644); err != nil {
			return err
		}
	}
	cmd := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = tmp
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci in %s: %w (on Debian: apt-get install nodejs npm)\n%s", dir, err, out)
	}
	err = os.Rename(filepath.Join(tmp, "node_modules"), filepath.Join(dir, "node_modules"))
	if errors.Is(err, fs.ErrExist) {
		return nil // another was faster
	}
	return err
}
