package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// survivorsFile lists the mutants that no test kills, and why that is right: a line with
// the mutant, and below it, indented, the reason.
const survivorsFile = "survivors.txt"

// readSurvivors returns the reason of each mutant that is explained.
func readSurvivors(file string) (map[string]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	why := map[string]string{}
	var key string
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "\t"):
			if key == "" {
				return nil, fmt.Errorf("%s:%d: a reason without a mutant above it", file, n)
			}
			why[key] = strings.TrimSpace(why[key] + " " + strings.TrimSpace(line))
		default:
			if _, twice := why[line]; twice {
				return nil, fmt.Errorf("%s:%d: the mutant is listed twice", file, n)
			}
			key = line
			why[key] = ""
		}
	}
	return why, lines.Err()
}

// mutantsIn lists the mutants of a room, and the text of the files that they change.
func mutantsIn(root string, r room) ([]mutant, map[string][]byte, error) {
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(r.dir), "*.go"))
	if err != nil {
		return nil, nil, err
	}
	var all []mutant
	text := map[string][]byte{}
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		src, err := os.ReadFile(f)
		if err != nil {
			return nil, nil, err
		}
		name := r.dir + "/" + filepath.Base(f)
		found, err := mutantsOf(name, src)
		if err != nil {
			return nil, nil, err
		}
		all, text[name] = append(all, found...), src
	}
	for i := range all {
		all[i].number = i + 1
	}
	return all, text, nil
}
