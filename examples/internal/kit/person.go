package kit

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

// Person is somebody with a browser in front of an app.
type Person struct {
	*idptest.Browser
	t *testing.T
}

// Page is what the browser shows.
type Page = idptest.Page

// Person returns somebody who is not signed in. base is the app as the browser sees it.
func (p *IDP) Person(name, base string) *Person {
	b := idptest.NewBrowser(p.t, nil)
	b.Base = base
	return (&Person{b, p.t}).As(name)
}

// As is somebody else in front of the same browser.
func (p *Person) As(name string) *Person {
	b := *p.Browser
	b.Fill = url.Values{"username": {name}}
	return &Person{&b, p.t}
}

// Get opens a page by a click, signing in at the IdP on the way if need be.
func (p *Person) Get(path string) *Page {
	p.t.Helper()
	return p.At(p.in("/")).Follow(p.in(path)).SignIn()
}

// Post sends a form of a page of the app's.
func (p *Person) Post(path string, form url.Values) *Page {
	p.t.Helper()
	return p.Browser.Post(p.in(path), form)
}

// in is the address of a path of the app's, which may itself be below a path.
func (p *Person) in(path string) string { return p.Base + path }

// Fetch is what a script of a page does. It follows no redirect.
func (p *Person) Fetch(method, path string, form url.Values, header map[string]string) *Page {
	p.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	var pairs []string
	for name, value := range header {
		pairs = append(pairs, name, value)
	}
	return p.At(p.in(path)).Send(method, "", body, pairs...)
}

// SignedIn says whether a page of the app's opens without another log-in.
func (p *Person) SignedIn(path string) bool {
	p.t.Helper()
	return p.Hop(p.in(path)).Status == http.StatusOK
}

// HTTP is a client with the browser's cookies.
func (p *Person) HTTP() *http.Client { return &http.Client{Transport: roundTrip(p.Do)} }

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Await waits until a path is not answered 503 any more.
func (p *Person) Await(path string) {
	p.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); p.Hop(p.in(path)).Status == http.StatusServiceUnavailable; {
		if time.Now().After(deadline) {
			p.t.Fatalf("%s is still answered 503", path)
		}
	}
}

// Shows fails the test unless a page is there and has all of parts.
func (p *Person) Shows(page *Page, parts ...string) {
	p.t.Helper()
	for _, part := range parts {
		if page.Status != http.StatusOK || !strings.Contains(page.Body, part) {
			p.t.Fatalf("without %q: %s", part, page)
		}
	}
}
