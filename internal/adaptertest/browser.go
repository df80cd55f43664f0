package adaptertest

import (
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// browser of one person; it follows no redirect. Unlike idptest.Browser it shows each answer
// with its stream, and sends what no browser sends.
type browser struct {
	a    *app
	http *http.Client
	idp  *idpmock.Browser
}

func (a *app) browser() *browser {
	a.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		a.Fatal(err)
	}
	c := a.idp.Net.Client()
	c.Jar = jar
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &browser{a, c, a.idp.Browser("ada")}
}

var (
	navigate = http.Header{"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}, "Sec-Fetch-Site": {"none"},
		"Accept": {"text/html"}}
	fetch = http.Header{"Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Dest": {"empty"}, "Sec-Fetch-Site": {"same-origin"},
		"Accept": {"*/*"}}
	image   = http.Header{"Sec-Fetch-Mode": {"no-cors"}, "Sec-Fetch-Dest": {"image"}, "Sec-Fetch-Site": {"same-origin"}}
	foreign = http.Header{"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Site": {"cross-site"},
		"Origin": {"https://evil.example"}, "Accept": {"text/html"}}
)

type answer struct {
	*http.Response
	body string
}

func (b *browser) send(method, path string, h http.Header, form url.Values) *http.Response {
	b.a.Helper()
	if !strings.HasPrefix(path, "https://") {
		path = base + path
	}
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(b.a.Context(), method, path, body)
	if err != nil {
		b.a.Fatal(err)
	}
	maps.Copy(req.Header, h)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := b.http.Do(req)
	if err != nil {
		b.a.Fatalf("%s %s: %v", method, path, err)
	}
	return resp
}

func (b *browser) do(method, path string, h http.Header) *answer {
	b.a.Helper()
	return b.read(b.send(method, path, h, nil))
}

func (b *browser) read(resp *http.Response) *answer {
	b.a.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.a.Fatal(err)
	}
	return &answer{resp, string(body)}
}

// login signs in below the given prefix.
func (b *browser) login(prefix string) {
	b.a.Helper()
	start := b.do("GET", prefix+"/login?return_to=/private", navigate)
	callback, err := b.idp.Authorize(b.a.Context(), start.Header.Get("Location"))
	if err != nil {
		b.a.Fatal(err)
	}
	if end := b.do("GET", callback, navigate); end.StatusCode != http.StatusSeeOther ||
		end.Header.Get("Location") != "/private" {
		b.a.Fatalf("the log-in failed: %d %s", end.StatusCode, end.body)
	}
}

// expect fails unless the answer has this status and contains text.
func (b *browser) expect(a *answer, status int, text string) {
	b.a.Helper()
	if a.StatusCode != status || !strings.Contains(a.body, text) {
		b.a.Errorf("%s %s: %d %q, want %d with %q", a.Request.Method, a.Request.URL.Path, a.StatusCode, a.body, status,
			text)
	}
}
