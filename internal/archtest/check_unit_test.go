package archtest

import (
	"slices"
	"testing"
)

// TestCheckBites feeds the checker dependency lists that are made up, each
// broken in one way, and expects the very breach.
func TestCheckBites(t *testing.T) {
	rules := []room{
		{path: "core", rooms: []string{"core/internal/..."}, modules: []string{"lib.example/good/..."},
			never: []string{"testing/..."}},
		{path: "core/internal/...", modules: []string{"lib.example/good/..."}},
		{path: "core/store", rooms: []string{"core"}, modules: []string{"lib.example/driver"}},
		{path: "core/other", rooms: []string{"core"}},
		{path: "adapter", rooms: []string{"core", "core/internal/..."}, modules: []string{"lib.example/good/..."}},
		{path: "mock/...", modules: []string{"lib.example/good/..."}, tests: true},
		{path: "model/...", tests: true, also: []string{"mock/..."}},
		{path: "model", tests: true, also: []string{"mock/..."}},
		{path: "demo/...", rooms: []string{"core/...", "adapter", "mock/..."}, modules: []string{anything}},
	}
	world := func(more ...listed) []listed {
		return append([]listed{
			{ImportPath: "net/http", Standard: true, Imports: []string{"not/followed"}},
			{ImportPath: "testing", Standard: true},
			{ImportPath: "testing/synctest", Standard: true},
			{ImportPath: "lib.example/good", Imports: []string{"net/http"}},
			{ImportPath: "lib.example/good/sub"},
			{ImportPath: "lib.example/goodness"},
			{ImportPath: "lib.example/leaky", Imports: []string{"lib.example/evil"}},
			{ImportPath: "lib.example/evil"},
			{ImportPath: "lib.example/driver"},
			{ImportPath: "m/core/internal/deep/er", Imports: []string{"lib.example/good/sub"}},
		}, more...)
	}
	pkg := func(path string, imports ...string) listed { return listed{ImportPath: path, Imports: imports} }

	for _, tc := range []struct {
		name  string
		world []listed
		want  []string
	}{
		{"all is well", world(
			pkg("m/core", "net/http", "C", "lib.example/good", "m/core/internal/deep/er"),
			pkg("m/core/store", "lib.example/driver"),
			pkg("m/demo/app", "m/core/store", "lib.example/evil"),
		), nil},
		{"a library that no rule names", world(pkg("m/core", "lib.example/evil")),
			[]string{"core → lib.example/evil: not allowed for core"}},
		{"a name that only begins alike", world(pkg("m/core", "lib.example/goodness")),
			[]string{"core → lib.example/goodness: not allowed for core"}},
		{"by way of an internal package", world(
			pkg("m/core", "m/core/internal/x"),
			pkg("m/core/internal/x", "lib.example/evil"),
		), []string{
			"core → core/internal/x → lib.example/evil: not allowed for core",
			"core/internal/x → lib.example/evil: not allowed for core/internal/...",
		}},
		{"by way of a library that is allowed", []listed{
			pkg("m/core", "lib.example/good"),
			pkg("lib.example/good", "lib.example/evil"),
			pkg("lib.example/evil"),
		}, []string{"core → lib.example/good → lib.example/evil: not allowed for core"}},
		{"test code in production", world(pkg("m/core", "testing/synctest", "testing")),
			[]string{
				"core → testing/synctest: not allowed for core",
				"core → testing: not allowed for core",
			}},
		{"one store imports the other", world(
			pkg("m/core"),
			pkg("m/core/store", "m/core", "m/core/other"),
			pkg("m/core/other", "m/core"),
		), []string{"core/store → core/other: not allowed for core/store"}},
		{"an arrow that points up", world(
			pkg("m/core", "m/adapter"),
			pkg("m/adapter"),
		), []string{"core → adapter: not allowed for core"}},
		{"a driver that leaks upwards", world(
			pkg("m/adapter", "m/core"),
			pkg("m/core", "lib.example/driver"),
		), []string{
			"adapter → core → lib.example/driver: not allowed for adapter",
			"core → lib.example/driver: not allowed for core",
		}},
		{"a room without a rule", world(pkg("m/core/newstore", "lib.example/evil")),
			[]string{"core/newstore: no rule names this room; add it to rooms_test.go"}},
		{"the module's root is a room, too", world(pkg("m")),
			[]string{".: no rule names this room; add it to rooms_test.go"}},
		{"the mock's tests import the core", world(
			pkg("m/core"),
			listed{ImportPath: "m/mock", TestImports: []string{"m/mock/x", "testing"},
				XTestImports: []string{"m/core"}},
			pkg("m/mock/x"),
		), []string{"mock (test) → m/core: not allowed for mock/..."}},
		{"tests may have rooms of their own", world(
			listed{ImportPath: "m/model", XTestImports: []string{"m/mock/x"}},
			listed{ImportPath: "m/model/inner", Imports: []string{"m/mock/x"}, XTestImports: []string{"m/core"}},
			pkg("m/mock/x"), pkg("m/core"),
		), []string{"model/inner (test) → m/core: not allowed for model/...",
			"model/inner → mock/x: not allowed for model/..."}},
		{"other rooms' tests are free", world(
			listed{ImportPath: "m/core", XTestImports: []string{"m/adapter", "testing"}},
			pkg("m/adapter", "m/core"),
		), nil},
		{"a list that is not complete", world(pkg("m/core", "lib.example/lost")),
			[]string{"core → lib.example/lost: not in the list of packages"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := check("m", rules, tc.world); !slices.Equal(got, tc.want) {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}
