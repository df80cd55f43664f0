package absent

import (
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/drive"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
)

// Streams that connect again whenever they are closed.
const streamsPage = `<h1>streams</h1><script>
	const events = () => {
		const s = new EventSource("/events?loop=events")
		s.onerror = () => { s.close(); setTimeout(events, 1) }
	}
	const socket = () => { new WebSocket("/socket?loop=socket").onclose = () => setTimeout(socket, 1) }
	events()
	socket()
</script>`

func TestStreamsThatConnectAgain(t *testing.T) {
	each(t, func(t *testing.T, d drive.Driver) {
		w := start(t, options{routes: func(mux *http.ServeMux, web *nethttpadapter.Adapter) {
			mux.Handle("GET /streams", web.RequireLogin(show(streamsPage)))
			mux.Handle("GET /events", web.RequireLogin(classified(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
			})))
			mux.Handle("GET /socket", web.RequireLogin(classified(func(w http.ResponseWriter, r *http.Request) {
				if c, err := websocket.Accept(w, r, nil); err == nil {
					_ = c.Close(websocket.StatusNormalClosure, "")
				}
			})))
		}})
		w.open(d.New(t)("streams"), w.notes, "/streams")
		w.absent(w.loops(false, "GET notes /events?loop=events", "GET notes /socket?loop=socket"))
	})
}

// reporting is a WebSocket whose message "work" is a person's doing: the app says so. Any
// other is not.
func reporting(t *testing.T) http.HandlerFunc {
	return classified(func(w http.ResponseWriter, r *http.Request) {
		session := rp.FromContext(r.Context())
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = c.CloseNow() }()
		go func() { <-session.Done(); _ = c.Close(websocket.StatusPolicyViolation, "ended") }()
		for {
			_, text, err := c.Read(r.Context())
			if err != nil {
				return
			}
			if string(text) == "work" {
				if err := session.ReportActivity(r.Context()); err != nil {
					t.Errorf("the person works: %v", err)
				}
			}
			if c.Write(r.Context(), websocket.MessageText, text) != nil {
				return
			}
		}
	})
}

// Somebody who works over a WebSocket alone stays, as long as the app says that they do,
// and is out afterwards, though messages go on.
func TestWorkOverAWebSocket(t *testing.T) {
	each(t, func(t *testing.T, d drive.Driver) {
		w := start(t, options{routes: func(mux *http.ServeMux, web *nethttpadapter.Adapter) {
			mux.Handle("GET /socket", web.RequireLogin(reporting(t)))
		}})
		tab := d.New(t)("socket")
		w.open(tab, w.notes, "/start")
		browser.Eval[bool](tab, `new Promise(done => {
			window.over = ""
			window.socket = new WebSocket("/socket")
			socket.onopen = () => done(true)
			socket.onclose = e => over = e.reason
		})`)
		say := func(text string) {
			browser.Eval[string](tab, `new Promise(done => { socket.onmessage = e => done(e.data); socket.send(`+browser.Quote(text)+`) })`)
		}
		const pause = 11 * time.Minute
		for at := pause; at <= six+pause; at += pause {
			w.leap(pause)
			say("work")
			w.signalled("notes", int(at/pause))
		}
		for at := step; at <= window-delta; at += step {
			w.leap(step)
			say("nothing")
		}
		w.leap(2 * delta)
		tab.Wait(`over === "ended"`)
		if n := len(w.IDP.Sessions()); n != 0 {
			t.Errorf("%d IdP sessions", n)
		}
	})
}

// signalled waits until an app has told the IdP n times.
func (w *world) signalled(app string, n int) {
	w.Helper()
	for by := time.Now().Add(browser.Patience); w.IDP.Count(idpmock.EndpointRefresh,
		app) < n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(by) {
			w.Fatalf("%s has told the IdP %d times, want %d", app, w.IDP.Count(idpmock.EndpointRefresh, app), n)
		}
	}
}
