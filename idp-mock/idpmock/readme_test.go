package idpmock_test

import (
	"os"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

func between(t *testing.T, file, from, to string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), from)
	part, _, ok2 := strings.Cut(rest, to)
	if !ok || !ok2 {
		t.Fatalf("%s has no part from %q to %q", file, from, to)
	}
	return part
}

// The README's story is the Example that runs, and stays short.
func TestReadmeShowsTheExample(t *testing.T) {
	source := between(t, "example_test.go", "func Example() {\n", "\n}\n")
	if readme := between(t, "../README.md", "func Example() {\n", "\n}\n"); readme != source {
		t.Errorf("the README says\n%s\nthe Example is\n%s", readme, source)
	}
	if n := strings.Count(source, "\n") + 3; n >= 25 {
		t.Errorf("the Example has %d lines, want fewer than 25", n)
	}
}

// The README's configuration can be read.
func TestReadmeShowsAGoodConfiguration(t *testing.T) {
	var c idpmock.Config
	if err := c.UnmarshalJSON([]byte(between(t, "../README.md", "```json\n", "```"))); err != nil {
		t.Fatal(err)
	}
	c.Issuer = "https://idp.example"
	idp, err := idpmock.New(c)
	if err != nil {
		t.Fatal(err)
	}
	idp.Close()
}
