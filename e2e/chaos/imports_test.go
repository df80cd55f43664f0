package chaos

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The test that judges the library must not be able to make its mistakes: of this module
// it uses what starts programs and servers, and beside it the standard library alone.
func TestNothingOfTheLibrary(t *testing.T) {
	files, err := os.ReadDir(".") // so that go test knows what the result depends on
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	const module = "github.com/tandem-sso/tandem/"
	may := map[string]bool{"e2e/chaos": true, "e2e/chaos.test": true, "e2e/driver/process": true,
		"internal/servertest": true}
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-test", "-f",
		"{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for path := range strings.Lines(string(out)) {
		path, _, _ = strings.Cut(strings.TrimSpace(path), " ") // "a [a.test]" is a with its tests
		if path == "" {
			continue
		}
		found++
		if own, ours := strings.CutPrefix(path, module); !ours || !may[own] {
			t.Errorf("%s is used", path)
		}
	}
	if found < len(may) {
		t.Errorf("go list names %d packages: nothing was proved", found)
	}
}
