package doctest

import (
	"regexp"
	"strings"
	"testing"
)

// The tables that make capacity prints are those of docs/capacity.md, so that a page of new
// figures is a copy.
func TestCapacityHasTheTables(t *testing.T) {
	page := read(t, root+"/docs/capacity.md")
	heads := regexp.MustCompile(`Head += "(.*)"`).FindAllStringSubmatch(read(t, root+"/bench/capacity.go"), -1)
	if len(heads) != 4 {
		t.Errorf("%d tables in bench", len(heads))
	}
	for _, head := range heads {
		if !strings.Contains(page, "\n"+head[1]+"\n|---|") {
			t.Errorf("docs/capacity.md has no table %s", head[1])
		}
	}
}
