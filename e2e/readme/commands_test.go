package readme

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	goRun  = regexp.MustCompile("go run (\\./[\\w/-]+)([^\n#|`]*)")
	given  = regexp.MustCompile(` -([a-z][a-z-]*)`)
	goTest = regexp.MustCompile("go test (?:\\w\\|\\w|[^\n#|`])*") // an alternation is no table
	folder = regexp.MustCompile(`\./[\w/-]+`)
	chosen = regexp.MustCompile(` -(run|bench) '?([\w|]+)`)
)

// Programs that the pages tell to run are there and know the flags.
func TestFlagsExist(t *testing.T) {
	help := map[string]string{}
	for _, page := range pages(t) {
		for _, m := range goRun.FindAllStringSubmatch(read(t, page), -1) {
			if _, ok := help[m[1]]; !ok {
				cmd := exec.Command("go", "run", "-buildvcs=false", m[1], "-help")
				cmd.Dir = root
				out, _ := cmd.CombinedOutput() // -help may end with 0 or 1
				help[m[1]] = string(out)
			}
			if !strings.Contains(help[m[1]], "Usage") {
				t.Errorf("%s tells to run %s, which says: %s", page, m[1], help[m[1]])
			}
			for _, f := range given.FindAllStringSubmatch(m[2], -1) {
				if f[1] != "help" && !strings.Contains(help[m[1]], "\n  -"+f[1]+" ") &&
					!strings.Contains(help[m[1]], "\n  -"+f[1]+"\n") {
					t.Errorf("%s: %s has no flag -%s", page, m[1], f[1])
				}
			}
		}
	}
	if len(help) < 2 {
		t.Errorf("only %d programs were found", len(help))
	}
}

// Tests and benchmarks that the pages name are there.
func TestNamedTestsExist(t *testing.T) {
	found := 0
	for _, page := range pages(t) {
		for _, command := range goTest.FindAllString(read(t, page), -1) {
			files, err := filepath.Glob(filepath.Join(root, folder.FindString(command), "*_test.go"))
			if err != nil {
				t.Fatal(err)
			}
			var source strings.Builder
			for _, file := range files {
				source.WriteString(read(t, file))
			}
			for _, c := range chosen.FindAllStringSubmatch(command, -1) {
				for name := range strings.SplitSeq(c[2], "|") {
					found++
					kind := map[string]string{"run": "Test", "bench": "Benchmark"}[c[1]]
					if !regexp.MustCompile(`(?m)^func ` + kind + `\w*` + name).MatchString(source.String()) {
						t.Errorf("%s: %s: there is no %s of that name: %s", page, command, kind, name)
					}
				}
			}
		}
	}
	if found < 3 {
		t.Errorf("only %d names were found", found)
	}
}
