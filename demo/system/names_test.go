package system

import (
	"os"
	"strings"
	"testing"
)

// docs/deploy.md names all hosts of the demo for a machine that knows none of them.
func TestHostsLine(t *testing.T) {
	page, err := os.ReadFile("../../docs/deploy.md")
	if err != nil {
		t.Fatal(err)
	}
	lanes := []string{room, IdP, Notes, Reports, Wiki, Naive, API}
	if len(lanes) != Ports {
		t.Errorf("%d names, %d ports", len(lanes), Ports)
	}
	line := "\n127.0.0.1 " + strings.Join(lanes, ".localhost ") + ".localhost\n"
	if !strings.Contains(string(page), line) {
		t.Errorf("docs/deploy.md does not have the line %q", line)
	}
}
