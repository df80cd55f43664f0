package simulation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// mutation is one deliberate mistake in the library: old, which stands in file
// exactly once, becomes new.
type mutation struct {
	name     string
	file     string
	old, new string
}

// hunt is a mutation and the focus that finds it; "": the whole world.
type hunt struct {
	mutation
	focus string
}

// What a run prints at its end; rapid words it otherwise if the failure does not
// come back when it tries again.
var (
	verdictOfRun = regexp.MustCompile(`the contract is broken: (\w+)`)
	triesOfRun   = regexp.MustCompile(`failed after (\d+) tests`)
)

func allMutations() (all []hunt) {
	for _, m := range slices.Concat(mutations, seldom) {
		all = append(all, hunt{m, ""})
	}
	all = append(all, aboutIdPs...)
	for focus, some := range byFocus {
		for _, m := range some {
			all = append(all, hunt{m, focus})
		}
	}
	return all
}

// TestTheOracleBites: each mistake must be found, most of them within the quick
// lane's 300 histories; some need a rare coincidence. A test that no mistake can
// fail proves nothing.
func TestTheOracleBites(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the library once per mistake")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	// All of them take more than the gate's two minutes: it looks for every fourth of the main list.
	all := allMutations()
	if !long() {
		all = nil
		for i := 0; i < len(mutations); i += 4 {
			all = append(all, hunt{mutations[i], ""})
		}
	}
	for _, m := range all {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			program := m.build(t, root, ".")
			run := exec.Command(program, "-test.run=^TestContract$", "-rapid.seed=1", "-rapid.shrinktime=0s")
			run.Env = append(os.Environ(), "TANDEM_SIMULATE=", "TANDEM_HISTORIES=2000", "TANDEM_FOCUS="+m.focus)
			out, err := run.CombinedOutput()
			found := verdictOfRun.FindSubmatch(out)
			switch {
			case err == nil:
				t.Error("nobody noticed")
			case found == nil:
				t.Errorf("it failed for another reason: %v\n%s", err, tail(out))
			default:
				tries := "some"
				if n := triesOfRun.FindSubmatch(out); n != nil {
					tries = string(n[1])
				}
				t.Logf("it breaks %s, after %s histories", found[1], tries)
			}
		})
	}
}

// The gate builds some of the mistakes; it sees at once when one has lost its place.
func TestTheMistakesHaveTheirPlaces(t *testing.T) {
	for _, m := range allMutations() {
		t.Run(m.name, func(t *testing.T) { m.place(t, "../..") })
	}
}

// The number of mistakes is in the README.
func TestTheReadmeCountsTheMistakes(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("finds each of %d mistakes", len(allMutations())); !strings.Contains(
		strings.Join(strings.Fields(string(text)), " "), want) {
		t.Errorf("the README does not say %q", want)
	}
}

// build compiles the tests of a package against a library with the mistake in it.
func (m *mutation) build(t *testing.T, root, tests string) (program string) {
	t.Helper()
	dir := t.TempDir()
	file, text := m.place(t, root)
	mutant := filepath.Join(dir, "mutant.go")
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {file: mutant}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		mutant:                             []byte(strings.Replace(text, m.old, m.new, 1)),
		filepath.Join(dir, "overlay.json"): overlay,
	} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program = filepath.Join(dir, "mutant.test")
	build := exec.Command("go", "test", "-c", "-vet=off",
		"-overlay", filepath.Join(dir, "overlay.json"), "-o", program, tests)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the mutant does not compile: %v\n%s", err, out)
	}
	return program
}

// place is the file to change, and its text.
func (m *mutation) place(t *testing.T, root string) (file, text string) {
	t.Helper()
	file = filepath.Join(root, filepath.FromSlash(m.file))
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), m.old); n != 1 {
		t.Fatalf("%s has this %d times, not once; the mutation needs to follow the library:\n%s", m.file, n, m.old)
	}
	return file, string(b)
}

func tail(out []byte) []byte {
	const most = 4000
	if len(out) > most {
		out = out[bytes.IndexByte(out[len(out)-most:], '\n')+len(out)-most+1:]
	}
	return out
}
