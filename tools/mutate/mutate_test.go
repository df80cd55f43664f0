package main

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const sample = `package p

import "fmt"

const most = 5

func (t *T) f(a, b int, s string) bool {
	if a < b && !t.closed {
		return true
	}
	s += "x" + s
	fmt.Println(s)
	for i := 0; i < a; i++ {
		t.n = i + 1
	}
	_ = s
	return false
}
`

func TestMutants(t *testing.T) {
	all, err := mutantsOf("p/p.go", []byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range all {
		got = append(got, strings.TrimPrefix(m.key(), "p/p.go | "))
		if _, err := parser.ParseFile(token.NewFileSet(), "", m.apply([]byte(sample)), 0); err != nil {
			t.Errorf("%s: %v", m.key(), err)
		}
	}
	want := []string{
		"- | 5 -> 5+1",
		"T.f | if a < b && !t.closed -> never",
		"T.f | a < b && !t.closed -> a < b || !t.closed",
		"T.f | a < b -> a <= b",
		"T.f | !t.closed -> t.closed",
		"T.f | true -> false",
		`T.f | s += "x" + s -> not done`,
		"T.f | fmt.Println(s) -> not done",
		"T.f | t.n = i + 1 -> not done",
		"T.f | i + 1 -> i - 1",
		"T.f | 1 -> 1+1",
		"T.f | false -> true",
	}
	for i, w := range want {
		want[i] = strings.ReplaceAll(w, "||", "¦¦")
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A reason outlives its mutant otherwise, and a mutant without a reason is none explained.
func TestSurvivorsAreThere(t *testing.T) {
	why, err := readSurvivors(survivorsFile)
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, r := range rooms {
		all, _, err := mutantsIn("../..", r)
		if err != nil || len(all) == 0 {
			t.Fatalf("%s: %d mutants, %v", r.dir, len(all), err)
		}
		for _, m := range all {
			if there[m.key()] {
				t.Errorf("two mutants have one name: %s", m.key())
			}
			there[m.key()] = true
		}
	}
	for key, reason := range why {
		if !there[key] {
			t.Errorf("survivors.txt: there is no such mutant any more: %s", key)
		}
		if reason == "" {
			t.Errorf("survivors.txt: no reason below %s", key)
		}
	}
}

// The same seed takes the same sample, another one another.
func TestSampleIsRepeated(t *testing.T) {
	all, _, err := mutantsIn("../..", rooms[0])
	if err != nil {
		t.Fatal(err)
	}
	same := func(a, b mutant) bool { return a.number == b.number }
	one := choose(all, 10, "1")
	if !slices.EqualFunc(one, choose(all, 10, "1"), same) || slices.EqualFunc(one, choose(all, 10, "2"), same) {
		t.Error("the sample does not depend on the seed alone")
	}
	if got := choose(all, -1, "1"); len(got) != len(all) {
		t.Errorf("%d of %d mutants", len(got), len(all))
	}
}

const tested = `package p

const most = 5

func Less(a, b int) bool { return a < b }

func Both(a, b bool) bool { return a && !b }

func Count(n int) (i int) {
	for {
		if i >= n {
			break
		}
		i++
	}
	return i*2 + most
}

func None() int {
	panic("not called")
}
`

const testOfTested = `package p

import "testing"

func TestLess(t *testing.T) {
	if !Less(1, 2) || Less(2, 1) {
		t.Fatal()
	}
}

func TestBoth(t *testing.T) {
	if Both(false, false) || !Both(true, false) {
		t.Fatal()
	}
}

func TestCount(t *testing.T) {
	if Count(3) != 11 {
		t.Fatal()
	}
}
`

// What the tests say of mutants that they notice, of some that they do not, of one that
// does not build, and of one that never ends. Two have builds of their own: a constant, and
// the one that the compiler refuses.
func TestOutcomes(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module p\n\ngo 1.26\n", "p/p.go": tested,
		"p/p_test.go": testOfTested} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("GOWORK", "off")
	trial, err := newTrial(root, t.TempDir(), room{dir: "p"}, 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range trial.all {
		o, by, err := trial.of(m)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, strings.TrimSpace(strings.TrimPrefix(m.key(), "p/p.go | ")+": "+string(o)+" "+by))
	}
	want := []string{
		"- | 5 -> 5+1: killed TestCount",
		"Less | a < b -> a <= b: survived",
		"Both | a && !b -> a ¦¦ !b: killed TestBoth",
		"Both | !b -> b: killed TestBoth",
		"Count | if i >= n -> never: timed out",
		"Count | i >= n -> i > n: killed TestCount",
		"Count | i*2 + most -> i*2 - most: killed TestCount",
		"Count | i*2 -> i / 2: killed TestCount",
		"Count | 2 -> 2+1: killed TestCount",
		`None | panic("not called") -> not done: not built`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
