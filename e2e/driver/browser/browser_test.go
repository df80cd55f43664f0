package browser_test

import (
	"bytes"
	"fmt"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
)

var chromium browser.Process

func TestMain(m *testing.M) {
	code := m.Run()
	chromium.Close()
	os.Exit(code)
}

// recorder is a testing.TB that notes failures instead of failing.
type recorder struct {
	testing.TB
	fatal, errors, skipped []string
}

func (r *recorder) Helper()                   {}
func (r *recorder) Errorf(f string, a ...any) { r.errors = append(r.errors, fmt.Sprintf(f, a...)) }
func (r *recorder) Fatalf(f string, a ...any) {
	r.fatal = append(r.fatal, fmt.Sprintf(f, a...))
	runtime.Goexit()
}

func (r *recorder) Skipf(f string, a ...any) {
	r.skipped = append(r.skipped, fmt.Sprintf(f, a...))
	runtime.Goexit()
}

// failing runs f with a recorder and returns what it told.
func failing(t *testing.T, f func(testing.TB)) *recorder {
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() { defer close(done); f(r) }()
	<-done
	return r
}

func serve(t *testing.T) string {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "__Host-seen", Value: "yes", Path: "/", Secure: true, HttpOnly: true})
		fmt.Fprint(w, `<!doctype html><title>First</title><h1 id="h">One</h1><input id="i"><a id="a" href="/two">on</a>
			<script>i.oninput = () => h.textContent = "typed " + i.value; console.log("hello from", "one")</script>`)
	})
	mux.HandleFunc("GET /two", func(w http.ResponseWriter, r *http.Request) {
		c, err := r.Cookie("__Host-seen")
		fmt.Fprintf(w, `<!doctype html><title>Second</title><h1>cookie: %v</h1>`, err == nil && c.Value == "yes")
	})
	mux.HandleFunc("GET /broken", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "script-src 'none'")
		fmt.Fprint(w, `<!doctype html><title>Broken</title><script>1</script>`)
	})
	mux.HandleFunc("GET /json", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error":"login_required"}`)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

func TestTab(t *testing.T) {
	url := serve(t)
	b := chromium.New(t)
	tab := b.Open("first", url)
	tab.Type("#i", "abc")
	tab.WaitText("#h", "typed abc")
	if got := browser.Eval[int](tab, "Promise.resolve(6 * 7)"); got != 42 {
		t.Errorf("Eval = %d", got)
	}
	tab.Click("#a")
	tab.WaitURL(url + "/two")
	if got := tab.Text("h1"); got != "cookie: true" {
		t.Errorf("the cookie did not come back: %q", got)
	}
	tab.Back()
	tab.WaitURL(url)
	tab.Wait(`document.title === "First"`)

	a := tab.Fetch("GET", "/json")
	var body struct{ Error string }
	tab.JSON(a, &body)
	if a.Status != 401 || body.Error != "login_required" {
		t.Errorf("Fetch = %+v", a)
	}
	cookies := tab.Cookies()
	if len(cookies) != 1 || cookies[0].Name != "__Host-seen" || !cookies[0].HTTPOnly {
		t.Errorf("cookies: %+v", cookies)
	}

	second := b.Open("second", url+"/two")
	if got := second.Text("h1"); got != "cookie: true" {
		t.Errorf("tabs of one browser do not share cookies: %q", got)
	}
	other := chromium.New(t).Open("other", url+"/two")
	if got := other.Text("h1"); got != "cookie: false" {
		t.Errorf("another browser has this one's cookies: %q", got)
	}
}

func TestFailureShowsThePage(t *testing.T) {
	url := serve(t)
	var tab *browser.Tab
	r := failing(t, func(tb testing.TB) {
		tab = chromium.New(tb).Open("first", url)
		tab.WaitFor(1, "false")
	})
	if len(r.fatal) != 1 {
		t.Fatalf("failures: %q", r.fatal)
	}
	for _, want := range []string{"first: waited", "URL: " + url, "title: First", "One", "log: hello from one"} {
		if !strings.Contains(r.fatal[0], want) {
			t.Errorf("the failure does not tell %q:\n%s", want, r.fatal[0])
		}
	}
}

func TestBrokenPageFailsTheTest(t *testing.T) {
	url := serve(t)
	var tab *browser.Tab
	r := failing(t, func(tb testing.TB) {
		tab = chromium.New(tb).Open("broken", url+"/broken")
		for len(tab.Console()) == 0 {
			tab.Wait("true")
		}
	})
	if len(r.errors) == 0 || !strings.Contains(r.errors[0], "Content Security Policy") {
		t.Errorf("errors: %q, fatal: %q", r.errors, r.fatal)
	}
}

func TestScreenshot(t *testing.T) {
	tab := chromium.New(t).Open("first", serve(t))
	tab.Resize(390, 844)
	file := filepath.Join(t.TempDir(), "page.png")
	tab.Screenshot(file)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.DecodeConfig(bytes.NewReader(data))
	if err != nil || img.Width != 390 {
		t.Errorf("%+v, %v", img, err)
	}
}

// Without chromium the gate is red; elsewhere the test says what to install.
func TestMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	var none browser.Process
	defer none.Close()
	open := func(tb testing.TB) { none.New(tb) }

	t.Setenv("TANDEM_GATE", "1")
	r := failing(t, open)
	if len(r.skipped) != 0 || len(r.fatal) != 1 || !strings.Contains(r.fatal[0], "apt-get install chromium") {
		t.Errorf("in the gate: fatal %q, skipped %q", r.fatal, r.skipped)
	}
	t.Setenv("TANDEM_GATE", "")
	r = failing(t, open)
	if len(r.fatal) != 0 || len(r.skipped) != 1 || !strings.Contains(r.skipped[0], "apt-get install chromium") {
		t.Errorf("outside the gate: fatal %q, skipped %q", r.fatal, r.skipped)
	}
}
