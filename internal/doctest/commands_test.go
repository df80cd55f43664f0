package doctest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	target = regexp.MustCompile(`(?m)^([a-z-]+):`)
	titled = regexp.MustCompile(`(?m)^## (.+)$`)
)

// Commands of the pages on deployment and release are there, or are marked with what they
// need that this repository cannot bring along.
func TestCommandsAreThereOrMarked(t *testing.T) {
	targets := map[string]bool{}
	for _, m := range target.FindAllStringSubmatch(read(t, root+"/Makefile"), -1) {
		targets[m[1]] = true
	}
	count := 0
	for _, page := range []string{"docs/deploy.md", "docs/capacity.md", "docs/versioning.md", "docs/dependencies.md",
		"CONTRIBUTING.md"} {
		for _, block := range blocks(read(t, filepath.Join(root, page)), "sh") {
			for line := range strings.Lines(block) {
				count++
				command, mark, _ := strings.Cut(strings.TrimSpace(line), "#")
				words := strings.Fields(command)
				switch {
				case strings.HasPrefix(strings.TrimSpace(mark), "needs:"):
				case len(words) >= 2 && words[0] == "make":
					for _, word := range words[1:] {
						if !strings.Contains(word, "=") && !targets[word] {
							t.Errorf("%s: the Makefile has no target %s", page, word)
						}
					}
				case strings.HasPrefix(command, "cd bench && go run . -"):
					if flag := "\"" + strings.TrimPrefix(words[6], "-") +
						"\""; !strings.Contains(read(t, root+"/bench/main.go"),
						flag) {
						t.Errorf("%s: bench has no flag %s", page, flag)
					}
				case len(words) >= 3 && words[0] == "go" && words[1] == "test":
					if _, err := os.Stat(filepath.Join(root, words[len(words)-1])); err != nil {
						t.Errorf("%s: %v", page, err)
					}
				default:
					t.Errorf("%s: %q is run by nothing; mark what it needs: # needs: …", page, strings.TrimSpace(line))
				}
			}
		}
	}
	if count < 6 {
		t.Errorf("only %d commands: is the pattern right?", count)
	}
}

// The README's contents name its sections, in order.
func TestContents(t *testing.T) {
	text := read(t, root+"/README.md")
	contents, rest, ok := strings.Cut(text, "\n## ")
	if !ok {
		t.Fatal("the README has no sections")
	}
	at := 0
	for _, m := range titled.FindAllStringSubmatch("\n## "+rest, -1) {
		link := "[" + m[1] + "](#" + strings.ReplaceAll(strings.ToLower(m[1]), " ", "-") + ")"
		i := strings.Index(contents[at:], link)
		if i < 0 {
			t.Errorf("the contents lack %s, or have it elsewhere", link)
			continue
		}
		at += i
	}
}
