package page

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/site"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
)

// A page of another origin on the same site has the session's cookie sent along with
// the handshake of a WebSocket, and is refused all the same. The handler here is one
// that looks at no Origin itself.
func TestWebSocketOfAnotherOrigin(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var withCookie []string // origins of handshakes
	w := site.New(t, site.Options{
		Routes: func(mux *http.ServeMux, web *nethttpadapter.Adapter) {
			mux.Handle("GET /socket", web.RequireLogin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
				if err != nil {
					t.Error(err)
					return
				}
				defer c.CloseNow()
				_ = c.Write(r.Context(), websocket.MessageText,
					[]byte("private of "+rp.FromContext(r.Context()).Subject()))
				_ = c.Close(websocket.StatusNormalClosure, "")
			})))
		},
		Front: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/socket" && strings.Contains(r.Header.Get("Cookie"), "__Host-tandem=") {
					mu.Lock()
					withCookie = append(withCookie, r.Header.Get("Origin"))
					mu.Unlock()
				}
				next.ServeHTTP(w, r)
			})
		},
	})
	notes := w.Apps["notes"]
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {}))
	t.Cleanup(evil.Close)
	sibling := strings.Replace(evil.URL, "127.0.0.1", "notes.localhost", 1)
	tab := chromium.New(t).Tab("notes")
	w.SignIn(tab, "ada", notes.URL+"/")
	open := func() string {
		return browser.Eval[string](tab, `new Promise(done => {
			const s = new WebSocket("`+strings.Replace(notes.URL, "http", "ws", 1)+`/socket")
			s.onmessage = e => done(e.data)
			s.onerror = () => done("refused")
		})`)
	}
	if got := open(); got != "private of ada" {
		tab.Fail("its own page gets %q", got)
	}
	tab.Go(sibling)
	if got := open(); got != "refused" {
		tab.Fail("a page of %s gets %q", sibling, got)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(withCookie) != 2 || withCookie[1] != sibling {
		t.Errorf("the session's cookie came from %v: this proves nothing", withCookie)
	}
}
