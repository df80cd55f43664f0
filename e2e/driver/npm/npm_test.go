package npm

import (
	"os"
	"strings"
	"testing"
)

// What is pinned is what lies there.
func TestPath(t *testing.T) {
	for _, file := range []string{"axe-core/axe.min.js", "typescript/bin/tsc", "htmx2/dist/htmx.min.js",
		"htmx4/dist/htmx.min.js"} {
		path, err := Path(file)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := Path("axe-core/nothing.js"); err == nil || !strings.Contains(err.Error(), "remove ") {
		t.Errorf("a file that is not there: %v", err)
	}
	if fresh, err := current(".", "node_modules"); !fresh || err != nil {
		t.Errorf("%v, %v", fresh, err)
	}
	if fresh, err := current(".", t.TempDir()); fresh || err != nil {
		t.Errorf("nothing is fetched, yet: %v, %v", fresh, err)
	}
}
