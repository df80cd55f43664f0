package site

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
)

// watching is a page with the library's frame for the IdP's check_session_iframe, and beside it
// a frame of another origin that speaks to that one.
const watching = head + `<body><tandem-session></tandem-session>
<main><h1>Notes</h1><p id="who" data-tandem-private>private of {who}</p>
<iframe id="check" src="/auth/check-session" hidden title="session"></iframe>
<iframe id="evil" src="/evil" sandbox="allow-scripts" hidden title="evil"></iframe></main><script src="/heard.js"></script></body></html>`

// heard keeps what the library's frame is told, and by whom.
const heard = `{
const frame = document.getElementById("check").contentWindow
window.heard = []
document.getElementById("check").addEventListener("load", () => {
  frame.addEventListener("message", e => {
    if (e.origin !== "null") heard.push(e.data + " idp")
    else if (e.data.length > 1e6) heard.push("evil")
  })
})
}`

const evil = `<!doctype html><title>evil</title><script>
let n = 0
setInterval(() => {
  for (const text of ["changed", "error"]) parent.frames[0].postMessage(text, "*")
  if (n++ % 200 === 5) parent.frames[0].postMessage("changed".repeat(1e6), "*")
}, 5)
</script>`

// Watching starts a world whose page watches the IdP's session by check_session_iframe. Nothing
// else tells of its end: logout tokens are lost.
func Watching(t testing.TB, oneSite bool) *World {
	w := New(t, Options{
		OneSite: oneSite,
		RP:      func(c *rp.Config) { c.Kind = rp.NoToken },
		Routes: func(mux *http.ServeMux, web *nethttpadapter.Adapter) {
			mux.Handle("GET /watching", web.RequireLogin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Security-Policy", csp+"; frame-src 'self'")
				fmt.Fprint(w, strings.ReplaceAll(watching, "{who}", rp.FromContext(r.Context()).Subject()))
			})))
			mux.HandleFunc("GET /heard.js", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/javascript")
				fmt.Fprint(w, heard)
			})
			mux.HandleFunc("GET /evil", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, evil) })
		},
	})
	w.IDP.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
	return w
}

const (
	changes = "POST /auth/check-session"
	log     = "GET /auth/login"
)

// CheckSession is the story of somebody who logs out at the IdP, in another tab (SM-02): the
// page of the app is hidden, and the next action asks the IdP, whose word ends the session. What
// pages of other origins say to the frame counts for nothing. front brings a tab to the front.
func (w *World) CheckSession(tab, other Tab, front func(Tab)) {
	w.Helper()
	notes := w.Apps["notes"]
	front(tab)
	w.SignIn(tab, "ada", notes.URL+"/watching")
	tab.Wait(`heard.includes("unchanged idp") && heard.includes("evil")`)
	Live(tab)
	if n := notes.Requests(changes); n != 0 {
		tab.Fail("%d changes are reported", n)
	}
	front(other)
	other.Go(w.IDP.Issuer() + idpmock.PathEndSession)
	other.Click("button[value=signout]")
	other.Wait(`document.querySelector("h1").textContent === "Signed out"`)
	front(tab)
	Covered(tab, "covered")
	tab.Wait(`probe.words("cover").includes("something has changed")`)
	if got := browser.Eval[string](tab, "probe.session.state"); got != "live" {
		tab.Fail("the frame's word alone has made it %q", got)
	}
	asked := notes.Requests(log)
	browser.Eval[bool](tab, `probe.press("continue") ?? true`)
	tab.Wait(`!document.querySelector("[data-tandem-private]")`)
	tab.Wait(`document.querySelector("#username, a[href^='/auth/login?']")`)
	if n := notes.Requests(log) - asked; n == 0 {
		tab.Fail("the IdP was not asked")
	}
	if n := notes.Requests(changes); n != 1 {
		tab.Fail("%d changes are reported", n)
	}
}

// CheckSessionBlocked is the story of a browser that keeps the IdP's storage from frames of other
// sites: the IdP's frame says "changed" on every page, and nobody notices (SM-03).
func (w *World) CheckSessionBlocked(tab Tab) {
	w.Helper()
	notes := w.Apps["notes"]
	w.SignIn(tab, "ada", notes.URL+"/watching")
	asked := notes.Requests(log)
	for range 3 {
		tab.Wait(`heard.filter(h => h === "changed idp").length === 1 && heard.includes("evil")`)
		Live(tab)
		tab.Go(notes.URL + "/watching")
	}
	if n, m := notes.Requests(changes), notes.Requests(log)-asked; n != 0 || m != 0 {
		tab.Fail("%d changes are reported, the IdP is asked %d times", n, m)
	}
}

// silence is an IdP's frame that counts what it is asked, and answers as {say} says.
const silence = `<!doctype html><title>idp</title><script>
let n = 0
addEventListener("message", e => {
  if (e.data === "count") return e.source.postMessage(n, "*")
  n++
  e.source.postMessage("{say}", e.origin)
})
</script>`

// CheckSessionStops is the story of an IdP's frame that is of no use: it says "error", or what
// nobody knows, and is asked no more (SM-02).
func (w *World) CheckSessionStops(tab Tab) {
	w.Helper()
	notes := w.Apps["notes"]
	url := notes.URL + "/watching"
	for say, want := range map[string]int{"error": 1, "what?": 3} {
		w.IDP.ClearFaults()
		w.IDP.Fault(idpmock.Fault{Endpoint: idpmock.EndpointCheckSession, Times: idpmock.Always, Status: 200,
			ContentType: "text/html", Body: strings.ReplaceAll(silence, "{say}", say)})
		w.SignIn(tab, "ada", url)
		tab.Wait(fmt.Sprintf("heard.includes(%q)", say+" idp"))
		// The page is looked at again and again, as when somebody goes from tab to tab.
		browser.Eval[bool](tab, `(d => { for (let i = 0; i < 9; i++) d.dispatchEvent(new Event("visibilitychange")); return true })(
			document.getElementById("check").contentDocument)`)
		if n := browser.Eval[int](tab, counted); n != want {
			tab.Fail("a frame that says %q was asked %d times, want %d", say, n, want)
		}
		if n := notes.Requests(changes); n != 0 {
			tab.Fail("%d changes are reported", n)
		}
	}
}

// counted is how often the IdP's frame was asked; what was sent to it before has arrived then.
const counted = `new Promise(done => {
	addEventListener("message", e => done(e.data), {once: true})
	document.getElementById("check").contentWindow.frames[0].postMessage("count", "*")
})`

// CheckSessionTurns is the story of a frame that has worked and says "changed" on every page from
// then on (SM-03): the IdP is asked once, and the person goes on.
func (w *World) CheckSessionTurns(tab Tab) {
	w.Helper()
	notes := w.Apps["notes"]
	w.SignIn(tab, "ada", notes.URL+"/watching")
	tab.Wait(`heard.includes("unchanged idp")`)
	if err := w.IDP.Update(func(c *idpmock.Config) { c.Temperament.CheckSessionChanged = true }); err != nil {
		w.Fatal(err)
	}
	asked := notes.Requests(log)
	tab.Go(notes.URL + "/watching")
	Covered(tab, "covered")
	browser.Eval[bool](tab, `probe.press("continue") ?? true`)
	for range 2 {
		tab.Wait(`window.heard?.includes("changed idp") && document.documentElement.dataset.tandem === "live"`)
		Live(tab)
		tab.Go(notes.URL + "/watching")
	}
	if n, m := notes.Requests(changes), notes.Requests(log)-asked; n != 1 || m != 1 {
		tab.Fail("%d changes are reported, the IdP is asked %d times", n, m)
	}
}
