package archtest

import (
	"fmt"
	"slices"
	"strings"
)

// room is the rule of one part of the module. A pattern is an import path, or
// one that ends in "/..." and means the path and everything below it.
type room struct {
	path    string   // pattern, relative to the module; the longest match counts
	rooms   []string // patterns of other rooms it may reach, relative to the module
	modules []string // patterns of packages outside the module it may reach
	never   []string // patterns of standard packages it must not reach
	tests   bool     // its tests, too, import only the rooms above
	also    []string // patterns of rooms that its tests may import beside
}

// anything in room.modules lifts the allow-list, for programs that nobody imports.
const anything = "*"

// listed is what the checker knows of one package: go list's answer.
type listed struct {
	ImportPath   string
	Standard     bool
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// check returns one line per breach of the rules, naming the chain of imports
// that leads to it. It is pure: the packages are all it looks at. They are the
// module's and, transitively, everything that these import.
func check(module string, rules []room, packages []listed) []string {
	known := map[string]listed{}
	for _, p := range packages {
		known[p.ImportPath] = p
	}
	var breaches []string
	for _, p := range packages {
		path, own := inModule(module, p.ImportPath)
		if !own {
			continue
		}
		rule, found := ruleOf(rules, path)
		if !found {
			breaches = append(breaches, path+": no rule names this room; add it to rooms_test.go")
			continue
		}
		breaches = append(breaches, checkReach(module, rule, p, known)...)
		if rule.tests {
			breaches = append(breaches, checkTests(module, rule, p)...)
		}
	}
	slices.Sort(breaches)
	return slices.Compact(breaches)
}

// checkReach walks everything that from reaches, breadth first, so that the
// chain it reports is a shortest one. It does not look inside the standard
// library, nor behind a package that is a breach itself.
func checkReach(module string, rule room, from listed, known map[string]listed) []string {
	var breaches []string
	start := from.ImportPath
	via := map[string]string{start: ""}
	for queue := []string{start}; len(queue) > 0; queue = queue[1:] {
		for _, next := range known[queue[0]].Imports {
			if _, seen := via[next]; seen || next == "C" {
				continue
			}
			via[next] = queue[0]
			p, found := known[next]
			switch {
			case !found:
				breaches = append(breaches, fmt.Sprintf("%s: not in the list of packages", chain(module, via, next)))
			case !allowed(module, rule, p):
				breaches = append(breaches, fmt.Sprintf("%s: not allowed for %s", chain(module, via, next), rule.path))
			case !p.Standard:
				queue = append(queue, next)
			}
		}
	}
	return breaches
}

// checkTests looks at what the tests of p import directly from this module.
func checkTests(module string, rule room, p listed) []string {
	var breaches []string
	for _, path := range slices.Concat(p.TestImports, p.XTestImports) {
		if _, own := inModule(module, path); own && !allowed(module, rule, listed{ImportPath: path}) {
			if name, _ := inModule(module, path); matchesAny(rule.also, name) {
				continue
			}
			name, _ := inModule(module, p.ImportPath)
			breaches = append(breaches, fmt.Sprintf("%s (test) → %s: not allowed for %s", name, path, rule.path))
		}
	}
	return breaches
}

func allowed(module string, rule room, p listed) bool {
	if p.Standard {
		return !matchesAny(rule.never, p.ImportPath)
	}
	if path, own := inModule(module, p.ImportPath); own {
		return matches(rule.path, path) || matchesAny(rule.rooms, path)
	}
	return slices.Contains(rule.modules, anything) || matchesAny(rule.modules, p.ImportPath)
}

func ruleOf(rules []room, path string) (best room, found bool) {
	for _, r := range rules {
		if matches(r.path, path) && (!found || len(r.path) > len(best.path)) {
			best, found = r, true
		}
	}
	return best, found
}

func matches(pattern, path string) bool {
	tree, isTree := strings.CutSuffix(pattern, "/...")
	return path == tree || isTree && strings.HasPrefix(path, tree+"/")
}

func matchesAny(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, path) })
}

// inModule returns the path relative to the module, "." for its root.
func inModule(module, path string) (string, bool) {
	if path == module {
		return ".", true
	}
	return strings.CutPrefix(path, module+"/")
}

func chain(module string, via map[string]string, to string) string {
	var links []string
	for at := to; at != ""; at = via[at] {
		if path, own := inModule(module, at); own {
			links = append(links, path)
		} else {
			links = append(links, at)
		}
	}
	slices.Reverse(links)
	return strings.Join(links, " → ")
}
