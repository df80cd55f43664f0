package system

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/rp/activity"
)

const maxPage = 1 << 20

// Browser plays a person with a browser: it keeps cookies, follows redirects and fills the
// pages of the demo's IdP. It runs no scripts. It is no test's (idptest.Browser is): the
// stories tell of errors and go on. It is safe for concurrent use.
type Browser struct {
	User   string
	client *http.Client
	tr     *http.Transport
}

// NewBrowser returns a browser without cookies.
func NewBrowser(user string) *Browser {
	jar, _ := cookiejar.New(nil) // cannot fail
	tr := apps.LocalTransport()
	return &Browser{User: user, tr: tr, client: &http.Client{Jar: jar, Transport: tr, Timeout: 20 * time.Second}}
}

// Close gives its connections back.
func (b *Browser) Close() { b.tr.CloseIdleConnections() }

// Take gives the browser cookies of a site, in the form of a Cookie header.
func (b *Browser) Take(site, cookies string) error {
	u, err := url.Parse(site)
	if err != nil {
		return err
	}
	list, err := http.ParseCookie(cookies)
	if err != nil {
		return err
	}
	for _, c := range list {
		c.Path, c.Secure = "/", true
	}
	b.client.Jar.SetCookies(u, list)
	return nil
}

// Result of a request.
type Result struct {
	Status int
	Header http.Header
	URL    *url.URL // where redirects led
	Body   string
}

var (
	tx      = regexp.MustCompile(`name="tx" value="([^"]*)"`)
	action  = regexp.MustCompile(`<form method="post" action="([^"]*)"`)
	signIn  = regexp.MustCompile(`id="signin"`)
	signOut = regexp.MustCompile(`value="signout"`)
)

// Open loads a page as a click on a link does. A sign-in page of the IdP is
// filled in, a question whether to sign out is confirmed.
func (b *Browser) Open(ctx context.Context, page string) (Result, error) {
	r, err := b.do(ctx, http.MethodGet, page, nil, asPage)
	for range 3 {
		if err != nil || r.Status != http.StatusOK {
			return r, err
		}
		form := url.Values{}
		switch {
		case signIn.MatchString(r.Body):
			form = url.Values{"username": {b.User}, "action": {"signin"}}
		case signOut.MatchString(r.Body):
			form.Set("action", "signout")
		default:
			return r, nil
		}
		m, a := tx.FindStringSubmatch(r.Body), action.FindStringSubmatch(r.Body)
		if m == nil || a == nil {
			return r, nil
		}
		form.Set("tx", html.UnescapeString(m[1]))
		to, err := r.URL.Parse(html.UnescapeString(a[1]))
		if err != nil {
			return r, err
		}
		if r, err = b.do(ctx, http.MethodPost, to.String(), form, asPage); err != nil {
			return r, err
		}
	}
	return r, errors.New("browser: the sign-in page comes again and again")
}

// Callback follows a log-in until the IdP sends the browser back to site, and
// returns that address without opening it: the log-in hangs in the air.
func (b *Browser) Callback(ctx context.Context, login, site string) (string, error) {
	held := ""
	c := *b.client
	c.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), site) && len(via) > 0 {
			held = r.URL.String()
			return http.ErrUseLastResponse
		}
		return nil
	}
	hold := &Browser{User: b.User, client: &c, tr: b.tr}
	if _, err := hold.Open(ctx, login); err != nil {
		return "", err
	}
	if held == "" {
		return "", errors.New("browser: the log-in did not lead back to " + site)
	}
	return held, nil
}

// Fetch asks for data, as a script of the page does.
func (b *Browser) Fetch(ctx context.Context, page string) (Result, error) {
	return b.do(ctx, http.MethodGet, page, nil, asScript)
}

// Swap asks for a fragment of the page, as htmx does. poll: the element says of itself that no
// person has asked (hx-headers='{"Tandem-Activity": "passive"}').
func (b *Browser) Swap(ctx context.Context, page string, poll bool) (Result, error) {
	header := map[string]string{"Accept": "*/*", "Sec-Fetch-Mode": "cors", "HX-Request": "true"}
	if poll {
		header[activity.Header] = activity.Passive.String()
	}
	return b.do(ctx, http.MethodGet, page, nil, header)
}

// What browsers say of a request for a page, and of one that a script makes.
var (
	asPage   = map[string]string{"Accept": "text/html"}
	asScript = map[string]string{"Accept": "application/json", "Sec-Fetch-Mode": "cors"}
)

// Post sends a form, as a click on a button does.
func (b *Browser) Post(ctx context.Context, page string, form url.Values) (Result, error) {
	r, err := b.do(ctx, http.MethodPost, page, form, asPage)
	if err == nil && r.Status == http.StatusOK && signOut.MatchString(r.Body) {
		return b.Open(ctx, r.URL.String())
	}
	return r, err
}

func (b *Browser) do(ctx context.Context, method, page string, form url.Values,
	header map[string]string) (Result, error) {
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(ctx, method, page, body)
	if err != nil {
		return Result{}, err
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if method == http.MethodPost {
		req.Header.Set("Origin", req.URL.Scheme+"://"+req.URL.Host)
	}
	req.Header.Set("User-Agent", "Tandem demo ("+b.User+")")
	for name, v := range header {
		req.Header.Set(name, v)
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return Result{}, fmt.Errorf("browser: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxPage))
	return Result{Status: resp.StatusCode, Header: resp.Header, URL: resp.Request.URL, Body: string(text)}, err
}
