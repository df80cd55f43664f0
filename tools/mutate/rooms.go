package main

// room is a package whose tests are put to the test.
type room struct {
	dir   string   // from the root of the module
	tests []string // the packages whose tests hold it; none: its own
	of    int      // how many mutants a run takes unless it is told otherwise
}

// rooms are the pure packages first: their tests take milliseconds. The others are held by
// the tests of rp as well, which take minutes for a mutant that survives, so a run takes fewer
// of their mutants; of the engine more, because it has most.
var rooms = []room{
	{dir: "rp/internal/lifetime"},
	{dir: "rp/internal/verdict"},
	{dir: "rp/internal/classify"},
	{dir: "rp/internal/idtoken"},
	{dir: "rp/internal/logouttoken"},
	{dir: "rp/internal/claims"},
	{dir: "rp/internal/record"},
	{dir: "rp/internal/names"},
	{dir: "rp/internal/weburl"},
	{dir: "rp/internal/outside"},
	{dir: "rp/internal/authrequest"},
	{dir: "rp/internal/checkup"},
	{dir: "rp/internal/endsession", tests: []string{"rp/internal/endsession", "rp"}, of: few},
	{dir: "rp/internal/loginflow", tests: []string{"rp/internal/loginflow", "rp"}, of: few},
	{dir: "rp/internal/cookie", tests: []string{"rp/internal/cookie", "rp"}, of: few},
	{dir: "rp/internal/site", tests: []string{"rp/internal/site", "rp"}, of: few},
	{dir: "rp/internal/seal"},
	{dir: "rp/internal/engine", tests: []string{"rp/internal/engine", "rp"}, of: many},
}

// few is a sample where each mutant costs the tests of rp, many where it costs nothing.
const few, many = 5, 25

func (r room) testedBy() []string {
	if len(r.tests) == 0 {
		return []string{r.dir}
	}
	return r.tests
}
