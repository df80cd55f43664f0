package chaos

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"time"
)

const (
	giveUp  = 30 * time.Second // of a person who waits for one answer
	maxHops = 15
	maxBody = 1 << 20
)

// What the load balancer adds to answers.
const (
	headerInstance = "X-Chaos-Instance" // who has answered
	headerTrouble  = "X-Chaos-Trouble"  // why nobody has
)

// browser keeps cookies, follows redirects, fills the IdP's sign-in page, and writes
// each request to the journal. It is not idptest.Browser: see TestNothingOfTheLibrary.
type browser struct {
	who    string
	w      *world
	jar    *cookiejar.Jar
	client *http.Client
}

func newBrowser(w *world, who string) *browser {
	jar, _ := cookiejar.New(nil) // cannot fail
	return &browser{who: who, w: w, jar: jar, client: &http.Client{Transport: w.net, Timeout: giveUp,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// page is an answer with its body.
type page struct {
	hop
	url    *url.URL
	header http.Header
	body   string
}

// secured: browsers take Secure cookies over plain http from loopback, and
// net/http/cookiejar does not.
func secured(u *url.URL) *url.URL {
	v := *u
	v.Scheme = "https"
	return &v
}

// sessionCookie returns the cookie of the session in an app, nil if there is none.
func (b *browser) sessionCookie(app string) *http.Cookie {
	u, err := url.Parse(b.w.fronts[app].url)
	if err != nil {
		return nil
	}
	for _, c := range b.jar.Cookies(secured(u)) {
		if c.Name == cookieName(app) {
			return c
		}
	}
	return nil
}

func cookieName(app string) string { return "__Host-tandem-" + app }

// nameOf is how the journal calls a cookie.
func nameOf(c *http.Cookie) string {
	if c == nil {
		return ""
	}
	sum := sha256.Sum256([]byte(c.Value))
	return hex.EncodeToString(sum[:4])
}

var headers = map[kind]http.Header{
	click: {"Accept": {"text/html"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"},
		"Sec-Fetch-Site": {"same-origin"}, "Sec-Fetch-User": {"?1"}},
	fetch: {"Accept": {"application/json"}, "Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Dest": {"empty"},
		"Sec-Fetch-Site": {"same-origin"}},
}

func headerOf(k kind) http.Header {
	if k == click || k == logout {
		return headers[click].Clone()
	}
	return headers[fetch].Clone()
}

// request makes one request and writes it down. cookie nil: those of the browser.
func (b *browser) request(ctx context.Context, k kind, method, to string, form url.Values, cookie *http.Cookie) page {
	u, err := url.Parse(to)
	if err != nil {
		return page{hop: hop{Who: b.who, Kind: k, Path: to, Trouble: err.Error()}}
	}
	app, instance := b.w.whereIs(u.Host)
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(ctx, method, to, body)
	if err != nil {
		return page{hop: hop{Who: b.who, App: app, Kind: k, Path: u.Path, Trouble: err.Error()}}
	}
	req.Header = headerOf(k)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", u.Scheme+"://"+u.Host)
	}
	own := cookie == nil
	if own {
		for _, c := range b.jar.Cookies(secured(u)) {
			req.AddCookie(c)
		}
		if app != "idp" {
			cookie = b.sessionCookie(app)
		}
	} else {
		req.AddCookie(cookie)
	}
	p := page{url: u, hop: hop{Who: b.who, App: app, Instance: instance, Path: u.Path, Kind: k, Cookie: nameOf(cookie),
		From: b.w.rec.now()}}
	b.exchange(req, &p, own)
	p.To = b.w.rec.now()
	if ctx.Err() == nil { // else the run has given up, not the app
		b.w.rec.write(func(j *journal) { j.Hops = append(j.Hops, p.hop) })
	}
	return p
}

func (b *browser) exchange(req *http.Request, p *page, own bool) {
	resp, err := b.client.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // the URL holds codes
		}
		p.Trouble = err.Error()
		return
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		p.Trouble = "cut off: " + err.Error()
		return
	}
	if own {
		b.jar.SetCookies(secured(req.URL), resp.Cookies())
	}
	p.Status, p.header, p.body = resp.StatusCode, resp.Header, string(text)
	p.Trouble = resp.Header.Get(headerTrouble)
	if by := resp.Header.Get(headerInstance); by != "" {
		p.Instance = by
	}
	p.RetryAfter = resp.Header.Get("Retry-After") != ""
	p.Subject, p.SID = b.whose(p)
	var refused struct{ Error, Reason string }
	if p.Status == http.StatusUnauthorized && json.Unmarshal(text, &refused) == nil {
		p.Reason = strings.TrimSpace(refused.Error + " " + refused.Reason)
	}
}

var shown = regexp.MustCompile(`"sub": "([^"]*)"`)

// whose reads from an answer whose private page it is.
func (b *browser) whose(p *page) (subject, sid string) {
	if p.App == "idp" || p.Status != http.StatusOK {
		return "", ""
	}
	switch p.Path {
	case "/me", "/passive":
		var me struct{ Subject, SID string }
		if json.Unmarshal([]byte(p.body), &me) == nil {
			return me.Subject, me.SID
		}
	case "/private":
		if m := shown.FindStringSubmatch(html.UnescapeString(p.body)); m != nil {
			return m[1], ""
		}
	}
	return "", ""
}

var (
	tx     = regexp.MustCompile(`name="tx" value="([^"]*)"`)
	action = regexp.MustCompile(`<form method="post" action="([^"]*)"`)
)

// open does what a person does: it follows redirects and signs in where it is asked.
func (b *browser) open(ctx context.Context, app string, k kind, path string) visit {
	v := visit{Who: b.who, App: app, Kind: k, Cookie: nameOf(b.sessionCookie(app)), From: b.w.rec.now()}
	p := b.request(ctx, k, http.MethodGet, b.w.fronts[app].url+path, nil, nil)
	if v.Cookie != "" && p.App == app && (p.Status == http.StatusFound || p.Status == http.StatusUnauthorized) {
		v.ToLogin, v.Last = true, p.hop
	}
	p = b.follow(ctx, p, func(p *page) bool {
		if !strings.Contains(p.body, `id="signin"`) {
			return false
		}
		if !v.Asked {
			v.Asked, v.Last = true, p.hop
		}
		return true
	})
	v.To, v.Served = b.w.rec.now(), p.served()
	if v.Last.Path == "" {
		v.Last = p.hop
	}
	if ctx.Err() == nil {
		b.w.rec.write(func(j *journal) { j.Visits = append(j.Visits, v) })
	}
	return v
}

// follow goes where redirects lead, and posts the form of a page of the IdP that
// fills says to be for this person.
func (b *browser) follow(ctx context.Context, p page, fills func(*page) bool) page {
	for range maxHops {
		switch {
		case p.Status/100 == 3 && p.header.Get("Location") != "":
			to, err := p.url.Parse(p.header.Get("Location"))
			if err != nil {
				return p
			}
			p = b.request(ctx, p.Kind, http.MethodGet, to.String(), nil, nil)
		case p.App == "idp" && p.Status == http.StatusOK && fills(&p):
			t, a := tx.FindStringSubmatch(p.body), action.FindStringSubmatch(p.body)
			if t == nil || a == nil {
				return p
			}
			to, err := p.url.Parse(html.UnescapeString(a[1]))
			if err != nil {
				return p
			}
			form := url.Values{"tx": {html.UnescapeString(t[1])}, "username": {b.who}, "action": {"signin"}}
			if strings.Contains(p.body, `value="signout"`) {
				form.Set("action", "signout")
			}
			p = b.request(ctx, p.Kind, http.MethodPost, to.String(), form, nil)
		default:
			return p
		}
	}
	return p
}

// leave presses "log out" in an app. The old cookie is tried before anything else can
// end the session. on follows to the IdP; without it the person closes the window.
func (b *browser) leave(ctx context.Context, app string, old *http.Cookie, on bool) departure {
	d := departure{Who: b.who, App: app, Cookie: nameOf(old), From: b.w.rec.now()}
	p := b.request(ctx, logout, http.MethodPost, b.w.fronts[app].url+"/auth/logout", url.Values{}, nil)
	d.To, d.Acknowledged = b.w.rec.now(), p.Status == http.StatusSeeOther
	b.w.rec.write(func(j *journal) { j.Departures = append(j.Departures, d) })
	b.request(ctx, ghost, http.MethodGet, b.w.fronts[app].anyInstance()+"/me", nil, old)
	if on {
		b.follow(ctx, p, func(p *page) bool { return strings.Contains(p.body, `value="signout"`) })
	}
	return d
}
