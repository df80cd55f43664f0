package asset

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// maxScript is what a page may cost: session.js without comments and white space,
// gzipped. A minifier that also shortens names does better still.
const maxScript = 8<<10 + 512

func TestScriptIsSmall(t *testing.T) {
	stripped := stripScript(string(sessionScript))
	n := gzipped(t, stripped)
	t.Logf("session.js: %d bytes, %d without comments and white space, %d gzipped", len(sessionScript), len(stripped),
		n)
	if n >= maxScript {
		t.Errorf("session.js weighs %d bytes, want less than %d", n, maxScript)
	}
	if n < maxScript/4 {
		t.Errorf("only %d bytes: is something stripped that should not be?", n)
	}
}

func gzipped(t *testing.T, s string) int {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, s); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Len()
}

// scriptToken knows as much JavaScript as session.js uses: comments to the end of
// the line, strings, templates, regular expressions, words, single characters.
var scriptToken = regexp.MustCompile(`(?s)//[^\n]*|'(?:\\.|[^'\\])*'|` + "`(?:\\\\.|[^`\\\\])*`" +
	`|/(?:\\.|[^/\\\s])+/[a-z]*|\s+|[\w$#]+|.`)

// stripScript drops comments, and white space where it means nothing; line breaks
// end statements, so those between them stay.
func stripScript(s string) string {
	var b strings.Builder
	space, last := "", byte('\n')
	inWord := func(c byte) bool {
		return c == '_' || c == '$' || c == '#' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
	}
	for _, tok := range scriptToken.FindAllString(s, -1) {
		switch {
		case strings.HasPrefix(tok, "//"):
		case strings.TrimSpace(tok) == "":
			if space != "\n" {
				space = " "
				if strings.Contains(tok, "\n") {
					space = "\n"
				}
			}
		default:
			switch {
			case space == "\n" && !strings.ContainsRune("{([,;?:=|&\n", rune(last)) &&
				!strings.Contains("})].,;?:&|", tok[:1]):
				b.WriteByte('\n')
			case space == " " && inWord(last) && inWord(tok[0]):
				b.WriteByte(' ')
			}
			b.WriteString(tok)
			space, last = "", tok[len(tok)-1]
		}
	}
	return b.String()
}

func TestScriptIsServed(t *testing.T) {
	get := func(h http.Header) *http.Response {
		r := httptest.NewRequest(http.MethodGet, "/auth/session.js", nil)
		r.Header = h
		w := httptest.NewRecorder()
		ServeScript(w, r)
		return w.Result()
	}
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
	code := names(sessionScript, `(?m)^export (?:async )?(?:function|const|class) (\w+)`)
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
