package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// trial is a room whose mutants are tried.
type trial struct {
	root   string
	all    []mutant
	text   map[string][]byte
	suites []*suite
}

// newTrial builds the tests that hold a room, into dir.
func newTrial(root, dir string, r room, patience time.Duration) (*trial, error) {
	all, text, err := mutantsIn(root, r)
	if err != nil {
		return nil, err
	}
	t := &trial{root: root, all: all, text: text}
	replaced, err := withSwitches(root, r, all, text)
	if err != nil {
		return nil, err
	}
	for _, pkg := range r.testedBy() {
		s, err := newSuite(root, pkg, filepath.Join(dir, strings.ReplaceAll(pkg, "/", "-")), replaced, patience)
		if err != nil {
			return nil, err
		}
		t.suites = append(t.suites, s)
	}
	return t, nil
}

// of tells what the tests say of a mutant, and which one has noticed it.
func (t *trial) of(m mutant) (outcome, string, error) {
	for _, s := range t.suites {
		binary, number := s.binary, m.number
		if t.all[m.number-1].edits == nil {
			binary, number = s.binary+".alone", 0
			refused, err := build(t.root, s.pkg, binary, map[string][]byte{m.file: m.apply(t.text[m.file])})
			if err != nil || refused != "" {
				return unbuilt, "", err
			}
		}
		if o, by, err := s.try(binary, number); o != survived || err != nil {
			return o, by, err
		}
	}
	return survived, "", nil
}

// withSwitches is the files of a room with all of its mutants in them. Those that the
// compiler refuses lose their edits, and so have a build of their own.
func withSwitches(root string, r room, all []mutant, text map[string][]byte) (map[string][]byte, error) {
	for range 10 {
		var clause []byte
		replaced := map[string][]byte{}
		for file, src := range text {
			replaced[file] = switched(file, src, all)
			clause = packageClause.Find(src)
		}
		replaced[r.dir+"/mutants_switches.go"] = slices.Concat(clause, []byte(switches))
		refused, err := build(root, r.dir, os.DevNull, replaced)
		if err != nil || refused == "" {
			return replaced, err
		}
		lost, lines := 0, map[string]bool{}
		for _, at := range refusedAt.FindAllStringSubmatch(refused, -1) {
			if lines[at[0]] {
				continue
			}
			lines[at[0]] = true
			// "missing return" is told at the end of a function: a line above is the cause.
			n, _ := strconv.Atoi(at[2])
			for here := 0; n > 0 && here == 0; n-- {
				here = drop(r.dir+"/"+at[1], n, all, text)
				lost += here
			}
		}
		if lost == 0 {
			return nil, fmt.Errorf("%s does not build: %s", r.dir, refused)
		}
	}
	return nil, fmt.Errorf("%s does not build with its mutants", r.dir)
}

var (
	packageClause = regexp.MustCompile(`(?m)^package \w+`)
	refusedAt     = regexp.MustCompile(`(?m)(\w+\.go):(\d+):`)
)

// drop takes the edits from the mutants that begin on a line, or end there.
func drop(file string, line int, all []mutant, text map[string][]byte) (n int) {
	lineOf := func(at int) int { return 1 + bytes.Count(text[file][:at], []byte("\n")) }
	for i, m := range all {
		if m.file != file || m.edits == nil {
			continue
		}
		if slices.ContainsFunc(m.edits, func(e edit) bool { return lineOf(e.at) == line }) {
			all[i].edits = nil
			n++
		}
	}
	return n
}
