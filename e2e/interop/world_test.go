package interop

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/e2e/driver/foreign"
	"github.com/tandem-sso/tandem/e2e/driver/process"
	"github.com/tandem-sso/tandem/e2e/interop/guideapp"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
	"github.com/tandem-sso/tandem/rp"
)

const (
	window = 60 * time.Second // W
	delta  = window / 5       // δ, as the library chooses it
	look   = 200 * time.Millisecond
	slack  = 3 * time.Second // a loaded machine, and IdPs that count whole seconds
	longer = delta*12/10 + time.Second
)

var kinds = []rp.Kind{rp.RefreshToken, rp.ReferenceToken, rp.NoToken}

// app is a guide's program as one kind of client.
type app struct {
	id, base string
	kind     rp.Kind
	guides   bool // the guide's own kind
	process  *process.Process
}

// world is an IdP, three apps and one person with a browser.
type world struct {
	t     *testing.T
	guide string
	idp   *foreign.Server
	apps  []*app
	brief *app // of the guide's kind, with access tokens that are soon over
	// crowd and brief have one row each: all refreshes that they make are of one session. At an
	// app that rows share, a count of refreshes has other people's, too.
	crowd *app
	// watching are of the guide's kind, and no logout token comes: one is on the IdP's site,
	// the other on another one.
	watching [2]*app
	bare     *bare
	own      []*tries
	facts    *facts
	next     *atomic.Int32 // person
	*idptest.Browser
}

// brief is the life of an access token that is to run out.
const brief = 20 * time.Second

func newWorld(t *testing.T, p foreign.Provider, programs *process.Program) *world {
	t.Helper()
	w := &world{t: t, guide: p.Guide, next: &atomic.Int32{}, facts: &facts{}}
	o := foreign.Options{Window: window}
	register := func(id, host string, kind rp.Kind, life time.Duration) *app {
		_, port, _ := strings.Cut(process.FreeAddr(t), ":")
		a := &app{id: id, base: "http://" + host + ":" + port, kind: kind, guides: kind == rp.RefreshToken}
		o.Clients = append(o.Clients, foreign.Client{ID: id, Base: a.base, Refresh: kind == rp.RefreshToken,
			AccessToken: life,
			Watches:     strings.HasPrefix(id, "watching")})
		return a
	}
	for _, kind := range kinds {
		w.apps = append(w.apps, register(strings.ReplaceAll(kind.String(), "-", ""), "127.0.0.1", kind, 0))
	}
	w.brief = register("brief", "127.0.0.1", rp.RefreshToken, brief)
	w.crowd = register("crowd", "127.0.0.1", rp.RefreshToken, 0)
	w.watching = [2]*app{register("watching", "127.0.0.1", rp.RefreshToken, 0),
		register("watching2", "localhost", rp.RefreshToken, 0)}
	plain := register("bare", "127.0.0.1", rp.RefreshToken, 0)
	page := []*app{register("own", "localhost", rp.RefreshToken, 0), register("own2", "localhost", rp.ReferenceToken,
		0)}
	w.idp = p.Start(t, o)
	for _, a := range slices.Concat([]*app{w.brief, w.crowd}, w.watching[:], w.apps) {
		_, port, _ := strings.Cut(a.base, "//")
		port = port[strings.Index(port, ":"):]
		a.process = programs.Start(t, settings(t, guideapp.Settings{Guide: p.Guide, Issuer: w.idp.Issuer,
			ClientID: a.id, BaseURL: a.base,
			Listen: "127.0.0.1" + port, Kind: a.kind, Window: window, Bare: !a.guides})).Ready(a.base)
	}
	scope := "openid profile"
	if p.Guide == "hydra" || p.Guide == "dex" { // no refresh token without
		scope += " offline_access"
	}
	w.bare = newBare(t, plain, scope)
	for _, a := range page {
		if a.kind != rp.RefreshToken {
			scope = "openid profile"
		}
		w.own = append(w.own, &tries{own: newOwn(t, a, scope), asked: asksOf(a.kind)})
	}
	return w
}

// person is somebody who has just opened a browser, and nobody else.
func (w *world) person(t *testing.T) *world {
	t.Helper()
	p := *w
	n := int(w.next.Add(1)) - 1
	if n >= foreign.People {
		t.Fatalf("the IdP knows %d people only", foreign.People)
	}
	p.t, p.Browser = t, idptest.NewBrowser(t, nil)
	p.Fill = w.idp.Fill(n)
	return &p
}

// elsewhere is the same person with another browser.
func (w *world) elsewhere() *world {
	p := *w
	p.Browser = idptest.NewBrowser(w.t, nil)
	p.Fill = w.Fill
	return &p
}

// at reports whether a page is the app's, and not one on the way.
func (a *app) at(page *idptest.Page) bool {
	return strings.HasPrefix(page.URL.String(), a.base) && page.URL.Path != "/auth/logout"
}

var password = regexp.MustCompile(`(?i)<input[^>]*type=["']?password`)

// asks reports whether a page asks for the password.
func (w *world) asks(page *idptest.Page) bool { return password.MatchString(page.Body) }

// through submits the IdP's forms, until the browser is at the app.
func (w *world) through(a *app, page *idptest.Page) *idptest.Page {
	w.t.Helper()
	for range 6 {
		if a.at(page) {
			return page
		}
		if page.Status >= 400 || !strings.Contains(page.Body, "<form") {
			break
		}
		page = page.Submit()
	}
	w.t.Fatalf("%s: not back at the app: %s", a.id, page)
	return nil
}

// signIn logs in, or is let in where the IdP knows the person already.
func (w *world) signIn(a *app) {
	w.t.Helper()
	if page := w.through(a, w.Open(a.base+"/private")); !served(page) {
		w.t.Fatalf("%s: after the log-in: %s", a.id, page)
	}
}

func served(page *idptest.Page) bool {
	return page.Status == http.StatusOK && page.URL.Path == "/private" && strings.Contains(page.Body, "subject=")
}

// act is a click. It must be served, without a page of the IdP on the way.
func (w *world) act(a *app, when string) {
	w.t.Helper()
	if page := w.Open(a.base + "/private"); !served(page) {
		w.t.Fatalf("%s: a click is not served %s: the session is %+v; by way of\n%s\n%s", a.id, when, w.state(a),
			strings.Join(page.Hops, "\n"), page)
	}
}

// passive is a poll; it reports whether it was served.
func (w *world) passive(a *app) bool {
	w.t.Helper()
	return w.Fetch(http.MethodGet, a.base+"/passive").Status == http.StatusOK
}

type state struct{ State, Reason string }

func (w *world) state(a *app) (s state) {
	w.t.Helper()
	w.json(a.base+"/auth/session", &s)
	return s
}

func (w *world) json(at string, v any) {
	w.t.Helper()
	page := w.Fetch(http.MethodGet, at)
	if err := json.Unmarshal([]byte(page.Body), v); err != nil || page.Status != http.StatusOK {
		w.t.Fatalf("want 200 and JSON: %v: %s", err, page)
	}
}

// seen counts what the app has seen since then.
func (w *world) seen(a *app, since time.Time, is func(guideapp.Event) bool) (n int) {
	w.t.Helper()
	var all []guideapp.Event
	w.json(a.base+"/seen", &all)
	for _, e := range all {
		if e.At.After(since) && is(e) {
			n++
		}
	}
	return n
}

// refreshes are the app's token requests with a refresh token since then, of all its people. Of more than one each
// has a cause that the library allows, which is said; else the row fails.
func (w *world) refreshes(a *app, since time.Time) (n int, said string) {
	w.t.Helper()
	var all []guideapp.Event
	w.json(a.base+"/seen", &all)
	calls := guideapp.Refreshes(all, since)
	causes, ok := guideapp.Causes(calls, delta)
	listed := guideapp.Listed(calls, since)
	if !ok {
		w.t.Errorf("%d refreshes (%s):%s", len(calls), strings.Join(causes, "; "), listed)
	} else if len(causes) > 0 {
		w.t.Logf("%d refreshes (%s):%s", len(calls), strings.Join(causes, "; "), listed)
	}
	said = fmt.Sprintf("%d refresh", len(calls))
	if len(causes) > 0 {
		said += "es: " + strings.Join(causes, "; ")
	}
	return len(calls), said
}

func signalled(e guideapp.Event) bool { return e.What == "signal" && e.Verdict == "ok" }

// after waits until so long after since.
func after(since time.Time, d time.Duration) { <-time.After(time.Until(since.Add(d))) }

// until looks until is holds, and returns how long after since that was.
func until(since time.Time, atMost time.Duration, is func() bool) (time.Duration, bool) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for time.Since(since) < atMost {
		if is() {
			return time.Since(since), true
		}
		<-tick.C
	}
	return time.Since(since), false
}

// logOut leaves the app, and the IdP by way of its pages.
func (w *world) logOut(a *app) {
	w.t.Helper()
	if page, hops := w.leave(a); page.URL.Path != "/auth/logged-out" {
		w.t.Errorf("%s: the log-out does not come back; by way of\n%s\n%s", a.id, strings.Join(hops, "\n"), page)
	}
}

// leave returns where a log-out has led.
func (w *world) leave(a *app) (*idptest.Page, []string) {
	w.t.Helper()
	page := w.Post(a.base+"/auth/logout", url.Values{})
	hops := page.Hops
	for range 4 {
		if a.at(page) || page.Status >= 400 || !strings.Contains(page.Body, "<form") {
			break
		}
		page = page.Submit()
		hops = append(hops, page.Hops...)
	}
	if got := w.state(a); got.State == "live" {
		w.t.Errorf("%s: lives after its log-out; by way of\n%s\n%s", a.id, strings.Join(hops, "\n"), page)
	}
	return page, hops
}
