package rp_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/adapter"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// What those without a session get: a navigation goes to the log-in and comes
// back; fetch, XHR and htmx get 401 with JSON, never a redirect; unsafe methods
// never get a redirect.
func TestAnswersToTheUnauthenticated(t *testing.T) {
	post := func(h http.Header) http.Header { return with(h, "Origin", base, "Sec-Fetch-Site", "same-origin") }
	redirected := func(to string) string { return "302 /auth/login?return_to=" + url.QueryEscape(to) }
	for _, row := range []struct {
		name, method, path string
		header             http.Header
		want               string // status, and Location or error
	}{
		{"a navigation", "GET", "/private?a=1&b=%26", navigating, redirected("/private?a=1&b=%26")},
		{"HEAD of one", "HEAD", "/private", navigating, redirected("/private")},
		{"an old browser", "GET", "/private", http.Header{"Accept": {"text/html"}}, redirected("/private")},
		{"a client that says nothing", "GET", "/private", bare, "401 login_required"},
		{"axios", "GET", "/private", http.Header{"Accept": {"application/json, text/plain, */*"}},
			"401 login_required"},
		{"an image of an old browser", "GET", "/private", http.Header{"Accept": {"image/webp,*/*"}},
			"401 login_required"},
		{"fetch", "GET", "/private", fetching, "401 login_required"},
		{"fetch that accepts HTML", "GET", "/private", with(fetching, "Accept", "text/html"), "401 login_required"},
		{"fetch of the same origin only", "GET", "/private", with(fetching, "Sec-Fetch-Mode", "same-origin"),
			"401 login_required"},
		{"XHR by its header", "GET", "/private", http.Header{"X-Requested-With": {"XMLHttpRequest"}},
			"401 login_required"},
		{"a script that marks itself", "GET", "/private", http.Header{"Tandem-Activity": {"passive"}},
			"401 login_required"},
		{"an API client", "GET", "/private", http.Header{"Accept": {"application/json"}}, "401 login_required"},
		{"htmx", "GET", "/private", htmx, "401 login_required"},
		{"an image", "GET", "/private", http.Header{"Sec-Fetch-Mode": {"no-cors"}, "Sec-Fetch-Dest": {"image"}},
			"401 login_required"},
		{"a prefetch", "GET", "/private", with(navigating, "Sec-Purpose", "prefetch"), "401 login_required"},
		{"a form post", "POST", "/private", post(navigating), "401 page"},
		{"a form post of an old browser", "POST", "/private", http.Header{"Accept": {"text/html"}}, "401 page"},
		{"a form post of a client that says nothing", "POST", "/private", bare, "401 login_required"},
		{"a fetch post", "POST", "/private", post(fetching), "401 login_required"},
		{"PUT", "PUT", "/private", post(fetching), "401 login_required"},
		{"DELETE", "DELETE", "/private", post(fetching), "401 login_required"},
		{"OPTIONS", "OPTIONS", "/private", navigating, "401 login_required"},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, setup{}, func(t *testing.T, w *world) {
				a := w.visitor("ada").do(row.method, row.path, nil, row.header)
				status, what, _ := strings.Cut(row.want, " ")
				if status != strconv.Itoa(a.status) {
					t.Fatalf("%v, want %s", a, row.want)
				}
				if a.header.Get("Cache-Control") != "no-store" {
					t.Errorf("it may be stored: %v", a)
				}
				if a.status == http.StatusFound {
					if a.location() != what {
						t.Errorf("leads to %q, want %q", a.location(), what)
					}
					return
				}
				if a.header.Get(adapter.ErrorHeader) != "login_required" {
					t.Errorf("the code is not in the header: %v", a)
				}
				if what == "page" {
					if !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") ||
						!strings.Contains(a.body, `href="/auth/login?return_to=%2f"`) &&
							!strings.Contains(a.body, `href="/auth/login?return_to=%2F"`) {
						t.Errorf("no page with a log-in: %v", a)
					}
					return
				}
				passive := map[string]bool{"a script that marks itself": true, "an image": true,
					"an image of an old browser": true, "a prefetch": true, "OPTIONS": true}[row.name]
				var p adapter.Problem
				if err := json.Unmarshal([]byte(a.body), &p); err != nil || p.Error != what ||
					(p.LoginURL == "") != passive || a.header.Get("Content-Type") != "application/json" {
					t.Errorf("%v", a)
				}
				if a.location() != "" {
					t.Errorf("401 with a Location: %v", a)
				}
				if (a.header.Get("HX-Redirect") != "") != (row.name == "htmx") {
					t.Errorf("HX-Redirect: %q", a.header.Get("HX-Redirect"))
				}
			})
		})
	}
}

// htmx follows HX-Redirect by itself: it leads back to the page it runs in, and
// never to another site's.
func TestHTMXComesBack(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		for current, want := range map[string]string{
			base + "/private?tab=2":          "/auth/login?return_to=" + url.QueryEscape("/private?tab=2"),
			"https://evil.example/private":   "/auth/login",
			"https://notes.example.evil/x":   "/auth/login",
			"https://notes.example@evil/x":   "/auth/login",
			"http://notes.example/private":   "/auth/login",
			"//notes.example/private":        "/auth/login",
			base + "//evil.example/":         "/auth/login?return_to=%2F",
			"":                               "/auth/login",
			"%zz":                            "/auth/login",
			"https://NOTES.example:443/deep": "/auth/login?return_to=%2Fdeep",
		} {
			a := w.visitor("ada").do("GET", "/private", nil, with(htmx, "HX-Current-URL", current))
			if got := a.header.Get("HX-Redirect"); a.status != 401 || got != want {
				t.Errorf("from %q: %d %q, want %q", current, a.status, got, want)
			}
		}
	})
}

// The reason reaches whoever still has the cookie of an ended session.
func TestAnswersAfterTheEnd(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		if err := w.idp.EndSession(v.session().SID); err != nil {
			t.Fatal(err)
		}
		w.idp.Settle()
		if a := v.get("/private"); a.status != 302 || a.location() != "/auth/login?return_to=%2Fprivate" {
			t.Errorf("a navigation: %v", a)
		}
		var p adapter.Problem
		a := v.fetch("/private")
		if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.status != 401 ||
			p != (adapter.Problem{Error: "session_ended", Reason: reason.BackchannelLogout, LoginURL: "/auth/login"}) {
			t.Errorf("a script: %v", a)
		}
		v.expect("ended", reason.BackchannelLogout)
	})
}

// Unsafe requests of other sites are refused although the browser sends the
// cookie (sibling subdomains are the same site to SameSite): BFF-03.
func TestCrossOrigin(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		for name, row := range map[string]struct {
			method string
			header http.Header
			want   int
		}{
			"same origin":                {"POST", http.Header{"Sec-Fetch-Site": {"same-origin"}}, 200},
			"typed into the address bar": {"POST", http.Header{"Sec-Fetch-Site": {"none"}}, 200},
			"Origin is ours":             {"POST", http.Header{"Origin": {base}}, 200},
			"neither: no browser":        {"POST", bare, 200},
			"a sibling": {"POST", http.Header{"Sec-Fetch-Site": {"same-site"},
				"Origin": {"https://evil.notes.example"}}, 403},
			"another site": {"POST", http.Header{"Sec-Fetch-Site": {"cross-site"},
				"Origin": {"https://evil.example"}}, 403},
			"Origin of another site": {"POST", http.Header{"Origin": {"https://evil.example"}}, 403},
			"Origin null":            {"POST", http.Header{"Origin": {"null"}}, 403},
			"Origin on http": {"POST", http.Header{"Sec-Fetch-Site": {"cross-site"},
				"Origin": {"http://notes.example"}}, 403},
			"PUT":                        {"PUT", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
			"PATCH":                      {"PATCH", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
			"DELETE":                     {"DELETE", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
			"a method that nobody knows": {"FROB", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
			"a link from another site":   {"GET", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 200},
		} {
			if a := v.do(row.method, "/private", nil, row.header); a.status != row.want {
				t.Errorf("%s: %v, want %d", name, a, row.want)
			}
		}
		// The same holds without a session: nothing tells a stranger which it is.
		w.expectEnds()
	})
	trusted := setup{config: func(c *rp.Config) { c.TrustedOrigins = []string{"https://admin.example"} }}
	inBubble(t, trusted, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		if a := v.do("POST", "/private", nil, http.Header{"Sec-Fetch-Site": {"cross-site"},
			"Origin": {"https://admin.example"}}); a.status != 200 {
			t.Errorf("a trusted origin: %v", a)
		}
	})
}

// Each error of the library has its answer; one that is none of its own tells
// nothing.
func TestAnswer(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		for _, row := range []struct {
			err        error
			page, json int
			retry      string
		}{
			{rp.ErrAnonymous, 302, 401, ""},
			{&rp.EndedError{Reason: reason.Idle}, 302, 401, ""},
			{rp.ErrReauthenticate, 302, 401, ""},
			{rp.ErrUnconfirmed, 401, 401, ""},
			{rp.ErrCrossOrigin, 403, 403, ""},
			{&rp.UnavailableError{RetryAfter: 1500 * time.Millisecond, Err: errors.New("marker")}, 503, 503, "2"},
			{&rp.UnavailableError{Err: errors.New("marker")}, 503, 503, "1"},
			{&rp.LoginError{Status: 400, Title: "No.", Advice: "Try again.", Err: errors.New("marker")}, 400, 400, ""},
			{errors.New("marker"), 500, 500, ""},
			{errors.Join(errors.New("marker"), &rp.EndedError{Reason: reason.Admin}), 302, 401, ""},
		} {
			for h, want := range map[*http.Header]int{&navigating: row.page, &fetching: row.json} {
				r := httptest.NewRequest("GET", base+"/private", nil)
				r.Header = *h
				rec := httptest.NewRecorder()
				w.auth[0].Answer(r, row.err).Write(rec)
				if rec.Code != want || rec.Header().Get("Retry-After") != row.retry {
					t.Errorf("%v: %d, Retry-After %q; want %d, %q", row.err, rec.Code, rec.Header().Get("Retry-After"),
						want, row.retry)
				}
				if strings.Contains(rec.Body.String(), "marker") {
					t.Errorf("%v: the text for the log is shown: %s", row.err, rec.Body)
				}
				if rec.Header().Get("Cache-Control") != "no-store" {
					t.Errorf("%v: may be stored", row.err)
				}
				for _, line := range rec.Header()["Set-Cookie"] { // C6: never the cookie
					if c, err := http.ParseSetCookie(line); err != nil || c.Name == cookie || c.MaxAge != 1 ||
						!errors.Is(row.err, store.ErrEnded) {
						t.Errorf("%v: takes a cookie: %s", row.err, line)
					}
				}
			}
		}
	})
}
