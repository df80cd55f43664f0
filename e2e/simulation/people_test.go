package simulation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// browser is one browser of one person: cookies at the IdP and at the apps.
type browser struct {
	w      *world
	person string
	name   string
	idp    *idpmock.Browser
	mu     sync.Mutex
	jar    [len(appNames)]map[string]string
}

func newBrowser(w *world, person string, n int) *browser {
	b := &browser{w: w, person: person, name: fmt.Sprintf("%s-%d", person, n), idp: w.idp.Browser(person)}
	for i := range b.jar {
		b.jar[i] = map[string]string{}
	}
	return b
}

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

// nameOf is how the library calls the session of a cookie in its events: part of
// the SHA-256 of the cookie's value.
func nameOf(cookie string) string {
	if cookie == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(cookie))
	return hex.EncodeToString(sum[:6])
}

// request is one request of a browser to an app.
type request struct {
	kind   actKind
	what   string // for the timeline, if kind does not say it
	method string
	path   string
	active bool // a person has caused it
	hangUp time.Duration
}

// navigates: the browser asks for a page, not a script.
func (q request) navigates() bool { return q.kind == click || q.kind == adminEnd || q.kind == login }

var requests = [kinds]request{
	click:    {kind: click, method: "GET", path: "/page", active: true},
	fetch:    {kind: fetch, method: "GET", path: "/page", active: true},
	callAPI:  {kind: callAPI, method: "GET", path: "/call-api", active: true},
	save:     {kind: save, method: "POST", path: "/save", active: true},
	poll:     {kind: poll, method: "GET", path: "/poll"},
	status:   {kind: status, method: "GET", path: "/auth/session"},
	stream:   {kind: stream, method: "GET", path: "/auth/events"},
	logout:   {kind: logout, method: "POST", path: "/auth/logout"},
	adminEnd: {kind: adminEnd, method: "GET", path: "/end", active: true},
}

// send carries out a request and lets the oracle judge it.
func (b *browser) send(a *app, inst int, q request, out http.ResponseWriter) *visit {
	ctx, cancel := context.WithTimeout(b.w.ctx, 5*time.Minute)
	defer cancel()
	if q.hangUp > 0 {
		ctx, cancel = context.WithTimeout(ctx, q.hangUp)
		defer cancel()
	}
	req, err := http.NewRequestWithContext(ctx, q.method, "https://"+a.name+".example"+q.path, nil)
	if err != nil {
		panic(err)
	}
	req.RequestURI, req.RemoteAddr = req.URL.RequestURI(), "192.0.2.1:1"
	if req.Body == nil {
		req.Body = http.NoBody
	}
	b.mu.Lock()
	for name, value := range b.jar[a.n] {
		req.Header.Add("Cookie", name+"="+value)
	}
	cookie := b.jar[a.n][sessionCookie]
	b.mu.Unlock()
	switch q.kind {
	case click, login, adminEnd:
		req.Header.Set("Sec-Fetch-Mode", "navigate")
		req.Header.Set("Sec-Fetch-Dest", "document")
		req.Header.Set("Accept", "text/html")
	case logout:
	default:
		req.Header.Set("Sec-Fetch-Mode", "cors")
		req.Header.Set("Sec-Fetch-Dest", "empty")
		req.Header.Set("Accept", "application/json")
	}
	buf, buffered := out.(*response)
	if out == nil {
		buf, buffered = &response{header: http.Header{}}, true
		out = buf
	}
	in := a.inst[inst%2]
	v := b.w.oracle.opens(b, in, q, nameOf(cookie))
	for name, value := range v.marks {
		req.Header.Set(name, value)
	}
	if !in.serve(out, req) { // the load balancer takes the other one
		in = a.inst[1-inst%2]
		v.in = in
		if !in.serve(out, req) {
			out.WriteHeader(http.StatusBadGateway)
			v.down = true
		}
	}
	v.gaveUp = ctx.Err() != nil
	if buffered {
		v.status, v.header = buf.status, buf.header
		v.body = buf.body.Bytes()
	}
	b.takeCookies(a, v)
	b.w.oracle.closes(v)
	return v
}

func (b *browser) takeCookies(a *app, v *visit) {
	if v.gaveUp {
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
			v.got = nameOf(c.Value)
			v.dropped = c.MaxAge < 0
		}
	}
}

// navigate opens a page and follows where it leads, by way of the IdP if need
// be. dwell is how long the person takes at the IdP.
func (b *browser) navigate(a *app, inst int, q request, signsIn bool, dwell time.Duration) {
	v := b.send(a, inst, q, nil)
	for range 3 {
		to := v.header.Get("Location")
		if v.status/100 != 3 || !strings.HasPrefix(to, "/") {
			return
		}
		if !strings.HasPrefix(to, "/auth/login") {
			v = b.send(a, inst, request{kind: click, method: "GET", path: to, active: true}, nil)
			continue
		}
		silent := strings.Contains(to, "silent=1")
		if !signsIn && !silent {
			return
		}
		if v = b.login(a, inst, to, dwell); v == nil {
			return
		}
	}
}

// login goes from the app's login endpoint over the IdP to the callback. It
// returns nil if the browser is stuck on the way.
func (b *browser) login(a *app, inst int, path string, dwell time.Duration) *visit {
	q := request{kind: login, what: "log-in", method: "GET", path: path}
	v := b.send(a, inst, q, nil)
	to := v.header.Get("Location")
	if v.status != http.StatusFound || !strings.HasPrefix(to, issuer) {
		return nil
	}
	b.w.sleep(dwell / 2)
	b.w.oracle.visitsIdP(b)
	ctx, cancel := context.WithTimeout(b.w.ctx, 2*time.Minute)
	defer cancel()
	callback, err := b.idp.Authorize(ctx, to)
	u, perr := url.Parse(callback)
	if err != nil || perr != nil || u.Path != "/auth/callback" {
		b.w.oracle.say(b.name, "is stuck at the IdP: %v", err)
		return nil
	}
	b.w.sleep(dwell - dwell/2)
	b.w.oracle.say(b.name, "comes back from the IdP to %s", a.name)
	return b.send(a, inst+1, request{kind: login, what: "callback", method: "GET", path: u.RequestURI()}, nil)
}

func (b *browser) logsOut(a *app, inst int, follows bool) {
	v := b.send(a, inst, requests[logout], nil)
	to := v.header.Get("Location")
	if v.status != http.StatusSeeOther || !strings.HasPrefix(to, issuer) || !follows {
		return
	}
	ctx, cancel := context.WithTimeout(b.w.ctx, 2*time.Minute)
	defer cancel()
	b.w.oracle.signsOut(b)
	if _, err := b.idp.Logout(ctx, to); err != nil {
		b.w.oracle.say(b.name, "is stuck at the IdP's logout: %v", err)
	}
}

// do carries out an act.
func (w *world) do(a act) {
	b := w.people[a.Browser]
	app := w.apps[a.App]
	switch a.Kind {
	case click, fetch, callAPI, save:
		w.repeat(a, w.gone, func(inst int) {
			q := requests[a.Kind]
			if a.V[0] == 7 {
				q.hangUp = time.Duration(a.V[1]*a.V[2]+1) * 10 * time.Millisecond
			}
			if a.Kind == click {
				b.navigate(app, inst, q, a.V[3] < 12, 0)
			} else {
				b.send(app, inst, q, nil)
			}
		})
	case poll, status:
		w.repeat(a, func() bool { return w.ctx.Err() != nil }, func(inst int) {
			q := requests[a.Kind]
			b.send(app, inst, q, nil)
		})
	case stream:
		b.streams(app, a.Inst, a.Every)
	case logout:
		b.logsOut(app, a.Inst, a.V[0] < 10)
	case overtaken:
		w.overtake(a)
	case login:
		dwell := min(a.Every, 14*time.Minute)
		if a.V[0] < 8 {
			dwell = min(dwell, time.Duration(a.V[1]*4)*time.Second)
		}
		b.login(app, a.Inst, "/auth/login?return_to=%2Fpage", dwell)
	case adminEnd:
		q := requests[adminEnd]
		b.send(app, a.Inst, q, nil)
	case idpEnd:
		if s, err := b.idp.Session(); err == nil {
			w.oracle.say("admin", "ends %s's session at the IdP", b.name)
			_ = w.idp.EndSession(s.SID)
		}
	case restart:
		w.restart(a)
	case faultIdP:
		w.spoilIdP(a)
	case faultDelivery:
		w.spoilDelivery(a)
	case faultStore:
		w.spoilStore(a)
	case faultAPI:
		w.spoilAPI(a)
	}
}

// gone: the people have left.
func (w *world) gone() bool { return w.ctx.Err() != nil || w.at() >= horizon }

// repeat does something Count times, Every apart, or all at once.
func (w *world) repeat(a act, over func() bool, do func(inst int)) {
	var all sync.WaitGroup
	defer all.Wait()
	for n := range a.Count {
		if n > 0 && a.Every > 0 {
			w.sleep(a.Every)
		}
		if over() {
			return
		}
		inst := a.Inst
		if inst == 2 {
			inst = n
		}
		all.Go(func() { do(inst) })
	}
}
