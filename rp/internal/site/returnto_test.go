package site_test

import (
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/rp/internal/site"
)

const base = "https://notes.example"

// RFC9700-01: the tricks that open redirectors fall for.
func TestSafeReturnTo(t *testing.T) {
	for _, good := range []string{
		"/", "/private", "/private/", "/a/b?x=1&y=/z", "/a?next=https://evil.example/", "/a#top",
		"/a?q=%2F%2Fevil.example", "/%41", "/a//b", "/~ada/", "/a:b", "/a@b", "/a=b;c,d", "/?", "/a%20b",
	} {
		if got := site.SafeReturnTo(good); got != good {
			t.Errorf("SafeReturnTo(%q) = %q", good, got)
		}
	}
	for _, bad := range []string{
		"", "private", "?x", "#x", ".", "..",
		"https://evil.example", "http://evil.example/", "HTTPS://evil.example", "https:evil.example",
		"https:/evil.example", "https:///evil.example",
		"//evil.example", "///evil.example", "////evil.example", "//evil.example/%2f..", "//evil.example@notes.example",
		"//notes.example@evil.example",
		`/\evil.example`, `\/evil.example`, `\\evil.example`, `/\/evil.example`, `//\evil.example`, `/a\b`,
		"/\t/evil.example", "/\n/evil.example", "/\r/evil.example", "\t//evil.example", " //evil.example",
		"/ /evil.example", "/\x00/evil.example", "/a\x7fb",
		"/%2f/evil.example", "/%2Fevil.example",
		"javascript:alert(1)", "data:text/html,x", "//javascript:alert(1)", "mailto:x@evil.example",
		"/\u2028/evil.example", "/\u00a0/evil.example", "/／evil.example", "／／evil.example", "/é",
		"/%zz", "/%", "/" + strings.Repeat("x", 1024),
	} {
		if got := site.SafeReturnTo(bad); got != "/" {
			t.Errorf("SafeReturnTo(%q) = %q", bad, got)
		}
	}
}

// Whatever comes back, a browser that resolves it against BaseURL stays here.
// The resolution is that of the URL standard (WHATWG): tabs and line ends are
// dropped, blanks and control characters around it too, and \ is /.
func FuzzSafeReturnTo(f *testing.F) {
	for _, s := range []string{"/a", "//evil", `/\evil`, "/\t/evil", "/.//evil", "/..//evil", "/%2f/evil",
		"https://evil", "/a?b#c", "/:80", "/@evil", "/;//evil"} {
		f.Add(s)
	}
	home, err := url.Parse(base)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := site.SafeReturnTo(s)
		if got != s && got != "/" {
			t.Fatalf("SafeReturnTo(%q) = %q, which is neither", s, got)
		}
		seen := strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`,
			"/").Replace(strings.TrimFunc(got, func(r rune) bool { return r <= ' ' }))
		if !strings.HasPrefix(seen, "/") || strings.HasPrefix(seen, "//") {
			t.Fatalf("SafeReturnTo(%q) = %q leaves this site", s, got)
		}
		u, err := home.Parse(seen)
		if err != nil || u.Scheme != home.Scheme || u.Host != home.Host || u.User != nil {
			t.Fatalf("SafeReturnTo(%q) = %q leads to %v, %v", s, got, u, err)
		}
		if strings.ContainsAny(got, "\r\n\x00") {
			t.Fatalf("SafeReturnTo(%q) = %q splits the header", s, got)
		}
	})
}

// Where a path leads in an app below /app: to a page of it, whatever was written.
func TestInside(t *testing.T) {
	app := belowApp(t)
	for raw, want := range map[string]string{
		"/app": "/app", "/app/": "/app/", "/app/x?y#z": "/app/x?y#z", "/app?x": "/app?x", "/x": "/app/x",
		"/apple": "/app/apple", "/": "/app/", "": "/app/",
		"https://evil.example": "/app/", "//evil.example": "/app/", "/app/../other": "/app/",
		"/app/%2e%2E/other": "/app/", "/app/.%2e": "/app/", "/..": "/app/",
		"/app/x?y=/../z": "/app/x?y=/../z", "/app/a..b": "/app/a..b", "/" + strings.Repeat("x", 1022): "/app/",
	} {
		if got := app.Inside(raw); got != want {
			t.Errorf("%q leads to %q, not %q", raw, got, want)
		}
	}
}

func belowApp(t testing.TB) *site.App {
	app, err := site.New(base+"/app", nil, "/auth", nil)
	if err != nil {
		t.Fatal(err)
	}
	return app
}

// FuzzInside: a browser that goes there stays below the path.
func FuzzInside(f *testing.F) {
	for _, s := range []string{"/app", "/app/../x", "/app/%2e%2e/x", "/x", "/app/./../x", "/app/a//../../x",
		"/app/..?x", "/app/%252e%252e/x", "/app/x#/../.."} {
		f.Add(s)
	}
	app := belowApp(f)
	f.Fuzz(func(t *testing.T, raw string) {
		got := app.Inside(raw)
		seen, _, _ := strings.Cut(got, "#")
		seen, _, _ = strings.Cut(seen, "?")
		seen = path.Clean(strings.NewReplacer("%2e", ".", "%2E", ".").Replace(seen))
		if seen != "/app" && !strings.HasPrefix(seen, "/app/") || len(got) > 1024 {
			t.Fatalf("%q leads to %q", raw, got)
		}
	})
}

// FuzzWithFragment: a fragment never changes the page.
func FuzzWithFragment(f *testing.F) {
	f.Add("/private?tab=2", "part")
	f.Add("/", "//evil.example")
	f.Add("/a#b", "c")
	f.Add("/a", "%zz\r\n")
	f.Fuzz(func(t *testing.T, path, fragment string) {
		path = site.SafeReturnTo(path)
		got := site.WithFragment(path, fragment)
		page, _, _ := strings.Cut(got, "#")
		if want, _, _ := strings.Cut(path, "#"); page != want || site.SafeReturnTo(got) != got {
			t.Errorf("%q and %q make %q", path, fragment, got)
		}
	})
}
