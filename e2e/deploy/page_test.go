package deploy

import (
	"os"
	"testing"
)

// page is docs/deploy.md.
func page(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/deploy.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
