package kit

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// Person is somebody with a browser in front of an app.
type Person struct {
	// HTTP has the browser's cookies, and follows no redirect.
	HTTP *http.Client

	t    *testing.T
	base string
	idp  *IDP
	at   *idpmock.Browser
}

// Page is what the browser shows.
type Page struct {
	URL    string
	Status int
	Header http.Header
	Body   string
}

// Person returns somebody who is not signed in. base is the app as the browser sees it.
func (p *IDP) Person(name, base string) *Person {
	jar, _ := cookiejar.New(nil) // cannot fail
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = dialLoopback
	p.t.Cleanup(transport.CloseIdleConnections)
	return &Person{
		HTTP: &http.Client{
			Transport:     transport,
			Jar:           secure{jar},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		t: p.t, base: base, idp: p, at: p.Browser(name),
	}
}

// As is somebody else in front of the same browser.
func (p *Person) As(name string) *Person {
	other := *p
	other.at = p.idp.Browser(name)
	return &other
}

// Get opens a page by a click, signing in at the IdP on the way if need be.
func (p *Person) Get(path string) Page {
	p.t.Helper()
	return p.follow(p.request(http.MethodGet, path, nil, navigation))
}

// Post sends a form of a page.
func (p *Person) Post(path string, form url.Values) Page {
	p.t.Helper()
	return p.follow(p.request(http.MethodPost, path, form, navigation))
}

// Fetch is what a script of a page does. It follows no redirect.
func (p *Person) Fetch(method, path string, form url.Values, header map[string]string) Page {
	p.t.Helper()
	page, _ := p.once(p.request(method, path, form, fetch, header))
	return page
}

// SignedIn says whether a page of the app's opens without another log-in.
func (p *Person) SignedIn(path string) bool {
	p.t.Helper()
	page, _ := p.once(p.request(http.MethodGet, path, nil, navigation))
	return page.Status == http.StatusOK
}

// What browsers say of a request (Fetch Metadata).
var (
	navigation = map[string]string{"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document",
		"Sec-Fetch-Site": "same-origin", "Sec-Fetch-User": "?1"}
	fetch = map[string]string{"Accept": "*/*", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Site": "same-origin"}
)

func (p *Person) request(method, path string, form url.Values, headers ...map[string]string) *http.Request {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	if method != http.MethodGet {
		origin := *r.URL
		origin.Path, origin.RawQuery = "", ""
		r.Header.Set("Origin", origin.String())
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, header := range headers {
		for name, value := range header {
			r.Header.Set(name, value)
		}
	}
	return r
}

func (p *Person) follow(r *http.Request) Page {
	p.t.Helper()
	for range 10 {
		page, next := p.once(r)
		if next == nil {
			return page
		}
		if strings.HasPrefix(next.String(), p.idp.Issuer()+"/") {
			next = p.atIDP(next)
		}
		r = p.request(http.MethodGet, "", nil, navigation)
		r.URL = next
	}
	p.t.Fatal("too many redirects")
	return Page{}
}

// atIDP is the visit of the IdP: its page to sign in or out.
func (p *Person) atIDP(to *url.URL) *url.URL {
	p.t.Helper()
	visit := p.at.Authorize
	if strings.HasSuffix(to.Path, idpmock.PathEndSession) {
		visit = p.at.Logout
	}
	back, err := visit(context.WithoutCancel(p.t.Context()), to.String())
	if err != nil {
		p.t.Fatal(err)
	}
	next, err := url.Parse(back)
	if err != nil {
		p.t.Fatal(err)
	}
	return next
}

func (p *Person) once(r *http.Request) (Page, *url.URL) {
	p.t.Helper()
	resp, err := p.HTTP.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	next, _ := resp.Location() // not every answer has one
	return Page{r.URL.String(), resp.StatusCode, resp.Header, string(body)}, next
}

// dialLoopback takes *.localhost for loopback, as browsers do (RFC 6761 §6.3).
func dialLoopback(ctx context.Context, network, address string) (net.Conn, error) {
	if host, port, err := net.SplitHostPort(address); err == nil && strings.HasSuffix(host, ".localhost") {
		address = net.JoinHostPort("127.0.0.1", port)
	}
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}

// secure is a cookie jar that takes loopback for secure, as browsers do.
type secure struct{ *cookiejar.Jar }

func (s secure) Cookies(u *url.URL) []*http.Cookie       { return s.Jar.Cookies(https(u)) }
func (s secure) SetCookies(u *url.URL, c []*http.Cookie) { s.Jar.SetCookies(https(u), c) }

func https(u *url.URL) *url.URL {
	as := *u
	as.Scheme = "https"
	return &as
}

// Await waits until a path is not answered 503 any more.
func (p *Person) Await(path string) {
	p.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		page, _ := p.once(p.request(http.MethodGet, path, nil, navigation))
		if page.Status != http.StatusServiceUnavailable {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s is still answered 503", path)
		}
	}
}

// Shows fails the test unless a page is there and has all of parts.
func (p *Person) Shows(page Page, parts ...string) {
	p.t.Helper()
	for _, part := range parts {
		if page.Status != http.StatusOK || !strings.Contains(page.Body, part) {
			p.t.Fatalf("%s: %d, without %q:\n%s", page.URL, page.Status, part, page.Body)
		}
	}
}
