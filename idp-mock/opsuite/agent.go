package opsuite

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// agent is a browser of one person: cookies, redirects, forms.
type agent struct {
	t    *testing.T
	s    *suite
	http *http.Client
	user string
}

func (s *suite) agent(t *testing.T, user string) *agent {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar, Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if s.target.HTTP != nil {
		c.Transport = s.target.HTTP.Transport
	}
	return &agent{t: t, s: s, http: c, user: user}
}

// page is where the agent is: at the provider (body), or sent to a client (to).
type page struct {
	at     *url.URL
	status int
	body   string
	to     *url.URL // a URL of a client, not loaded
}

// open follows redirects within the provider.
func (a *agent) open(method, to string, form url.Values) page {
	a.t.Helper()
	for range 10 {
		var body io.Reader
		if form != nil {
			body = strings.NewReader(form.Encode())
		}
		req, err := http.NewRequest(method, to, body)
		if err != nil {
			a.t.Fatal(err)
		}
		if form != nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		resp, err := a.http.Do(req)
		if err != nil {
			a.t.Fatal(err)
		}
		text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		resp.Body.Close()
		if err != nil {
			a.t.Fatal(err)
		}
		loc := resp.Header.Get("Location")
		if resp.StatusCode < 300 || resp.StatusCode > 399 || loc == "" {
			return page{at: req.URL, status: resp.StatusCode, body: string(text)}
		}
		next, err := req.URL.Parse(loc)
		if err != nil {
			a.t.Fatal(err)
		}
		if strings.HasPrefix(next.String(), a.s.rp.URL) {
			return page{at: req.URL, status: resp.StatusCode, to: next}
		}
		method, to, form = http.MethodGet, next.String(), nil
	}
	a.t.Fatal("the provider redirects for ever")
	return page{}
}

// form finds the first form of a page and fills it as a person does who says
// yes to everything.
func (a *agent) form(p page) (action string, fields url.Values, ok bool) {
	a.t.Helper()
	root, err := html.Parse(strings.NewReader(p.body))
	if err != nil {
		return "", nil, false
	}
	fields = url.Values{}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "form":
			if !ok {
				to, err := p.at.Parse(attr(n, "action"))
				if err != nil {
					a.t.Fatal(err)
				}
				action, ok = to.String(), true
			}
		case "input":
			fields.Set(attr(n, "name"), attr(n, "value"))
		case "button":
			if name := attr(n, "name"); name != "" && !fields.Has(name) {
				fields.Set(name, attr(n, "value"))
			}
		}
	}
	for _, name := range []string{"username", "login"} {
		if fields.Has(name) {
			fields.Set(name, a.user)
		}
	}
	if fields.Has("password") {
		fields.Set("password", "any")
	}
	return action, fields, ok
}

func attr(n *html.Node, name string) string {
	for _, at := range n.Attr {
		if at.Key == name {
			return at.Val
		}
	}
	return ""
}

// settle fills forms until the provider sends the browser to a client or shows
// a page without a form.
func (a *agent) settle(p page) page {
	a.t.Helper()
	for range 10 {
		if p.to != nil {
			return p
		}
		action, fields, ok := a.form(p)
		if !ok || p.status >= 400 {
			return p
		}
		p = a.open(http.MethodPost, action, fields)
	}
	a.t.Fatal("the provider shows forms for ever")
	return page{}
}

// pkce of all tests: the pair of RFC 7636 appendix B.
const (
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// request is a good authorization request, changed by pairs of name and value;
// an empty value removes.
func (s *suite) request(c Client, change ...string) url.Values {
	v := url.Values{"client_id": {c.ID}, "response_type": {"code"}, "redirect_uri": {c.RedirectURIs[0]}, "scope": {"openid"}, "state": {"state-1"}, "nonce": {"nonce-1"},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"}, "max_age": {"3600"}}
	for i := 0; i+1 < len(change); i += 2 {
		if v.Del(change[i]); change[i+1] != "" {
			v.Set(change[i], change[i+1])
		}
	}
	return v
}

// authorize opens an authorization request without filling any form.
func (a *agent) authorize(v url.Values) page {
	a.t.Helper()
	return a.open(http.MethodGet, a.s.meta.Authorize+"?"+v.Encode(), nil)
}

// code signs in for the client and returns the code.
func (a *agent) code(c Client, change ...string) string {
	a.t.Helper()
	p := a.settle(a.authorize(a.s.request(c, change...)))
	if p.to == nil || p.to.Query().Get("code") == "" {
		a.t.Fatalf("no code: %d %v\n%s", p.status, p.to, p.body)
	}
	return p.to.Query().Get("code")
}

// login is the whole code flow.
func (a *agent) login(c Client, change ...string) answer {
	a.t.Helper()
	got := a.s.exchange(a.t, c, a.code(c, change...))
	if got.status != http.StatusOK {
		a.t.Fatalf("code exchange: %v", got)
	}
	return got
}

// signedIn reports whether the person has a session at the provider.
func (a *agent) signedIn(c Client) bool {
	a.t.Helper()
	p := a.authorize(a.s.request(c, "prompt", "none"))
	if p.to == nil {
		a.t.Fatalf("prompt=none must always lead back: %d\n%s", p.status, p.body)
	}
	return p.to.Query().Get("code") != ""
}
