// Package person is a browser without a screen: cookies, redirects, forms and the
// headers by which servers tell a navigation from a script. It runs in virtual
// time, where a real browser cannot.
package person

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Person is one browser of one person. It is for one goroutine.
type Person struct {
	// Filled are the values that go into any form field of that name.
	Filled url.Values

	t      testing.TB
	client *http.Client
}

const (
	maxHops = 20
	maxBody = 1 << 20
	timeout = 30 * time.Second // of one request
)

// New returns a fresh browser. transport nil is the network of this machine, on
// which *.localhost is loopback.
func New(t testing.TB, transport http.RoundTripper) *Person {
	if transport == nil {
		own := &http.Transport{DialContext: dial, TLSClientConfig: &tls.Config{}}
		t.Cleanup(own.CloseIdleConnections)
		transport = own
	}
	return &Person{t: t, client: &http.Client{Transport: transport, Jar: newJar(), Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// dial does not depend on the machine's resolver for *.localhost (RFC 6761 §6.3).
func dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	if host, port, err := net.SplitHostPort(addr); err == nil && thisMachine(host) && net.ParseIP(host) == nil {
		addr = net.JoinHostPort("127.0.0.1", port)
	}
	return d.DialContext(ctx, network, addr)
}

// Page is where a navigation has led, or what a script has got.
type Page struct {
	URL    *url.URL
	Status int
	Header http.Header
	Body   string
	// Hops are the URLs on the way here, this one included.
	Hops []string
}

func (p *Page) String() string {
	return fmt.Sprintf("%d at %s\n%.1500s", p.Status, p.URL, p.Body)
}

// Go follows a link or an entry in the address bar, with all redirects.
func (p *Person) Go(to string) *Page {
	p.t.Helper()
	return p.navigate(http.MethodGet, p.parse(to), nil, "none", nil)
}

// From follows a link on a page.
func (p *Person) From(page *Page, to string) *Page {
	p.t.Helper()
	u := page.URL.ResolveReference(p.parse(to))
	return p.navigate(http.MethodGet, u, nil, site(page.URL, u), nil)
}

// Hop follows a link, but no redirect.
func (p *Person) Hop(to string) *Page {
	p.t.Helper()
	return p.request(http.MethodGet, p.parse(to), nil, navigationHeader("none", nil))
}

// Submit sends the first form of the page as if its first button was pressed.
func (p *Person) Submit(page *Page) *Page {
	p.t.Helper()
	form, err := firstForm(page.Body)
	if err != nil {
		p.t.Fatalf("person: %v: %s", err, page)
	}
	for name := range form.fields {
		if v := p.Filled.Get(name); v != "" {
			form.fields.Set(name, v)
		}
	}
	to := page.URL.ResolveReference(p.parse(form.action))
	if form.method != http.MethodPost {
		to.RawQuery = form.fields.Encode()
		return p.navigate(http.MethodGet, to, nil, site(page.URL, to), nil)
	}
	return p.navigate(http.MethodPost, to, form.fields, site(page.URL, to), page.URL)
}

// Fetch is a call that a page's script makes to its own origin. It follows no
// redirect.
func (p *Person) Fetch(method, to string) *Page {
	p.t.Helper()
	u := p.parse(to)
	return p.request(method, u, nil, http.Header{
		"Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Dest": {"empty"}, "Sec-Fetch-Site": {"same-origin"},
		"Accept": {"*/*"}, "Origin": {u.Scheme + "://" + u.Host}})
}

// Post is a cross-site or same-site form post from any page; from nil is a page
// of the same origin.
func (p *Person) Post(to string, form url.Values, from *url.URL) *Page {
	p.t.Helper()
	u := p.parse(to)
	if from == nil {
		from = u
	}
	return p.navigate(http.MethodPost, u, form, site(from, u), from)
}

// Cookies are those that a request to this URL would carry.
func (p *Person) Cookies(to string) []*http.Cookie { return p.client.Jar.Cookies(p.parse(to)) }

// SetCookie puts a cookie into the browser.
func (p *Person) SetCookie(to string, c *http.Cookie) {
	p.client.Jar.SetCookies(p.parse(to), []*http.Cookie{c})
}

func (p *Person) parse(to string) *url.URL {
	p.t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		p.t.Fatalf("person: not a URL: %q", to)
	}
	return u
}

// navigate goes where from (Sec-Fetch-Site) says it comes from; origin is that of
// the page whose form is posted.
func (p *Person) navigate(method string, u *url.URL, form url.Values, from string, origin *url.URL) *Page {
	p.t.Helper()
	var hops []string
	for {
		page := p.request(method, u, form, navigationHeader(from, origin))
		hops = append(hops, u.String())
		page.Hops = hops
		next := page.Header.Get("Location")
		if page.Status < 300 || page.Status > 399 || next == "" {
			return page
		}
		if len(hops) == maxHops {
			p.t.Fatalf("person: redirected in circles:\n%s", strings.Join(hops, "\n"))
		}
		if page.Status != http.StatusTemporaryRedirect && page.Status != http.StatusPermanentRedirect {
			method, form, origin = http.MethodGet, nil, nil
		}
		to := u.ResolveReference(p.parse(next))
		if from != "none" && from != "cross-site" { // one hop elsewhere taints the rest (Fetch Metadata §2.3)
			from = site(u, to)
		}
		u = to
	}
}

func navigationHeader(site string, origin *url.URL) http.Header {
	h := http.Header{"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}, "Sec-Fetch-Site": {site}, "Sec-Fetch-User": {"?1"},
		"Accept": {"text/html,application/xhtml+xml,*/*;q=0.8"}}
	if origin != nil {
		h.Set("Origin", origin.Scheme+"://"+origin.Host)
	}
	return h
}

// site is Sec-Fetch-Site. It compares hosts: no test of ours has two hosts of one
// site.
func site(from, to *url.URL) string {
	if from.Scheme == to.Scheme && from.Host == to.Host {
		return "same-origin"
	}
	if from.Hostname() == to.Hostname() {
		return "same-site" // ports do not part sites
	}
	return "cross-site"
}

func (p *Person) request(method string, u *url.URL, form url.Values, header http.Header) *Page {
	p.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
		header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req, err := http.NewRequest(method, u.String(), body)
	if err != nil {
		p.t.Fatalf("person: %v", err)
	}
	req.Header = header
	resp, err := p.client.Do(req)
	if err != nil {
		p.t.Fatalf("person: %v", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		p.t.Fatalf("person: %s: %v", u, err)
	}
	return &Page{URL: u, Status: resp.StatusCode, Header: resp.Header, Body: string(text), Hops: []string{u.String()}}
}
