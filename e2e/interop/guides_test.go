package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/foreign"
	"github.com/tandem-sso/tandem/e2e/driver/process"
	"github.com/tandem-sso/tandem/e2e/interop/guideapp"
)

var guideProgram = regexp.MustCompile("(?ms)^```go\npackage main\n(.*?)^```$")

// guides is a program that holds the config of every guide that has an IdP here: each is
// a package of its own, none of which is on the disk.
func guides(t *testing.T) *process.Program {
	t.Helper()
	dir := t.TempDir()
	base, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	replace := map[string]string{}
	put := func(path, text string) {
		file := filepath.Join(dir, strings.NewReplacer("/", "_", ".", "_").Replace(path)+".txt")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(base, "guides", path)] = file
	}
	var imports, entries strings.Builder
	for _, p := range foreign.Providers {
		text, err := os.ReadFile("../../docs/idp/" + p.Guide + ".md")
		if err != nil {
			t.Fatal(err)
		}
		code := guideProgram.FindSubmatch(text) // a second program is for a variant
		if code == nil {
			t.Fatalf("docs/idp/%s.md has no program", p.Guide)
		}
		name := strings.ReplaceAll(p.Guide, "-", "")
		put(name+"/guide.go", fmt.Sprintf("package %s\n%s\nvar Config = config\n", name, code[1]))
		fmt.Fprintf(&imports, "\t%q\n", "github.com/tandem-sso/tandem/e2e/interop/guides/"+name)
		fmt.Fprintf(&entries, "\t\t%q: %s.Config,\n", p.Guide, name)
	}
	put("main.go", fmt.Sprintf(guidesMain, imports.String(), entries.String()))
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	built := &process.Program{Package: "./e2e/interop/guides", Overlay: path}
	t.Cleanup(built.Close)
	return built
}

const guidesMain = `package main

import (
	"log"

	"github.com/tandem-sso/tandem/e2e/interop/guideapp"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store"

%s)

func main() {
	if err := guideapp.Run(map[string]func(rp.Keys, store.Store) rp.Config{
%s	}); err != nil {
		log.Fatal(err)
	}
}
`

// settings is the variable that tells the program who it is.
func settings(t *testing.T, s guideapp.Settings) process.Env {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return process.Env{"SETTINGS": string(text), "CLIENT_SECRET": foreign.Client{ID: s.ClientID}.Secret(),
		"CLIENT_ID": s.ClientID}
}
