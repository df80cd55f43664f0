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
	jose := []string{"github.com/go-jose/go-jose/v4/..."}

	// Test code is out of reach of what people link into their programs.
	testCode := []string{"testing/...", "net/http/httptest"}
	contract := []string{"rp", "rp/activity", "rp/adapter", "rp/store", "rp/reason", "rp/event", "rp/pages", "rp/idps",
		"rp/internal/..."}
	ofStores := []string{"rp/store", "rp/store/internal/..."}
	everything := []string{"rp/...", "nethttpadapter/...", "echoadapter/...", "idp-mock/..."}
	onApps := append([]string{"demo/apps"}, everything...)
	onSystem := append([]string{"demo/system"}, onApps...)

	// What rp knows of browsers knows nobody who is logged in: no record, no store, no IdP.
	// Of two patterns of the same length the first counts, so these stand before rp/internal/....
	request := []string{"rp/internal/web", "rp/internal/classify"}
	place := append([]string{"rp/internal/site", "rp/internal/weburl"}, request...)
	ofBrowsers := append([]string{"rp/internal/posted", "rp/internal/page", "rp/internal/seal"}, place...)

	// What decides, and what calls the IdP.
	rules := []string{"rp/internal/claims", "rp/internal/cookie", "rp/internal/dpop", "rp/internal/idp",
		"rp/internal/idtoken", "rp/internal/keyset", "rp/internal/lifetime",
		"rp/internal/logouttoken", "rp/internal/names", "rp/internal/outside", "rp/internal/record", "rp/internal/seal",
		"rp/internal/throttle", "rp/internal/verdict", "rp/internal/weburl"}

	return []room{
		{path: "rp/internal/classify", never: testCode},
		{path: "rp/internal/web", rooms: request, never: testCode},
		{path: "rp/internal/cookie", never: testCode},
		{path: "rp/internal/site", rooms: place, never: testCode},
		{path: "rp/internal/asset", rooms: request, never: testCode},
		{path: "rp/internal/eventstream", rooms: request, never: testCode},
		{path: "rp/internal/page", never: testCode},
		{path: "rp/internal/posted", rooms: append([]string{"rp/internal/seal"}, place...), never: testCode},
		{path: "rp/internal/loginflow", rooms: append([]string{"rp/internal/seal", "rp/internal/cookie",
			"rp/internal/outside"}, place...), modules: []string{"github.com/gorilla/..."}, never: testCode},
		{path: "rp/internal/answer", rooms: ofBrowsers, never: testCode},
		{path: "rp/internal/endsession", rooms: []string{"rp/idps", "rp/internal/cookie", "rp/internal/weburl"},
			never: testCode},

		// What is asked of the IdP knows no session.
		{path: "rp/internal/authrequest", rooms: append([]string{"rp/reason", "rp/store", "rp/internal/loginflow"},
			append(place, rules...)...), modules: core, never: testCode},
		{path: "rp/internal/checkup", rooms: append([]string{"rp/store", "rp/internal/classify"}, rules...),
			modules: core, never: testCode},
		{path: "rp/internal/...", modules: core, never: testCode},
		{path: "rp", rooms: []string{"rp/activity", "rp/adapter", "rp/store", "rp/reason", "rp/event", "rp/pages",
			"rp/idps", "rp/internal/..."}, modules: core, never: testCode},
		{path: "rp/activity", rooms: append([]string{"rp/internal/lifetime"}, request...), never: testCode},
		{path: "rp/idps", rooms: []string{"rp/internal/weburl"}, never: testCode},
		{path: "rp/adapter", rooms: append([]string{"rp/reason", "rp/store", "rp/internal/answer"}, ofBrowsers...),
			never: testCode},
		{path: "rp/reason", rooms: []string{"rp/store"}, never: testCode},
		{path: "rp/pages", rooms: []string{"rp/internal/page"}, never: testCode},
		{path: "rp/event", rooms: []string{"rp/reason", "rp/store"}, never: testCode},

		// Sessions at work know the store and the IdP, and no browser: neither these rooms
		// nor rp are in reach.
		{path: "rp/internal/engine", rooms: append([]string{"rp/store", "rp/reason", "rp/event", "rp/idps"}, rules...),
			modules: core, never: testCode},
		{path: "rp/internal/names", rooms: []string{"rp/store", "rp/internal/cookie", "rp/internal/record",
			"rp/internal/seal"}, never: testCode},
		{path: "rp/internal/throttle", rooms: []string{"rp/store"}, never: testCode},
		{path: "rp/ssf", rooms: contract, modules: core, never: testCode},
		{path: "rp/audit", rooms: contract, modules: core, never: testCode},
		{path: "rp/registration", rooms: contract, modules: core, never: testCode},
		{path: "rp/otherclaims", rooms: rules, modules: core, never: slices.Concat(testCode, []string{"rp"})},
		{path: "rp/resourceserver", rooms: rules, modules: core, never: slices.Concat(testCode, []string{"rp"})},

		// The contract of stores needs the standard library alone. A store knows the
		// contract and its own driver, never another store and never rp.
		{path: "rp/store", never: testCode},
		{path: "rp/store/internal/storekit", rooms: []string{"rp/store"}, never: testCode},
		{path: "rp/store/memstore", rooms: ofStores, never: testCode},
		{path: "rp/store/boltstore", rooms: ofStores, modules: bbolt, never: testCode},
		{path: "rp/store/redisstore", rooms: ofStores, modules: rueidis, never: testCode},
		{path: "rp/store/pgstore", rooms: ofStores, modules: slices.Concat(pgx, []string{"golang.org/x/sync/..."}),
			never: testCode},
		{path: "rp/store/storetest", rooms: ofStores, modules: rapid},

		{path: "rp/rptest", rooms: append([]string{"rp/store/memstore", "rp/store/internal/..."}, contract...),
			modules: core},

		{path: "nethttpadapter", rooms: contract, modules: core, never: testCode},
		{path: "echoadapter", rooms: contract, modules: slices.Concat(core, echo), never: testCode},

		// Never rp, not even in its tests: one bug must not hide in both.
		// The provider knows nothing of what stands beside it.
		{path: "idp-mock/idpmock", rooms: []string{"idp-mock/internal/..."}, modules: jose,
			tests: true, also: []string{"idp-mock/..."}},
		{path: "idp-mock/control", rooms: []string{"idp-mock/idpmock", "idp-mock/internal/..."}, modules: jose,
			tests: true, also: []string{"idp-mock/..."}},
		{path: "idp-mock/transmitter", rooms: []string{"idp-mock/idpmock", "idp-mock/internal/..."}, modules: jose,
			tests: true, also: []string{"idp-mock/..."}},
		{path: "idp-mock/...", modules: jose, tests: true},

		// Programs at the top: nobody imports them.
		{path: "demo/apps", rooms: everything, modules: []string{anything}},
		{path: "demo/system", rooms: onApps, modules: []string{anything}},
		{path: "demo/trial", rooms: onApps, modules: []string{anything}},
		{path: "demo/planner", rooms: onSystem, modules: []string{anything}},
		{path: "demo/scenario", rooms: onSystem, modules: []string{anything}},
		{path: "demo/controlroom", rooms: append([]string{"demo/planner", "demo/scenario", "demo/trial"}, onSystem...),
			modules: []string{anything}},
		{path: "demo/...", rooms: everything, modules: []string{anything}},
		{path: "e2e/...", rooms: append(everything, "demo/..."), modules: []string{anything}},
		// What drives the suites knows none of them, and not the demo.
		{path: "e2e/driver/...", rooms: append(everything, "internal/servertest"), modules: []string{anything}},
		// Its checker shares no code with what it judges.
		{path: "e2e/chaos", rooms: []string{"e2e/driver/process", "internal/servertest"}, tests: true},

		{path: "internal/archtest"},
		{path: "internal/doctest"},    // the documentation against the code
		{path: "internal/servertest"}, // real servers for tests
		{path: "internal/jwttest"},    // tokens for tests
		{path: "internal/printtest"},  // what prints no secret
		{path: "internal/adaptertest", rooms: []string{"rp/...", "idp-mock/..."}, modules: core},
		{path: "internal/exampletest", rooms: []string{"idp-mock/..."}, modules: jose},
		{path: "rp/internal/faulttest", rooms: append([]string{"internal/servertest"}, contract...), modules: core},
	}
}
