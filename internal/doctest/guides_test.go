package doctest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/idps"
)

// sections of a guide, in order. No guide has others.
var sections = []string{"1. Set up the IdP", "2. The program", "3. What it honours", "4. Who is logged out when",
	"5. What is not possible", "6. How to check"}

var (
	heading = regexp.MustCompile(`(?m)^## (.+)$`)
	fenced  = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")
	link    = regexp.MustCompile(`\]\(([a-z0-9-]+)\.md\)`)

	byName      = regexp.MustCompile(`(?:Named\("|-like )([a-z0-9.-]+)`)
	ofConfig    = regexp.MustCompile("`(?:rp\\.)?Config\\.([A-Za-z]+)")
	ofCan       = regexp.MustCompile("`(?:rp\\.)?Capabilities\\.([A-Za-z]+)")
	finding     = regexp.MustCompile("[Ff]inding `([a-z_]+)`")
	demo        = regexp.MustCompile(`(?m)^go run \./demo(?:.*\\\n)*.*$`)
	flagged     = regexp.MustCompile(` -([a-z][a-z-]*)`)
	flagDefined = regexp.MustCompile(`f\.[A-Za-z0-9]+Var\(&o\.[A-Za-z]+, "([a-z-]+)"`)
)

type guide struct {
	name, text string
	sections   map[string]string // by heading
}

func guides(t *testing.T) (all []guide, index string) {
	t.Helper()
	paths, err := filepath.Glob(root + "/docs/idp/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(path), ".md")
		if name == "README" {
			index = string(text)
			continue
		}
		g := guide{name, string(text), map[string]string{}}
		at := heading.FindAllStringSubmatchIndex(g.text, -1)
		for i, m := range at {
			end := len(g.text)
			if i+1 < len(at) {
				end = at[i+1][0]
			}
			g.sections[g.text[m[2]:m[3]]] = strings.TrimSpace(g.text[m[1]:end])
		}
		all = append(all, g)
	}
	if len(all) < 14 {
		t.Errorf("only %d guides", len(all))
	}
	return all, index
}

// blocks are the fenced blocks of a language in a text, or of all.
func blocks(text, language string) (found []string) {
	for _, m := range fenced.FindAllStringSubmatch(text, -1) {
		if m[1] == language || language == "" {
			found = append(found, m[2])
		}
	}
	return found
}

// rows are the cells of the tables in a text, without heads.
func rows(text string) (found [][]string) {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|-") || i+1 < len(lines) &&
			strings.HasPrefix(lines[i+1], "|-") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		found = append(found, cells)
	}
	return found
}

// Every guide of an IdP has the same form, and the index names each.
func TestGuidesForm(t *testing.T) {
	all, index := guides(t)
	var names []string
	for _, g := range all {
		names = append(names, g.name)
		var heads []string
		for _, m := range heading.FindAllStringSubmatch(g.text, -1) {
			heads = append(heads, m[1])
		}
		if !slices.Equal(heads, sections) {
			t.Errorf("%s: sections %q, want %q", g.name, heads, sections)
			continue
		}
		if !strings.HasPrefix(g.text, "# ") {
			t.Errorf("%s: no title", g.name)
		}
		for i, name := range sections {
			if g.sections[name] == "" {
				t.Errorf("%s: section %d is empty", g.name, i+1)
			}
		}
		if len(blocks(g.sections[sections[1]], "go")) == 0 {
			t.Errorf("%s: no program", g.name)
		}
		honours := rows(g.sections[sections[2]])
		for _, what := range []string{"extends", "proves", "a revocation also revokes", "logout tokens",
			"front-channel logout", "userinfo"} {
			if !slices.ContainsFunc(honours, func(row []string) bool {
				return len(row) == 3 && strings.Contains(row[0], what) && row[1] != "" && row[2] != ""
			}) {
				t.Errorf("%s: section 3 has no row on %q with a source", g.name, what)
			}
		}
		when := rows(g.sections[sections[3]])
		for _, who := range []string{"in this app only", "in another app only", "nobody", "logs out elsewhere"} {
			if !slices.ContainsFunc(when, func(row []string) bool {
				return len(row) == 3 && strings.Contains(row[0], who) &&
					(strings.Contains(row[2], "by the rules") || strings.Contains(row[2], "measured"))
			}) {
				t.Errorf("%s: section 4 does not say when, and whence that is known: %q", g.name, who)
			}
		}
		if !demo.MatchString(strings.Join(blocks(g.sections[sections[5]], ""), "")) ||
			!strings.Contains(g.sections[sections[5]], "rp.Diagnose") {
			t.Errorf("%s: section 6 needs the demo's command and rp.Diagnose", g.name)
		}
		for _, b := range blocks(g.text, "go") {
			if tidy, err := format.Source([]byte(b)); err != nil || string(tidy) != b {
				t.Errorf("%s: not as gofmt has it: %v\n%s", g.name, err, b)
			}
		}
		for _, b := range blocks(g.text, "json") {
			if !json.Valid([]byte(b)) {
				t.Errorf("%s: not JSON:\n%s", g.name, b)
			}
		}
		for i, line := range strings.Split(g.text, "\n") {
			if n := len([]rune(line)); n > 120 && !strings.HasPrefix(line, "|") {
				t.Errorf("%s:%d: %d columns", g.name, i+1, n)
			}
		}
	}
	var linked []string
	for _, row := range rows(index) {
		for _, m := range link.FindAllStringSubmatch(row[0], -1) {
			linked = append(linked, m[1])
		}
	}
	slices.Sort(linked)
	if !slices.Equal(linked, names) {
		t.Errorf("the index names %q, there are %q", linked, names)
	}
}

// What a guide names is there: capabilities, fields, findings, flags of the demo.
func TestGuidesName(t *testing.T) {
	all, index := guides(t)
	flags := map[string]bool{}
	for _, m := range flagDefined.FindAllStringSubmatch(read(t, root+"/demo/program/flags.go"), -1) {
		flags[m[1]] = true
	}
	sources, err := filepath.Glob(root + "/rp/*.go")
	if more, _ := filepath.Glob(root + "/rp/internal/*/*.go"); err == nil {
		sources = append(sources, more...)
	}
	if err != nil {
		t.Fatal(err)
	}
	var library strings.Builder
	for _, path := range sources {
		if !strings.HasSuffix(path, "_test.go") {
			library.WriteString(read(t, path))
		}
	}
	count := 0
	for _, g := range append(all, guide{name: "README", text: index}) {
		missing := func(kind string, pattern *regexp.Regexp, text string, is func(string) bool) {
			for _, m := range pattern.FindAllStringSubmatch(text, -1) {
				count++
				if !is(m[1]) {
					t.Errorf("%s: there is no %s %s", g.name, kind, m[1])
				}
			}
		}
		missing("capability", byName, g.text, func(s string) bool { return slices.Contains(idps.Names(), s) })
		missing("field of Config:", ofConfig, g.text, hasField[rp.Config])
		missing("field of Capabilities:", ofCan, g.text, hasField[idps.Capabilities])
		missing("finding", finding, g.text, func(s string) bool {
			return strings.Contains(library.String(), `"`+s+`"`)
		})
		for _, command := range demo.FindAllString(g.text, -1) {
			missing("flag of the demo:", flagged, command, func(s string) bool { return flags[s] })
		}
	}
	if len(flags) < 20 || count < 150 {
		t.Errorf("only %d flags and %d names: are the patterns right?", len(flags), count)
	}
}

func hasField[T any](name string) bool {
	_, ok := reflect.TypeFor[T]().FieldByName(name)
	return ok
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// program is what one program of a guide has configured.
type program struct {
	Guide        string
	Fault        string // what rp.New says before it asks the IdP
	Can          idps.Capabilities
	Kind         string
	SilentCheck  bool
	Idle, Window bool
}

// The programs compile, rp.New takes their configuration, none is left to the generic
// guess, and the index, the command that checks it and the program say the same.
func TestGuidesPrograms(t *testing.T) {
	all, index := guides(t)
	said := map[string][]string{}
	for _, row := range rows(index) {
		if m := link.FindStringSubmatch(row[0]); m != nil {
			said[m[1]] = row
		}
	}
	seen := map[string]bool{}
	for _, p := range run(t, all) {
		first := !seen[p.Guide]
		seen[p.Guide] = true
		if p.Fault != "" {
			t.Errorf("%s: %s", p.Guide, p.Fault)
		}
		if p.Can.Name == "" || p.Can.Name == idps.Unverified {
			t.Errorf("%s: its capabilities are %q", p.Guide, p.Can.Name)
		}
		if !first {
			continue // a second program is for a variant
		}
		row := said[p.Guide]
		if len(row) < 3 {
			t.Errorf("%s: not in the index", p.Guide)
			continue
		}
		for i, calls := range []idps.Calls{p.Can.Extends, p.Can.Proves} {
			for name, is := range map[string]bool{"refresh": calls.Refresh, "userinfo": calls.Userinfo,
				"introspection": calls.Introspection} {
				if strings.Contains(row[i+1], name) != is {
					t.Errorf("%s: the index says %q, the program's capabilities %+v", p.Guide, row[i+1], calls)
				}
			}
		}
		i := slices.IndexFunc(all, func(g guide) bool { return g.name == p.Guide })
		command := demo.FindString(all[i].sections[sections[5]])
		for flag, is := range map[string]bool{"-silent-check": p.SilentCheck, "-idle ": p.Idle,
			"-idp-window ": p.Window,
			"-app " + strings.ReplaceAll(p.Kind, "-", ""): true} {
			if strings.Contains(command, flag) != is {
				t.Errorf("%s: %s in the command: %v, want %v", p.Guide, flag, !is, is)
			}
		}
	}
	for _, g := range all {
		if !seen[g.name] {
			t.Errorf("%s: its program did not run", g.name)
		}
	}
}

// run compiles every program as a package of its own and a main package that calls them,
// none of which is on the disk here, and reads what they say.
func run(t *testing.T, all []guide) (found []program) {
	t.Helper()
	dir := t.TempDir()
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	base, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	put := func(path, text string) {
		file := filepath.Join(dir, strings.NewReplacer("/", "_", ".", "_").Replace(path)+".txt")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay.Replace[filepath.Join(base, "guides", path)] = file
	}
	var imports, calls strings.Builder
	for _, g := range all {
		for i, m := range fenced.FindAllStringSubmatchIndex(g.text, -1) {
			if g.text[m[2]:m[3]] != "go" {
				continue
			}
			code, ok := strings.CutPrefix(g.text[m[4]:m[5]], "package main\n")
			if !ok {
				t.Fatalf("%s: a program does not begin with package main", g.name)
			}
			name := fmt.Sprintf("%s%d", strings.NewReplacer("-", "", "_", "").Replace(g.name), i)
			line := 1 + strings.Count(g.text[:m[4]], "\n")
			put(name+"/guide.go", fmt.Sprintf("package %s\n//line %s.md:%d\n%s\nvar Config = config\n", name, g.name,
				line+1, code))
			fmt.Fprintf(&imports, "\t%q\n", "github.com/tandem-sso/tandem/internal/doctest/guides/"+name)
			fmt.Fprintf(&calls, "\ttell(%q, %s.Config)\n", g.name, name)
		}
	}
	put("main.go", strings.NewReplacer("IMPORTS", imports.String(), "CALLS", calls.String()).Replace(guidesMain))
	list, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, list, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "run", "-overlay", path, "./guides")
	cmd.Env = append(os.Environ(), "CLIENT_ID=notes", "CLIENT_SECRET=s3cret", "PROJECT_ID=4711")
	var said, faults bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &faults
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, faults.Bytes())
	}
	for dec := json.NewDecoder(&said); dec.More(); {
		var p program
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		found = append(found, p)
	}
	return found
}

// The IdP is not asked: the context is over.
const guidesMain = `package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/idps"
	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/memstore"

IMPORTS)

func main() {
CALLS}

func tell(guide string, config func(rp.Keys, store.Store) rp.Config) {
	c := config(rp.Keys{rp.NewKey()}, memstore.New(memstore.Options{}))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := rp.Diagnose(ctx, c)
	fault, wrong := "", (*rp.ConfigError)(nil)
	if errors.As(err, &wrong) {
		fault = err.Error()
	}
	can := idps.Guess(c.Issuer)
	if c.Capabilities != nil {
		can = *c.Capabilities
	}
	if err := json.NewEncoder(os.Stdout).Encode(map[string]any{"Guide": guide, "Fault": fault, "Can": can, "Kind": c.Kind.String(),
		"SilentCheck": c.SilentCheck, "Idle": c.Idle > 0, "Window": c.IdPWindow > 0}); err != nil {
		panic(err)
	}
}
`
