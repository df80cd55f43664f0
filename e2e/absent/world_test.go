package absent

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/drive"
	"github.com/tandem-sso/tandem/e2e/driver/firefox"
	"github.com/tandem-sso/tandem/e2e/driver/site"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
)

const (
	window = 15 * time.Minute // W
	delta  = 3 * time.Minute  // δ: a fifth of W, and up to a tenth more or less
	step   = 3 * time.Minute
	six    = 6 * window
)

// A tab in the background makes its requests as fast as one in front, and a WebSocket
// connects again at once.
const unthrottled = `
user_pref("dom.min_background_timeout_value", 4);
user_pref("dom.min_background_timeout_value_without_budget_throttling", 4);
user_pref("dom.timeout.enable_budget_timer_throttling", false);
user_pref("network.websocket.delay-failed-reconnects", false);
`

var (
	chromium = &drive.Chromium{}
	mozilla  = &drive.Firefox{Process: firefox.Process{Preferences: unthrottled}}
	drivers  = [...]drive.Driver{chromium, mozilla}
)

func TestMain(m *testing.M) {
	code := m.Run()
	for _, d := range drivers {
		d.Close()
	}
	os.Exit(code)
}

// each plays a story in every browser, in both at the same time.
func each(t *testing.T, story func(*testing.T, drive.Driver)) {
	for _, d := range drivers {
		t.Run(d.Name(), func(t *testing.T) {
			t.Parallel()
			story(t, d)
		})
	}
}

// world is an IdP and two apps. Mail has no back-channel logout.
type world struct {
	*site.World
	*ledger
	notes, mail *site.App
}

// options of a world.
type options struct {
	rp     func(*rp.Config)
	routes func(*http.ServeMux, *nethttpadapter.Adapter)
}

func start(t *testing.T, o options) *world {
	t.Helper()
	l := newLedger()
	w := &world{ledger: l, World: site.NewVirtual(t, site.Options{
		Apps: []string{"notes", "mail"},
		IDP: func(c *idpmock.Config) {
			c.IdleWindow = window
			c.Clients[1].BackchannelLogoutURI = ""
		},
		RP: func(c *rp.Config) {
			c.IdPWindow = window
			if o.rp != nil {
				o.rp(c)
			}
		},
		Routes: func(mux *http.ServeMux, web *nethttpadapter.Adapter) {
			mux.Handle("GET /start", web.RequireLogin(show(`<h1>start</h1>`)))
			mux.Handle("/page", web.RequireLogin(show(`<h1>page</h1><a id="on" href="/page">on</a>`)))
			if o.routes != nil {
				o.routes(mux, web)
			}
		},
		Front: l.before,
	})}
	w.notes, w.mail = w.Apps["notes"], w.Apps["mail"]
	return w
}

// show is a page of an app.
func show(body string) http.HandlerFunc {
	return classified(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, `<!doctype html><meta charset="utf-8"><title>app</title><style>a, iframe { display: block; width: 300px; height: 100px; border: 0 } body { margin: 0 }</style>`+body)
	})
}

// reply is what a script reads.
func reply(text string) http.HandlerFunc {
	return classified(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) })
}

// open opens a page of an app and signs in at the IdP if that asks.
func (w *world) open(tab site.Tab, app *site.App, path string) {
	w.Helper()
	tab.Go(app.URL + path)
	if strings.HasPrefix(tab.URL(), w.IDP.Issuer()) {
		w.enter(tab)
	}
	tab.WaitURL(app.URL + path)
}

// enter fills in the IdP's page.
func (w *world) enter(tab site.Tab) {
	w.Helper()
	tab.WaitURL(w.IDP.Issuer())
	tab.Type("#username", "ada\r")
}

// virtual moves the clock of a page.
func virtual(d time.Duration) string {
	return fmt.Sprintf(`(now => { Date.now = () => now() + %d; return Date.now() })(Date.now.bind(Date))`,
		d.Milliseconds())
}

// leap moves all clocks but the pages', and waits for what the IdP says then.
func (w *world) leap(d time.Duration) {
	w.Helper()
	w.IDP.Advance(d)
	ctx, cancel := context.WithTimeout(w.Context(), browser.Patience)
	defer cancel()
	if err := w.IDP.Settle(ctx); err != nil {
		w.Fatal(err)
	}
}

// permit lets a loop go on n times.
func (w *world) permit(loop string, n int) { w.changed(func() { w.permits[loop] += n }) }

// next lets a loop, "GET notes /feed?loop=1", go on once, and returns what it gets.
func (w *world) next(what string) answer {
	w.Helper()
	_, loop, _ := strings.Cut(what, "loop=")
	n := len(w.to(what))
	w.permit(loop, 1)
	return w.got(what, n+1)
}

// got is the n-th answer to a request.
func (w *world) got(what string, n int) answer {
	w.Helper()
	a, err := w.wait(w.Context(), what, n)
	if err != nil {
		w.Fatal(err)
	}
	return a
}

// absent moves the clock over six idle windows since the log-in. After each step act
// makes the pages do what they do by themselves, and returns what they get. It demands
// that nobody is taken for a person, that nobody is served after W + δ and nobody is
// given an address to go to, that the IdP is told nothing, and that its session ends.
func (w *world) absent(act func() []answer) {
	w.Helper()
	asked := w.told()
	served, refused := 0, 0
	for at := step; at <= six; at += step {
		w.leap(step)
		for _, a := range act() {
			switch {
			case a.class != "":
				served++
			case a.status >= 400:
				refused++
			}
			switch {
			case a.class == "active":
				w.Errorf("after %v a person is seen where none is: %v", at, a)
			case at <= window-delta && a.class == "":
				w.Errorf("after %v, yet within W: %v", at, a)
			case at >= window+delta && a.class != "":
				w.Errorf("after %v somebody absent is served: %v", at, a)
			case a.class == "" && (a.status != http.StatusUnauthorized || a.leads()):
				w.Errorf("after %v somebody absent gets a way in: %v", at, a)
			}
			if w.Failed() {
				w.FailNow()
			}
		}
	}
	if served < 4 || refused == 0 {
		w.Errorf("%d served, %d refused: this proves nothing", served, refused)
	}
	if s := w.IDP.Sessions(); len(s) != 0 {
		w.Errorf("the IdP's session lives: %v", s)
	}
	if n := w.told() - asked; n != 0 {
		w.Errorf("the IdP was told %d times of somebody who is not there: %v", n, w.IDP.Requests())
	}
}

// told counts what extends a session at the IdP.
func (w *world) told() (n int) {
	for _, e := range []idpmock.Endpoint{idpmock.EndpointAuthorize, idpmock.EndpointLogin, idpmock.EndpointToken,
		idpmock.EndpointUserinfo} {
		n += w.IDP.Count(e, "")
	}
	return n
}

// loops is act for pages that make one request after the other. Those that stop for good
// once they are refused are left alone then.
func (w *world) loops(stop bool, all ...string) func() []answer {
	over := map[string]bool{}
	return func() (got []answer) {
		for _, what := range all {
			if over[what] {
				continue
			}
			a := w.next(what)
			over[what] = stop && a.class == ""
			got = append(got, a)
		}
		return got
	}
}

// present moves the clock over six idle windows, in which the person does something once
// in W − δ. It demands that each of it is taken for a person's and that the log-in was
// the only one.
func (w *world) present(what string, act func()) {
	w.Helper()
	const pause = 11 * time.Minute // shorter than W − δ, however δ is drawn
	logins := w.IDP.Count(idpmock.EndpointAuthorize, "")
	for at := pause; at <= six+pause; at += pause {
		w.leap(pause)
		n := len(w.to(what))
		act()
		if a := w.got(what, n+1); a.class != "active" {
			w.Fatalf("after %v a person who is there gets %v", at, a)
		}
	}
	if len(w.IDP.Sessions()) != 1 || w.IDP.Count(idpmock.EndpointAuthorize, "") != logins {
		w.Errorf("%d IdP sessions, %d log-ins", len(w.IDP.Sessions()), w.IDP.Count(idpmock.EndpointAuthorize, ""))
	}
	if n := w.IDP.Count(idpmock.EndpointRefresh, ""); n < 6 {
		w.Errorf("the IdP was told %d times in six windows", n)
	}
}
