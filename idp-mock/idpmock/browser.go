package idpmock

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
	"sync"
)

// Browser is one browser of one person at the provider: it keeps the provider's cookies, so
// that several apps share the session, and fills in the sign-in page by itself. It calls the
// provider in process, without a network. It never calls an app.
type Browser struct {
	idp  *IDP
	mu   sync.Mutex
	user string
	pass string
	jar  *cookiejar.Jar
}

// Browser returns a fresh browser, whose person is called user. Nobody is signed
// in yet: the first [Browser.Authorize] signs in.
func (p *IDP) Browser(user string) *Browser {
	jar, _ := cookiejar.New(nil) // cannot fail
	b := &Browser{idp: p, user: user, jar: jar}
	if u, ok := p.settings().user(user); ok {
		b.pass = u.Password
	}
	return b
}

// SignIn returns a browser in which user is signed in already: the session
// exists, no client is part of it.
func (p *IDP) SignIn(user string) (*Browser, error) {
	cfg, now := p.settings(), p.Now()
	u, ok := cfg.user(user)
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrUnknownUser, user)
	}
	b := p.Browser(user)
	p.mu.Lock()
	_, value := p.signInLocked(cfg, now, nil, u, cfg.ACRValues[0])
	p.mu.Unlock()
	w := &buffer{header: http.Header{}}
	p.setCookie(w, cookieSession, value)
	b.jar.SetCookies(b.root(), (&http.Response{Header: w.header}).Cookies())
	return b, nil
}

// As changes who fills the next sign-in page.
func (b *Browser) As(user string) *Browser {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.user = user
	if u, ok := b.idp.settings().user(user); ok {
		b.pass = u.Password
	}
	return b
}

// Session returns the session of this browser.
func (b *Browser) Session() (Session, error) {
	for _, c := range b.Cookies() {
		if c.Name == b.idp.cookieName(cookieSession) {
			b.idp.mu.Lock()
			s := b.idp.cookies[keyOf(c.Value)]
			sid := ""
			if s != nil {
				sid = s.sid
			}
			b.idp.mu.Unlock()
			return b.idp.Session(sid)
		}
	}
	return Session{}, ErrNoSession
}

// Cookies of the provider that this browser keeps, to put into another one.
func (b *Browser) Cookies() []*http.Cookie { return b.jar.Cookies(b.root()) }

func (b *Browser) root() *url.URL {
	u, _ := url.Parse(b.idp.endpoint(PathAuthorize)) // the issuer was checked
	return u
}

var txField = regexp.MustCompile(`name="tx" value="([^"]*)"`)

// Authorize opens an authorization URL as a browser does, and returns the address to which the provider finally sends
// it: the client's callback, with a code or an error. With form_post the form's fields are in its query. It returns
// an error only if a person would be stuck at the provider.
func (b *Browser) Authorize(ctx context.Context, authURL string) (callback string, err error) {
	return b.visit(ctx, authURL, func(form url.Values) {
		b.mu.Lock()
		defer b.mu.Unlock()
		form.Set("username", b.user)
		form.Set("password", b.pass)
		form.Set("action", "signin")
	}, PathLogin)
}

// Logout opens an end_session URL as a browser does, and confirms if the provider asks. It
// returns the address to which the provider sends the browser: "" if it stays there.
// Front-channel pages are not loaded.
func (b *Browser) Logout(ctx context.Context, endSessionURL string) (redirect string, err error) {
	return b.visit(ctx, endSessionURL, func(form url.Values) {
		form.Set("action", "signout")
	}, PathEndSession+"/confirm")
}

// visit loads a page of the provider and posts the form in it, if any.
func (b *Browser) visit(ctx context.Context, to string, fill func(url.Values), action string) (string, error) {
	resp, err := b.do(ctx, http.MethodGet, to, nil)
	if err != nil {
		return "", err
	}
	if m := txField.FindSubmatch(resp.body.Bytes()); m != nil && resp.status == http.StatusOK {
		form := url.Values{"tx": {html.UnescapeString(string(m[1]))}}
		fill(form)
		if resp, err = b.do(ctx, http.MethodPost, b.idp.endpoint(action), form); err != nil {
			return "", err
		}
	}
	if loc := resp.header.Get("Location"); loc != "" {
		return loc, nil
	}
	if m := continueLink.FindSubmatch(resp.body.Bytes()); m != nil {
		return html.UnescapeString(string(m[1])), nil
	}
	if m := postAction.FindSubmatch(resp.body.Bytes()); m != nil && strings.Contains(resp.body.String(), postScript) {
		fields := url.Values{}
		for _, f := range hiddenField.FindAllSubmatch(resp.body.Bytes(), -1) {
			fields.Add(html.UnescapeString(string(f[1])), html.UnescapeString(string(f[2])))
		}
		return addQuery(html.UnescapeString(string(m[1])), fields), nil
	}
	if resp.status >= 400 {
		return "", fmt.Errorf("idpmock: the provider answered %d: %s", resp.status, alertText(resp.body.String()))
	}
	return "", nil
}

var (
	continueLink = regexp.MustCompile(`id="continue" href="([^"]*)"`)
	postAction   = regexp.MustCompile(`<form method="post" action="([^"]*)">`)
	hiddenField  = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
	alertField   = regexp.MustCompile(`role="alert"[^>]*>([^<]*)`)
)

func alertText(page string) string {
	if m := alertField.FindStringSubmatch(page); m != nil {
		return html.UnescapeString(m[1])
	}
	if len(page) > 200 {
		page = page[:200] + "…"
	}
	return page
}

// ErrConnectionCut is the error of a [Browser] when a fault drops the connection.
var ErrConnectionCut = errors.New("idpmock: the connection was cut by a fault")

func (b *Browser) do(ctx context.Context, method, to string, form url.Values) (resp *buffer, err error) {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(ctx, method, to, body)
	if err != nil {
		return nil, err
	}
	if req.URL.Scheme+"://"+req.URL.Host != b.idp.origin {
		return nil, fmt.Errorf("idpmock: %s is not a URL of this provider, which is at %s", req.URL.Redacted(),
			b.idp.origin)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if req.Body == nil {
		req.Body = http.NoBody
	}
	req.RequestURI = req.URL.RequestURI()
	req.RemoteAddr = "127.0.0.1:1"
	for _, c := range b.jar.Cookies(req.URL) {
		req.AddCookie(c)
	}
	defer func() {
		if v := recover(); v == http.ErrAbortHandler {
			resp, err = nil, ErrConnectionCut
		} else if v != nil {
			panic(v)
		}
	}()
	resp = &buffer{header: http.Header{}}
	b.idp.handler.ServeHTTP(resp, req)
	resp.WriteHeader(http.StatusOK)
	b.jar.SetCookies(req.URL, (&http.Response{Header: resp.header}).Cookies())
	return resp, nil
}
