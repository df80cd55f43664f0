package rp_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// Decision by Sec-Fetch-Dest; what the browser does not name is not kept at all.
func TestKeepPrivate(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		for dest, want := range map[string]string{
			"": "no-store", "document": "no-store", "empty": "no-store", "iframe": "no-store", "audio": "no-store",
			"Image":         "no-store",
			"serviceworker": "no-store", "script": "private, no-cache", "style": "private, no-cache",
			"image": "private, no-cache", "font": "private, no-cache",
		} {
			s := authenticated(w, v, with(fetching, "Sec-Fetch-Dest", dest))
			h := http.Header{"Cache-Control": {"public, max-age=600"}} // of a middleware outside
			s.KeepPrivate(h)
			if got := h["Cache-Control"]; len(got) != 1 || got[0] != want {
				t.Errorf("for %q: %q, want %q", dest, got, want)
			}
			if more := append(h["Cache-Control"], "x"); &more[0] == &h["Cache-Control"][0] {
				t.Error("an append reaches into the session")
			}
			if n := testing.AllocsPerRun(20, func() { s.KeepPrivate(h) }); n != 0 {
				t.Errorf("%v allocations", n)
			}
		}
	})
}

func authenticated(w *world, v *visitor, h http.Header) *rp.Session {
	w.Helper()
	r := httptest.NewRequest(http.MethodGet, base+"/private", nil)
	r.Header = with(h, "Cookie", cookie+"="+v.id())
	s, err := w.auth[0].Authenticate(r)
	if err != nil {
		w.Fatal(err)
	}
	return s
}

// An answer's header replaces what a middleware has said, but no cookie of its.
func TestAnswerKeepsCookies(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		r := httptest.NewRequest(http.MethodGet, base+"/private", nil)
		rec := httptest.NewRecorder()
		rec.Header().Set("Set-Cookie", "of-the-app=1")
		rec.Header().Set("Cache-Control", "public")
		w.auth[0].Answer(r, &rp.EndedError{Reason: reason.Idle}).Write(rec)
		got := rec.Header()
		if len(got["Set-Cookie"]) != 2 || got["Set-Cookie"][0] != "of-the-app=1" || len(got["Cache-Control"]) != 1 ||
			got.Get("Cache-Control") != "no-store" {
			t.Errorf("%v", got)
		}
	})
}

// An end that the browser is told of makes Chromium forget the pages that it has put
// aside, and takes neither the session's cookie nor one of a log-in under way.
func TestForgetPages(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		id := v.id()
		forgets := func(a *reply) {
			t.Helper()
			c := setCookies(a)
			if m := c[cookie+"-ended"]; len(c) != 1 || m == nil || !m.HttpOnly || !m.Secure || m.Path != "/" ||
				m.MaxAge != 1 || m.SameSite != http.SameSiteLaxMode {
				t.Errorf("%v", a)
			}
		}
		if a := v.fetch("/private"); len(setCookies(a)) > 0 {
			t.Errorf("a live session: %v", a)
		}
		forgets(v.submit("/auth/logout"))
		forgets(v.get("/private"))
		forgets(v.fetch("/private"))
		if v.id() != id {
			t.Error("the session's cookie has changed")
		}
		v.expect("ended", reason.UserLogout)
	})
}

// A WebSocket is opened by a page of this app, by one of a trusted origin, or by no
// page at all.
func TestWebSocketOrigin(t *testing.T) {
	trusting := setup{config: func(c *rp.Config) { c.TrustedOrigins = []string{"https://ADMIN.example:443/"} }}
	inBubble(t, trusting, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		for name, row := range map[string]struct {
			more []string
			ok   bool
		}{
			"its own": {[]string{"Origin", base}, true},
			"its own, by Fetch Metadata too": {[]string{"Origin", base, "Sec-Fetch-Site", "same-origin",
				"Sec-Fetch-Mode", "websocket"}, true},
			"a trusted one": {[]string{"Origin", "https://admin.example", "Sec-Fetch-Site",
				"cross-site"}, true},
			"no browser":   {nil, true},
			"another site": {[]string{"Origin", "https://evil.example"}, false},
			"a sibling": {[]string{"Origin", "https://evil.notes.example", "Sec-Fetch-Site",
				"same-site"}, false},
			"another port":                    {[]string{"Origin", base + ":8443"}, false},
			"without encryption":              {[]string{"Origin", "http://notes.example"}, false},
			"a sandboxed frame":               {[]string{"Origin", "null"}, false},
			"a browser that hides its origin": {[]string{"Sec-Fetch-Site", "cross-site"}, false},
			"a longer name":                   {[]string{"Origin", base + ".evil.example"}, false},
		} {
			for way, make := range map[string]func() *http.Request{
				"HTTP/1.1": func() *http.Request {
					r := httptest.NewRequest(http.MethodGet, base+"/socket", nil)
					r.Header.Set("Upgrade", "WebSocket")
					r.Header.Set("Connection", "keep-alive, Upgrade")
					return r
				},
				"HTTP/2": func() *http.Request { // as net/http hands on an extended CONNECT
					r := httptest.NewRequest(http.MethodConnect, base+"/socket", nil)
					r.Header[":protocol"] = []string{"websocket"}
					return r
				},
			} {
				r := make()
				for i := 0; i < len(row.more); i += 2 {
					r.Header.Set(row.more[i], row.more[i+1])
				}
				r.Header.Set("Cookie", cookie+"="+v.id())
				s, err := w.auth[0].Authenticate(r)
				if row.ok != (err == nil) || !row.ok && !errors.Is(err, rp.ErrCrossOrigin) {
					t.Errorf("%s over %s: %v", name, way, err)
				}
				if err == nil && s.Subject() != "ada" {
					t.Errorf("%s over %s: %q", name, way, s.Subject())
				}
			}
		}
		v.expect("live", "")
	})
}

// A page of a sibling origin holds no stream, reports no activity and reads no key,
// also where a browser is too old for Fetch Metadata.
func TestOwnEndpointsRefuseOtherOrigins(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		for path, method := range map[string]string{"/auth/events": "GET", "/auth/draft-key": "GET",
			"/auth/activity": "POST"} {
			for _, h := range []http.Header{{"Origin": {"https://evil.notes.example"}}, {"Origin": {"null"}},
				{"Sec-Fetch-Site": {"same-site"}}} {
				if a := v.do(method, path, nil, h); a.status != http.StatusForbidden {
					t.Errorf("%s from %v: %v", path, h, a)
				}
			}
		}
		if a := v.do("GET", "/auth/draft-key", nil, http.Header{"Origin": {base}}); a.status != 200 {
			t.Errorf("its own: %v", a)
		}
	})
}
