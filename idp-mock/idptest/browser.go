package idptest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// Browser is one browser of one person, without a screen. It keeps cookies, follows
// redirects, fills in forms, and says of each request what browsers say (Fetch Metadata
// Request Headers, W3C). It sends cookies by their SameSite attribute, and takes loopback
// for secure, as browsers do.
//
// It runs no script but one: the script that does nothing but submit a form, as pages have
// it for response_mode=form_post. It loads nothing by itself; [Page.Load] does. A site is
// the last two labels of a host name: it has no list of public suffixes.
//
// Different goroutines may use one browser.
type Browser struct {
	// Base is the site that relative addresses belong to, such as "https://notes.example".
	Base string
	// Fill has the values for form fields, by their names, on any page.
	Fill url.Values
	// Stop reports whether not to follow a redirect, or a form that a script submits:
	// [Page.To] then has its address. Nil follows all.
	Stop func(*url.URL) bool
	// Header is added to every request.
	Header http.Header

	t    T
	http *http.Client
	jar  jar
}

// T is what a [Browser] tells if it cannot go on: a *testing.T, or in a program that is no
// test something that panics.
type T interface {
	Helper()
	Fatalf(format string, args ...any)
}

const (
	maxHops = 20
	maxBody = 1 << 20     // bytes of a page; the rest is not read
	timeout = time.Minute // of one request

	formType = "application/x-www-form-urlencoded"
)

// NewBrowser returns a browser without cookies. transport nil is the network of this
// machine, on which *.localhost is loopback (RFC 6761 §6.3).
func NewBrowser(t T, transport http.RoundTripper) *Browser {
	if transport == nil {
		transport = &http.Transport{DialContext: dial, DisableKeepAlives: true} // so there is nothing to close
	}
	return &Browser{t: t, jar: newJar(), http: &http.Client{Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// NewBrowser returns a browser that reaches the provider, and whose person can sign in there.
func (s *Server) NewBrowser(user string) *Browser {
	s.t.Helper()
	b := NewBrowser(s.t, nil)
	if s.Net != nil {
		b = NewBrowser(s.t, s.Net.Transport())
	}
	b.Fill = url.Values{"username": {user}}
	if err := s.Update(func(c *idpmock.Config) {
		for _, u := range c.Users {
			if u.Username == user {
				b.Fill.Set("password", u.Password)
			}
		}
	}); err != nil {
		s.t.Fatalf("idptest: %v", err)
	}
	return b
}

// At returns an open page at an address without loading it, as the origin of a link, a form
// or a script.
func (b *Browser) At(to string) *Page {
	b.t.Helper()
	base := b.parse(b.Base)
	u := base.ResolveReference(b.parse(to))
	return &Page{URL: u, Status: http.StatusOK, Header: http.Header{}, Hops: []string{u.String()}, b: b}
}

// Open loads a page as an entry in the address bar or a bookmark does. Nobody has sent the
// browser there (Sec-Fetch-Site: none).
func (b *Browser) Open(to string) *Page {
	b.t.Helper()
	return b.navigate(visit{method: http.MethodGet, to: b.At(to).URL, dest: "document", user: true})
}

// Visit is Open, and fills in what a page asks for on the way: it submits forms that have a
// field of Fill, such as the sign-in page of a provider.
func (b *Browser) Visit(to string) *Page {
	b.t.Helper()
	return b.Open(to).SignIn()
}

// Hop is Open without following redirects: [Page.To] has the address.
func (b *Browser) Hop(to string) *Page {
	b.t.Helper()
	once := *b
	once.Stop = func(*url.URL) bool { return true }
	return once.Open(to)
}

// Post submits a form of a page of the same origin; [Page.Post] does so from elsewhere.
func (b *Browser) Post(to string, form url.Values) *Page {
	b.t.Helper()
	return b.At(to).Post("", form)
}

// Fetch is a request of a script of the same origin; [Page.Fetch] comes from elsewhere.
func (b *Browser) Fetch(method, to string, header ...string) *Page {
	b.t.Helper()
	return b.At(to).Fetch(method, "", header...)
}

// Do makes one request with the headers that it has, and follows no redirect. The browser
// adds the cookies that it would send, and keeps those of the answer. Its body is open, as
// an event stream needs it.
func (b *Browser) Do(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	for name, values := range b.Header {
		r.Header[name] = values
	}
	for _, c := range b.jar.cookies(r.URL, levelOf(r)) {
		r.AddCookie(c)
	}
	resp, err := b.http.Do(r)
	if err == nil {
		b.jar.keep(r.URL, resp.Cookies())
	}
	return resp, err
}

// Cookies are all that the browser keeps for an address.
func (b *Browser) Cookies(to string) []*http.Cookie {
	b.t.Helper()
	return b.jar.cookies(b.At(to).URL, http.SameSiteStrictMode)
}

// Cookie is the value of one of them, "" if there is none of that name.
func (b *Browser) Cookie(to, name string) string {
	b.t.Helper()
	for _, c := range b.Cookies(to) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// SetCookie puts a cookie into the browser; MaxAge < 0 takes it out.
func (b *Browser) SetCookie(to string, c *http.Cookie) {
	b.t.Helper()
	b.jar.keep(b.At(to).URL, []*http.Cookie{c})
}

// page makes one request and reads the answer.
func (b *Browser) page(method string, u *url.URL, body io.Reader, h http.Header) *Page {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		b.t.Fatalf("idptest: %v", err)
	}
	r.Header = h
	resp, err := b.Do(r)
	if err != nil {
		b.t.Fatalf("idptest: %v", err)
	}
	defer func() { _ = resp.Body.Close() }() // all of it is read, or it is not wanted
	text := &bytes.Buffer{}
	if _, err := io.Copy(text, io.LimitReader(resp.Body, maxBody)); err != nil {
		b.t.Fatalf("idptest: %s: %v", u, err)
	}
	p := &Page{URL: u, Status: resp.StatusCode, Header: resp.Header, Body: text.String(), Hops: []string{u.String()},
		b: b}
	if to := resp.Header.Get("Location"); to != "" && resp.StatusCode/100 == 3 {
		p.To = u.ResolveReference(b.parse(to))
	}
	return p
}

func (b *Browser) parse(to string) *url.URL {
	b.t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		b.t.Fatalf("idptest: %q is no URL", to)
		return &url.URL{}
	}
	return u
}

func dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	if host, port, err := net.SplitHostPort(addr); err == nil && loopback(host) && net.ParseIP(host) == nil {
		addr = net.JoinHostPort("127.0.0.1", port)
	}
	return d.DialContext(ctx, network, addr)
}

func (p *Page) String() string {
	to := ""
	if p.To != nil {
		to = " to " + p.To.String()
	}
	return fmt.Sprintf("%d at %s%s\n%.1500s", p.Status, p.URL, to, p.Body)
}
