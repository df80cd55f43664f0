package languages

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var block = regexp.MustCompile("(?s)```(python|js|java|yaml)\n(.*?)```")

// What the pages of idp-mock show in other languages stands in the programs, word for word.
func TestPagesShowThePrograms(t *testing.T) {
	var programs strings.Builder
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		switch filepath.Ext(path) {
		case ".py", ".mjs", ".java", ".yml":
			text, err := os.ReadFile(path)
			programs.Write(text)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob("../../idp-mock/docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range block.FindAllStringSubmatch(string(text), -1) {
			shown++
			if !strings.Contains(programs.String(), m[2]) {
				t.Errorf("%s shows what no program has:\n%s", page, m[2])
			}
		}
	}
	if shown < 10 {
		t.Errorf("only %d blocks were found", shown)
	}
}
