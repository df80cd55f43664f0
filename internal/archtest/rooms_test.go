package archtest

import "slices"

// rooms is the module's plan: who may reach whom. A room that is not here fails
// the test. A library that is not here needs a reason to be added; golang.org/x
// is named package by package for the same purpose.
func rooms() []room {
	// What go-oidc, oauth2 and gorilla/sessions are, with all they need.
	core := []string{
		"github.com/gorilla/...",
		"github.com/coreos/go-oidc/v3/...",
		"github.com/go-jose/go-jose/v4/...",
		"golang.org/x/oauth2/...",
		"golang.org/x/sync/...",
	}
	// What echo v4 pulls itself.
	echo := []string{
		"github.com/labstack/echo/v4/...",
		"github.com/labstack/gommon/...",
		"github.com/mattn/go-colorable",
		"github.com/mattn/go-isatty",
		"github.com/valyala/bytebufferpool",
		"github.com/valyala/fasttemplate",
		"golang.org/x/crypto/acme/...",
		"golang.org/x/net/...",
		"golang.org/x/sys/...",
		"golang.org/x/text/...",
		"golang.org/x/time/rate",
	}
	bbolt := []string{"go.etcd.io/bbolt/...", "golang.org/x/sys/..."}
	rueidis := []string{"github.com/redis/rueidis/...", "golang.org/x/sys/..."}
	pgx := []string{
		"github.com/jackc/pgx/v5/...",
		"github.com/jackc/pgpassfile",
		"github.com/jackc/pgservicefile",
		"github.com/jackc/puddle/v2/...",
		"golang.org/x/text/...",
	}
	rapid := []string{"pgregory.net/rapid"}

	// Test code is out of reach of what people link into their programs.
	testCode := []string{"testing/...", "net/http/httptest"}
	contract := []string{"rp", "rp/internal/..."}
	everything := []string{"rp/...", "nethttpadapter/...", "echoadapter/...", "idp-mock/..."}

	return []room{
		{path: "rp/internal/...", modules: core, never: testCode},
		{path: "rp", rooms: []string{"rp/internal/..."}, modules: core, never: testCode},
		{path: "rp/ssf", rooms: contract, modules: core, never: testCode},
		{path: "rp/resourceserver", rooms: contract, modules: core, never: testCode},

		// Stores know the contract and their own driver, never each other.
		{path: "rp/internal/storekit", rooms: contract, modules: core, never: testCode},
		{path: "rp/memstore", rooms: contract, modules: core, never: testCode},
		{path: "rp/boltstore", rooms: contract, modules: slices.Concat(core, bbolt), never: testCode},
		{path: "rp/redisstore", rooms: contract, modules: slices.Concat(core, rueidis), never: testCode},
		{path: "rp/pgstore", rooms: contract, modules: slices.Concat(core, pgx), never: testCode},
		{path: "rp/storetest", rooms: contract, modules: slices.Concat(core, rapid)},

		// For tests of apps: nothing that they ship reaches it.
		{path: "rp/rptest", rooms: []string{"rp", "rp/internal/...", "rp/memstore"}, modules: core},

		{path: "nethttpadapter", rooms: contract, modules: core, never: testCode},
		{path: "echoadapter", rooms: contract, modules: slices.Concat(core, echo), never: testCode},

		// Never rp, not even in its tests: one bug must not hide in both. The suite
		// reads an OP's pages as a browser would.
		{path: "idp-mock/opsuite", rooms: []string{"idp-mock/..."}, modules: []string{"github.com/go-jose/go-jose/v4/...", "golang.org/x/net/html/..."}, tests: true},
		{path: "idp-mock/...", modules: []string{"github.com/go-jose/go-jose/v4/...", "github.com/a-h/templ/..."}, tests: true},

		// Programs at the top: nobody imports them.
		{path: "demo/...", rooms: everything, modules: []string{anything}},
		{path: "e2e/...", rooms: append(everything, "demo/..."), modules: []string{anything}},
		// Its checker shares no code with what it judges.
		{path: "e2e/chaos", rooms: []string{"e2e/process", "internal/servertest"}, tests: true},

		{path: "internal/archtest"},
		{path: "internal/doctest"},    // the documentation against the code
		{path: "internal/servertest"}, // real servers for tests
		{path: "internal/jwttest"},    // tokens for tests
		{path: "internal/printtest"},  // what prints no secret
		{path: "internal/adaptertest", rooms: []string{"rp/...", "idp-mock/..."}, modules: slices.Concat(core, []string{"github.com/a-h/templ/..."})},
		{path: "internal/exampletest", rooms: []string{"idp-mock/..."}, modules: []string{"github.com/go-jose/go-jose/v4/...", "github.com/a-h/templ/..."}, never: []string{"testing/..."}},
		{path: "rp/internal/faulttest", rooms: append([]string{"internal/servertest"}, contract...), modules: core},
	}
}
