package doctest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

type module struct {
	Path, Dir      string
	Main, Indirect bool
}

// required are the modules of go.mod.
func required(t *testing.T) map[string]module {
	t.Helper()
	var mod struct {
		Require []module
	}
	text, err := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json", root+"/go.mod").Output()
	if err == nil {
		err = json.Unmarshal(text, &mod)
	}
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"list", "-m", "-json"}
	for _, m := range mod.Require {
		args = append(args, m.Path)
	}
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	if text, err = cmd.Output(); err != nil {
		t.Fatal(err)
	}
	all := map[string]module{}
	for decoder := json.NewDecoder(bytes.NewReader(text)); ; {
		var m module
		if err := decoder.Decode(&m); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all[m.Path] = m
	}
}

var quoted = regexp.MustCompile("`[a-z]+`")

// library are the rooms that an app links, each with all that it needs.
var library = []struct{ name, path string }{{"rp", "rp"}, {"echoadapter", "echoadapter"}, {"boltstore",
	"rp/store/boltstore"},
	{"redisstore", "rp/store/redisstore"}, {"pgstore", "rp/store/pgstore"}}

// linkedBy tells of each module which rooms link a package of it, in the order of the
// library. What rp links, the adapter of echo links with it and not by itself.
func linkedBy(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, room := range library {
		cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}",
			"./"+room.path)
		cmd.Dir = root
		text, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		modules := strings.Fields(string(text))
		slices.Sort(modules)
		for _, path := range slices.Compact(modules) {
			if room.name != "echoadapter" || len(found[path]) == 0 {
				found[path] = append(found[path], "`"+room.name+"`")
			}
		}
	}
	return found
}

// docs/dependencies.md names every module of go.mod, where it belongs, with the licence
// that the module has and with a reason.
func TestDependencies(t *testing.T) {
	read(t, root+"/go.mod") // so that go test knows what the result depends on
	direct, indirect, _ := strings.Cut(read(t, root+"/docs/dependencies.md"), "\n## Indirect\n")
	indirect, _, _ = strings.Cut(indirect, "\n## Modules of their own\n")
	modules, linked := required(t), linkedBy(t)
	said := map[string]bool{}
	for part, isIndirect := range map[string]bool{direct: false, indirect: true} {
		for _, row := range rows(part) {
			m, ok := modules[row[0]]
			if !ok || said[row[0]] {
				t.Errorf("%s is not in go.mod, or twice on the page", row[0])
				continue
			}
			said[row[0]] = true
			if m.Indirect != isIndirect {
				t.Errorf("%s stands in the wrong table", row[0])
			}
			if is, says := linked[row[0]], quoted.FindAllString(row[2], -1); !slices.Equal(is, says) {
				t.Errorf("%s is linked by %q, the page says %q", row[0], is, says)
			}
			if len(row) != 4 || row[2] == "" || row[3] == "" {
				t.Errorf("%s: who links it, and why? %q", row[0], row)
				continue
			}
			if m.Dir == "" {
				t.Logf("%s is not downloaded: its licence is not compared", row[0])
				continue
			}
			if is := licence(t, m.Dir); is != row[1] {
				t.Errorf("%s is %s, the page says %s", row[0], is, row[1])
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(modules)) {
		if !said[path] {
			t.Errorf("docs/dependencies.md does not name %s", path)
		}
	}
}

// licence names the licence of a module by a sentence that no other one has.
func licence(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "LICENSE*"))
	if err != nil || len(files) == 0 {
		return "unknown"
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ToLower(strings.Join(strings.Fields(string(b)), " "))
	for _, is := range []struct{ name, sentence string }{
		{"Apache-2.0", "apache license version 2.0"},
		{"MPL-2.0", "mozilla public license version 2.0"},
		{"MIT", "permission is hereby granted, free of charge, to any person obtaining a copy"},
		{"ISC", "permission to use, copy, modify, and distribute this software for any purpose " +
			"with or without fee is hereby granted, provided that"},
		{"0BSD", "permission to use, copy, modify, and/or distribute this software for any purpose " +
			"with or without fee is hereby granted."},
		{"BSD-3-Clause", "neither the name of"},
	} {
		if strings.Contains(text, is.sentence) {
			return is.name
		}
	}
	return "unknown"
}
