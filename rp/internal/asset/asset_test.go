package asset

import (
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// maxScript is what a page may cost: session.js as it is served, gzipped. It only goes
// down; the docs say it in KB.
const maxScript = 7_700

var said = regexp.MustCompile(`minified and gzipped, (\d\.\d) KB`)

// What the page on session.js says that it weighs is what it weighs.
func TestScriptIsSmall(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/auth/session.js", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	w := httptest.NewRecorder()
	ServeScript(w, r)
	n := w.Body.Len()
	if w.Header().Get("Content-Encoding") != "gzip" || n > maxScript {
		t.Errorf("session.js weighs %d bytes, %v; want at most %d", n, w.Header(), maxScript)
	}
	if n < maxScript-200 {
		t.Errorf("session.js weighs %d bytes: lower maxScript, so that it stays so", n)
	}
	page, err := os.ReadFile("../../../docs/session-js.md")
	if err != nil {
		t.Fatal(err)
	}
	found := said.FindAllSubmatch(page, -1)
	for _, m := range found {
		if want := fmt.Sprintf("%.1f", float64(n)/1000); string(m[1]) != want {
			t.Errorf("docs/session-js.md says %s KB, it is %s", m[1], want)
		}
	}
	if len(found) != 2 {
		t.Errorf("docs/session-js.md says it %d times, want 2", len(found))
	}
}

// Who changes session.js sees the change in the browser, or is told why not.
func TestScriptIsMadeOfItsSource(t *testing.T) {
	banner, _, _ := strings.Cut(string(sessionScript), "\n")
	if sum := fmt.Sprintf("%x", sha256.Sum256(sessionSource))[:16]; !strings.HasSuffix(banner, " "+sum) {
		t.Errorf("%q, but session.js is %s: run make generate", banner, sum)
	}
}

func TestScriptIsServed(t *testing.T) {
	serve := func(h http.HandlerFunc, header http.Header) *http.Response {
		r := httptest.NewRequest(http.MethodGet, "/auth/session.js", nil)
		r.Header = header
		w := httptest.NewRecorder()
		h(w, r)
		return w.Result()
	}
	get := func(h http.Header) *http.Response { return serve(ServeScript, h) }
	read := func(r io.Reader) string {
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	plain := get(http.Header{})
	if plain.StatusCode != http.StatusOK || plain.Header.Get("Content-Type") != "text/javascript; charset=utf-8" ||
		plain.Header.Get("X-Content-Type-Options") != "nosniff" || plain.Header.Get("Cache-Control") != "no-cache" ||
		read(plain.Body) != string(sessionScript) {
		t.Errorf("%d %v", plain.StatusCode, plain.Header)
	}
	zipped := get(http.Header{"Accept-Encoding": {"br, gzip;q=0.8"}})
	z, err := gzip.NewReader(zipped.Body)
	if err != nil || zipped.Header.Get("Content-Encoding") != "gzip" || read(z) != string(sessionScript) {
		t.Errorf("%v %v", err, zipped.Header)
	}
	for _, refused := range []string{"gzip;q=0", "gzip; q=0.000", "identity", "gzipped"} {
		if r := get(http.Header{"Accept-Encoding": {refused}}); r.Header.Get("Content-Encoding") != "" {
			t.Errorf("%q got %v", refused, r.Header)
		}
	}
	tag := zipped.Header.Get("Etag")
	if tag == plain.Header.Get("Etag") {
		t.Error("two variants share a tag")
	}
	again := get(http.Header{"Accept-Encoding": {"gzip"}, "If-None-Match": {tag}})
	if again.StatusCode != http.StatusNotModified || read(again.Body) != "" {
		t.Errorf("%d", again.StatusCode)
	}
	if r := serve(ServeSource, http.Header{}); r.Header.Get("Content-Type") != "text/javascript; charset=utf-8" ||
		read(r.Body) != string(sessionSource) {
		t.Errorf("the source: %d %v", r.StatusCode, r.Header)
	}
}

// What the types promise is there, and nothing else.
func TestTypesNameWhatIsExported(t *testing.T) {
	names := func(src []byte, pattern string) map[string]bool {
		found := map[string]bool{}
		for _, m := range regexp.MustCompile(pattern).FindAllSubmatch(src, -1) {
			found[string(m[1])] = true
		}
		return found
	}
	code := names(sessionSource, `(?m)^export (?:async )?(?:function|const|class) (\w+)`)
	types := names(sessionTypes, `(?m)^export (?:function|const|class) (\w+)`)
	for n := range code {
		if !types[n] {
			t.Errorf("%s has no type", n)
		}
	}
	for n := range types {
		if !code[n] {
			t.Errorf("%s is not exported", n)
		}
	}
	if len(code) < 5 {
		t.Errorf("found only %v", code)
	}
	served := map[string]bool{}
	for _, m := range regexp.MustCompile(`export\{([^}]*)\}`).FindAllSubmatch(sessionScript, -1) {
		for name := range strings.SplitSeq(string(m[1]), ",") {
			served[name[strings.LastIndex(name, " ")+1:]] = true
		}
	}
	maps.Copy(served, names(sessionScript, `export (?:async )?(?:function|const|class) (\w+)`))
	if !maps.Equal(served, code) {
		t.Errorf("what is served exports %v, the source %v", served, code)
	}
}

// A reason that is added is told to TypeScript, too.
func TestTypesNameEveryReason(t *testing.T) {
	source, err := os.ReadFile("../../reason/reason.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(sessionTypes), "export type Reason =")
	union, _, _ := strings.Cut(rest, "\n\n")
	var want, got []string
	for _, m := range regexp.MustCompile(`Reason = "(\w+)"`).FindAllSubmatch(source, -1) {
		want = append(want, string(m[1]))
	}
	for _, m := range regexp.MustCompile(`'(\w+)'`).FindAllStringSubmatch(union, -1) {
		got = append(got, m[1])
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("session.d.ts has %q, want %q", got, want)
	}
}
