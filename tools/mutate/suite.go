package main

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// suite is the tests of one package, with all mutants of a room in their build.
type suite struct {
	pkg, dir, binary string
	tests            []test
	patience         time.Duration // how long tests may take, beside five times what they take without a mistake
}

type test struct {
	name    string
	took    time.Duration
	reaches map[int]bool // numbers of mutants
	kills   int
}

// newSuite builds the tests of a package and runs each of them once, alone.
func newSuite(root, pkg, binary string, replaced map[string][]byte, patience time.Duration) (*suite, error) {
	if refused, err := build(root, pkg, binary, replaced); err != nil || refused != "" {
		return nil, fmt.Errorf("%s with its mutants: %s %v", pkg, refused, err)
	}
	s := &suite{pkg: pkg, dir: filepath.Join(root, filepath.FromSlash(pkg)), binary: binary, patience: patience}
	list := exec.Command(binary, "-test.list", ".")
	list.Dir = s.dir
	names, err := list.Output()
	if err != nil {
		return nil, err
	}
	notes := binary + ".reached"
	for _, name := range strings.Fields(string(names)) {
		if err := os.WriteFile(notes, nil, 0o600); err != nil {
			return nil, err
		}
		start := time.Now()
		o, _, err := runTests(binary, s.dir, []string{name}, 8*s.patience, "MUTANTS_REACHED="+notes)
		if err != nil {
			return nil, err
		}
		if o != survived {
			// A mutant would "die" of it, and nobody would see that. A test that counts
			// allocations may mind the choices themselves.
			fmt.Printf("left out, because it does not pass without a mistake either: %s of %s (%s)\n", name, pkg, o)
			continue
		}
		t := test{name: name, took: time.Since(start), reaches: map[int]bool{}}
		text, err := os.ReadFile(notes)
		if err != nil {
			return nil, err
		}
		for _, n := range strings.Fields(string(text)) {
			i, err := strconv.Atoi(n)
			if err != nil {
				return nil, err
			}
			t.reaches[i] = true
		}
		s.tests = append(s.tests, t)
	}
	return s, nil
}

// try runs the tests that reach a mutant: first those that have killed the most, and then
// the quickest. 0 is a mutant that has a build of its own: any test may reach it.
func (s *suite) try(binary string, number int) (o outcome, by string, err error) {
	var chosen []*test
	for i, t := range s.tests {
		if number == 0 || t.reaches[number] {
			chosen = append(chosen, &s.tests[i])
		}
	}
	slices.SortStableFunc(chosen, func(a, b *test) int { return cmp.Or(b.kills-a.kills, cmp.Compare(a.took, b.took)) })
	for n := 4; len(chosen) > 0; n *= 2 {
		part := chosen[:min(n, len(chosen))]
		chosen = chosen[len(part):]
		limit := s.patience
		var names []string
		for _, t := range part {
			limit += 5 * t.took
			names = append(names, t.name)
		}
		o, by, err := runTests(binary, s.dir, names, limit, fmt.Sprintf("MUTANT=%d", number))
		for _, t := range part {
			if o == killed && t.name == by {
				t.kills++
			}
		}
		if o != survived || err != nil {
			return o, by, err
		}
	}
	return survived, "", nil
}
