package firefox_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/firefox"
)

var process firefox.Process

func TestMain(m *testing.M) {
	code := m.Run()
	process.Close()
	os.Exit(code)
}

func serve(t *testing.T) string {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `<!doctype html><title>First</title><h1 id="h">One</h1><input id="i"><a id="a" href="/two">on</a>
			<script>i.oninput = e => h.textContent = "typed " + i.value + e.isTrusted; console.log("hello from", "one")</script>`)
	})
	mux.HandleFunc("GET /two", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `<!doctype html><h1>Two</h1>`)
	})
	mux.HandleFunc("GET /policy", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "script-src 'none'")
		fmt.Fprint(w, `<!doctype html><title>Broken</title><script>1</script>`)
	})
	mux.HandleFunc("GET /exception", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `<!doctype html><title>Broken</title><script>throw new Error("nobody catches me")</script>`)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

func TestTab(t *testing.T) {
	url := serve(t)
	tab := process.New(t).Tab("first")
	tab.Go(url)
	tab.Type("#i", "abc")
	tab.WaitText("#h", "typed abctrue")
	type view struct {
		Text  string
		List  []int
		Inner map[string]bool
		None  *string
		Far   float64
	}
	got := browser.Eval[view](tab, `Promise.resolve({Text: "a\"b", List: [1, 2], Inner: {yes: true, gone: undefined}, None: null, Far: 1.5e300})`)
	if got.Text != `a"b` || len(got.List) != 2 || !got.Inner["yes"] || len(got.Inner) != 1 || got.None != nil ||
		got.Far != 1.5e300 {
		t.Errorf("Eval = %+v", got)
	}
	tab.Click("#a")
	tab.WaitURL(url + "/two")
}

// recorder is a testing.TB that notes failures instead of failing.
type recorder struct {
	testing.TB
	told, skipped []string
}

func (r *recorder) Helper()                   {}
func (r *recorder) Errorf(f string, a ...any) { r.told = append(r.told, fmt.Sprintf(f, a...)) }
func (r *recorder) Fatalf(f string, a ...any) { r.Errorf(f, a...); runtime.Goexit() }
func (r *recorder) Skipf(f string, a ...any) {
	r.skipped = append(r.skipped, fmt.Sprintf(f, a...))
	runtime.Goexit()
}

func failing(t *testing.T, f func(testing.TB)) *recorder {
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() { defer close(done); f(r) }()
	<-done
	return r
}

func TestBrokenPageFailsTheTest(t *testing.T) {
	url := serve(t)
	for path, want := range map[string]string{"/policy": "Content-Security-Policy", "/exception": "nobody catches me"} {
		r := failing(t, func(tb testing.TB) {
			tab := process.New(tb).Tab("broken")
			tab.Go(url + path)
			for len(tab.Console()) == 0 {
				tab.Wait("true")
			}
		})
		if len(r.told) == 0 || !strings.Contains(r.told[0], want) {
			t.Errorf("%s: %q", path, r.told)
		}
	}
}

func TestFailureShowsThePage(t *testing.T) {
	url := serve(t)
	r := failing(t, func(tb testing.TB) {
		tab := process.New(tb).Tab("first")
		tab.Go(url)
		browser.Eval[int](tab, `nothing.at.all`)
	})
	for _, want := range []string{"first: evaluate", "nothing is not defined", "URL: " + url, "title: First",
		"hello from one"} {
		if len(r.told) != 1 || !strings.Contains(r.told[0], want) {
			t.Errorf("the failure does not tell %q:\n%s", want, r.told)
		}
	}
}

// Without Firefox the gate is red; elsewhere the test says what to install.
func TestMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	var none firefox.Process
	defer none.Close()
	open := func(tb testing.TB) { none.New(tb) }

	t.Setenv("TANDEM_GATE", "1")
	if r := failing(t, open); len(r.skipped) != 0 || len(r.told) != 1 ||
		!strings.Contains(r.told[0], "apt-get install firefox-esr") {
		t.Errorf("in the gate: failed %q, skipped %q", r.told, r.skipped)
	}
	t.Setenv("TANDEM_GATE", "")
	if r := failing(t, open); len(r.told) != 0 || len(r.skipped) != 1 ||
		!strings.Contains(r.skipped[0], "apt-get install firefox-esr") {
		t.Errorf("outside the gate: failed %q, skipped %q", r.told, r.skipped)
	}
}
