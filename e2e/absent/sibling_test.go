package absent

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/drive"
	"github.com/tandem-sso/tandem/e2e/driver/site"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
)

// neighbour is an origin on the same site as an app: its pages have the app's cookie sent
// along.
func neighbour(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<!doctype html><title>neighbour</title><h1>neighbour</h1>`)
	}))
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "127.0.0.1", "notes.localhost", 1)
}

// ask are the ways in which a page can have something fetched.
var ask = map[string]string{
	"cors":    `fetch(url, {credentials: "include"}).catch(() => 0)`,
	"no-cors": `fetch(url, {credentials: "include", mode: "no-cors"}).catch(() => 0)`,
	"claims":  `fetch(url, {credentials: "include", headers: {"Tandem-Activity": "active"}}).catch(() => 0)`,
	"image":   `new Image().src = url`,
	"beacon":  `navigator.sendBeacon(url, "x")`,
	"frame":   `document.body.append(Object.assign(document.createElement("iframe"), {src: url}))`,
}

// fetches makes the page of a tab fetch from the app in these ways.
func (w *world) fetches(tab site.Tab, route string, n int, ways ...string) (got []answer) {
	w.Helper()
	for _, way := range ways {
		path := fmt.Sprintf("%s?%s=%d", route, way, n)
		browser.Eval[bool](tab, `(url => { `+ask[way]+`; return true })(`+browser.Quote(w.notes.URL+path)+`)`)
		method := "GET"
		if way == "beacon" {
			method = "POST"
		}
		got = append(got, w.got(method+" notes "+path, 1))
	}
	return got
}

// A page of a sibling origin keeps nobody signed in, whatever it fetches.
func TestSiblingOrigin(t *testing.T) {
	each(t, func(t *testing.T, d drive.Driver) {
		w := start(t, options{routes: func(mux *http.ServeMux, web *nethttpadapter.Adapter) {
			mux.Handle("GET /active", web.RequireLogin(web.Active(show(`<h1>active</h1>`))))
		}})
		tab := d.New(t)("neighbour")
		w.open(tab, w.notes, "/start")
		tab.Go(neighbour(t))
		n := 0
		w.absent(func() []answer {
			n++
			got := w.fetches(tab, "/page", n, "cors", "no-cors", "claims", "image")
			got = append(got, w.fetches(tab, "/active", n, "cors", "no-cors", "claims", "image")...)
			if n <= 4 { // later the library's own page comes, which no frame may show
				got = append(got, w.fetches(tab, "/page", n, "frame")...)
			}
			// The cookie goes along with a beacon, too. It could change something.
			if a := w.fetches(tab, "/page", n, "beacon")[0]; a.class != "" || a.leads() {
				t.Errorf("a beacon gets %v", a)
			}
			return got
		})
	})
}

// A page of an origin in Config.TrustedOrigins counts as the application's own: what its
// script fetches may be a person's doing. Its images, beacons and frames are not.
func TestTrustedOrigin(t *testing.T) {
	each(t, func(t *testing.T, d drive.Driver) {
		partner := neighbour(t)
		w := start(t, options{rp: func(c *rp.Config) { c.TrustedOrigins = []string{partner} }})
		tab := d.New(t)("partner")
		w.open(tab, w.notes, "/start")
		tab.Go(partner)
		const pause = 10 * time.Minute
		for n := range 4 {
			w.leap(pause)
			for _, a := range w.fetches(tab, "/page", n, "image", "no-cors", "beacon", "frame") {
				if a.class != "passive" {
					t.Errorf("%v", a)
				}
			}
			if a := w.fetches(tab, "/page", n, "cors")[0]; a.class != "active" {
				t.Fatalf("after %v: %v", time.Duration(n+1)*pause, a)
			}
		}
	})
}
