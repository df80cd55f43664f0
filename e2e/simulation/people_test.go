package simulation

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// browser is one browser of one person: cookies at the IdPs and at the apps. It calls the
// apps' handlers in process, so that thousands of histories have the time, and the oracle
// sees each request with its cookie: idptest.Browser has a network between.
type browser struct {
	w      *world
	person string
	name   string
	idps   [len(idpHosts)]*idpmock.Browser
	mu     sync.Mutex
	jar    [len(parties)]map[string]string

	came, inside [len(idpHosts)]int // visits to an IdP, and those under way; the oracle's
}

func newBrowser(w *world, person string, n int) *browser {
	b := &browser{w: w, person: person, name: fmt.Sprintf("%s-%d", person, n)}
	for i, p := range w.idps {
		b.idps[i] = p.Browser(person)
	}
	for i := range b.jar {
		b.jar[i] = map[string]string{}
	}
	return b
}

// at is the browser at the IdP of an app.
func (b *browser) at(a *app) *idpmock.Browser { return b.idps[a.idp] }

// response is a ResponseWriter for an answer that fits in memory.
type response struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *response) Header() http.Header { return r.header }
func (r *response) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}
func (r *response) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}
func (r *response) copyTo(w http.ResponseWriter) {
	for k, v := range r.header {
		w.Header()[k] = v
	}
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body.Bytes())
}

const sessionCookie = "__Host-tandem"

// request is one request of a browser to an app.
type request struct {
	kind   actKind
	what   string // for the timeline, if kind does not say it
	method string
	path   string
	active bool // a person has caused it
	hangUp time.Duration
	site   string // Sec-Fetch-Site of a log-in
	way    string // how a page asks by itself, if not by a script
	of     *app   // with the cookies for that app instead
}

// navigates: the browser asks for a page, not a script.
func (q request) navigates() bool {
	return q.kind == click || q.kind == adminEnd || q.kind == list || q.kind == login ||
		q.kind == visitor
}

var requests = [kinds]request{
	click:    {kind: click, method: "GET", path: "/page", active: true},
	fetch:    {kind: fetch, method: "GET", path: "/page", active: true},
	callAPI:  {kind: callAPI, method: "GET", path: "/call-api", active: true},
	save:     {kind: save, method: "POST", path: "/save", active: true},
	visitor:  {kind: visitor, method: "GET", path: "/public", active: true},
	list:     {kind: list, method: "GET", path: "/sessions", active: true},
	socketed: {kind: socketed, method: "GET", path: "/socket", active: true},
	poll:     {kind: poll, method: "GET", path: "/poll"},
	status:   {kind: status, method: "GET", path: "/auth/session"},
	stream:   {kind: stream, method: "GET", path: "/auth/events"},
	logout:   {kind: logout, method: "POST", path: "/auth/logout"},
	adminEnd: {kind: adminEnd, method: "GET", path: "/end", active: true},
}

// itself is how an open tab asks without the person: by a script on a route that is marked,
// by loading its page again, by a browser's guess at the next page, by htmx.
func itself(n int) request {
	q := requests[poll]
	switch {
	case n < 8:
	case n < 11:
		q.way, q.path = "reload", "/page"
	case n < 13:
		q.way, q.path = "prefetch", "/page"
	default:
		q.way = "htmx"
	}
	q.what = "poll"
	if q.way != "" {
		q.what = q.way
	}
	return q
}

// cookies are those that go along with a request.
func (b *browser) cookies(a *app, q request) map[string]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if q.of != nil {
		a = q.of
	}
	return maps.Clone(b.jar[a.n])
}

func (b *browser) request(ctx context.Context, a *app, q request, cookies map[string]string) *http.Request {
	req, err := http.NewRequestWithContext(ctx, q.method, a.url()+q.path, nil)
	if err != nil {
		panic(err)
	}
	req.RequestURI, req.RemoteAddr = req.URL.RequestURI(), "192.0.2.1:1"
	if req.Body == nil {
		req.Body = http.NoBody
	}
	for name, value := range cookies {
		req.Header.Add("Cookie", name+"="+value)
	}
	switch {
	case q.navigates() || q.way == "reload" || q.way == "prefetch":
		req.Header.Set("Sec-Fetch-Mode", "navigate")
		req.Header.Set("Sec-Fetch-Dest", "document")
		req.Header.Set("Accept", "text/html")
		switch {
		case q.way == "prefetch":
			req.Header.Set("Sec-Purpose", "prefetch")
		case q.way == "" && q.what != "callback": // an IdP's page may go on by itself
			req.Header.Set("Sec-Fetch-User", "?1")
		}
	case q.kind == stream:
		req.Header.Set("Accept", "text/event-stream")
		req.Header.Set("Sec-Fetch-Mode", "cors")
		req.Header.Set("Sec-Fetch-Dest", "empty")
	case q.kind != logout:
		req.Header.Set("Sec-Fetch-Mode", "cors")
		req.Header.Set("Sec-Fetch-Dest", "empty")
		req.Header.Set("Accept", "application/json")
		if q.way == "htmx" {
			req.Header.Set("Hx-Request", "true")
		}
	}
	if q.site != "" {
		req.Header.Set("Sec-Fetch-Site", q.site)
	}
	return req
}

// send carries out a request and lets the oracle judge it.
func (b *browser) send(a *app, inst int, q request) *visit {
	ctx, cancel := context.WithTimeout(b.w.ctx, 5*time.Minute)
	defer cancel()
	if q.hangUp > 0 {
		ctx, cancel = context.WithCancel(ctx) // as a server sees it
		defer cancel()
		defer time.AfterFunc(q.hangUp, cancel).Stop()
	}
	cookies := b.cookies(a, q)
	req := b.request(ctx, a, q, cookies)
	in := a.inst[inst%2]
	v := b.w.oracle.opens(b, in, q, cookies[sessionCookie])
	for name, value := range v.marks {
		req.Header.Set(name, value)
	}
	out, down := &response{header: http.Header{}}, false
	if !in.serve(out, req) { // the load balancer takes the other one
		in = a.inst[1-inst%2]
		if !in.serve(out, req) {
			out.WriteHeader(http.StatusBadGateway)
			down = true
		}
	}
	b.w.oracle.lock() // who judges another visit looks at this one too
	v.in, v.down, v.gaveUp = in, down || out.header.Get(killedHeader) != "", ctx.Err() != nil
	v.status, v.header, v.body = out.status, out.header, out.body.Bytes()
	b.w.oracle.unlock()
	b.takeCookies(a, v)
	b.w.oracle.closes(v)
	return v
}

func (b *browser) takeCookies(a *app, v *visit) {
	if v.gaveUp || v.down {
		return // it never saw them
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range (&http.Response{Header: v.header}).Cookies() {
		if c.MaxAge < 0 || c.Value == "" {
			delete(b.jar[a.n], c.Name)
		} else {
			b.jar[a.n][c.Name] = c.Value
		}
		if c.Name == sessionCookie {
			v.got = a.nameOf(c.Value)
			v.dropped = c.MaxAge < 0
		}
	}
}

// navigate opens a page and follows where it leads, by way of the IdP if need
// be. dwell is how long the person takes at the IdP.
func (b *browser) navigate(a *app, inst int, q request, signsIn bool, dwell time.Duration) {
	v := b.send(a, inst, q)
	for range 4 {
		to := v.header.Get("Location")
		if v.status/100 != 3 || !strings.HasPrefix(to, "/") {
			return
		}
		if !strings.HasPrefix(to, "/auth/login") {
			v = b.send(a, inst, request{kind: click, method: "GET", path: to, active: true})
			continue
		}
		silent := strings.Contains(to, "silent=1")
		if !signsIn && !silent {
			return
		}
		if v = b.login(a, inst, to, "none", dwell); v == nil {
			return
		}
	}
}

// A log-in that the person asks for, by a link of the app or by a bookmark.
const loginPath = "/auth/login?return_to=%2Fpage"

// login goes from the app's login endpoint over the IdP to the callback. It
// returns nil if the browser is stuck on the way.
func (b *browser) login(a *app, inst int, path, site string, dwell time.Duration) *visit {
	v, callback := b.toIdP(a, inst, path, site, dwell)
	if callback == "" {
		return v
	}
	b.w.oracle.say(b.name, "comes back from the IdP to %s", a.name)
	return b.send(a, inst+1, request{kind: login, what: "callback", method: "GET", path: callback,
		hangUp: b.w.h.Patience})
}

// toIdP is the first half: it returns the callback, or what the app has answered if
// it lets nobody log in because somebody is.
func (b *browser) toIdP(a *app, inst int, path, site string, dwell time.Duration) (v *visit, callback string) {
	v = b.send(a, inst, request{kind: login, what: "log-in", method: "GET", path: path, site: site})
	to := v.header.Get("Location")
	if v.status == http.StatusSeeOther {
		return v, ""
	}
	if v.status != http.StatusFound || !strings.HasPrefix(to, a.provider.issuer+"/") {
		return nil, ""
	}
	b.w.sleep(dwell / 2)
	b.w.oracle.say(b.name, "goes to %s", a.provider.issuer)
	ctx, cancel := context.WithTimeout(b.w.ctx, 2*time.Minute)
	defer cancel()
	d := b.w.oracle.comesToIdP(b, a.idp)
	callback, err := b.at(a).Authorize(ctx, to)
	b.w.oracle.leavesIdP(b, a, d)
	u, perr := url.Parse(callback)
	if err != nil || perr != nil || u.Path != "/auth/callback" {
		b.w.oracle.say(b.name, "is stuck at the IdP: %v", err)
		return nil, ""
	}
	b.w.oracle.coded(a, u.Query())
	b.w.sleep(dwell - dwell/2)
	return v, u.RequestURI()
}

func (b *browser) logsOut(a *app, inst int, follows bool) {
	v := b.send(a, inst, requests[logout])
	to := v.header.Get("Location")
	if v.status != http.StatusSeeOther || !strings.HasPrefix(to, a.provider.issuer+"/") || !follows {
		return
	}
	ctx, cancel := context.WithTimeout(b.w.ctx, 2*time.Minute)
	defer cancel()
	b.w.oracle.say(b.name, "signs out at %s", a.provider.issuer)
	if _, err := b.at(a).Logout(ctx, to); err != nil {
		b.w.oracle.say(b.name, "is stuck at the IdP's logout: %v", err)
	}
}
