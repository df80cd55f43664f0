package rp_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// below serves the app as a proxy does that takes the path /app away.
func (w *world) below() {
	for i, app := range w.apps {
		w.apps[i] = http.StripPrefix("/app", app)
	}
}

var belowApp = setup{
	config: func(c *rp.Config) { c.BaseURL += "/app" },
	client: func(c *idpmock.Client) {
		c.RedirectURIs, c.PostLogoutRedirectURIs = []string{base + "/app/auth/callback"},
			[]string{base + "/app/auth/logged-out"}
		c.BackchannelLogoutURI = base + "/app/auth/backchannel-logout"
	},
}

// A proxy takes a path away: browsers see all addresses with it, the app none.
func TestPathPrefix(t *testing.T) {
	inBubble(t, belowApp, func(t *testing.T, w *world) {
		w.below()
		v := w.visitor("ada")
		asked := v.get("/app/private?tab=2")
		if asked.location() != "/app/auth/login?return_to=%2Fapp%2Fprivate%3Ftab%3D2" {
			t.Fatalf("%v", asked)
		}
		back := v.authorize(v.start(asked.location()))
		if !strings.HasPrefix(back, base+"/app/auth/callback?") {
			t.Fatalf("the IdP leads to %s", back)
		}
		in := v.get(back)
		if c := setCookies(in)["__Host-app+tandem"]; in.location() != "/app/private?tab=2" || c == nil ||
			c.Path != "/" {
			t.Fatalf("%v", in)
		}
		if a := v.get("/app/private"); a.body != "hello ada" {
			t.Errorf("%v", a)
		}
		out := v.do("POST", "/app/auth/logout", url.Values{}, with(navigating, "Sec-Fetch-Site", "same-origin",
			"Origin", base))
		u, err := url.Parse(out.location())
		if err != nil || u.Query().Get("post_logout_redirect_uri") != base+"/app/auth/logged-out" {
			t.Errorf("%v", out)
		}
		if a := w.visitor("eve").do("POST", "/app/auth/logout", url.Values{},
			with(bare, "Sec-Fetch-Site", "same-origin")); a.location() != "/app/auth/logged-out" {
			t.Errorf("nobody's log-out: %v", a)
		}
		w.expectEnds(reason.UserLogout)
		if a := v.get("/app/auth/logged-out"); !strings.Contains(a.body, `href="/app/auth/login"`) {
			t.Errorf("%v", a)
		}
	})
}

// Every address that an answer names is one that the browser can use.
func TestPathPrefixInAnswers(t *testing.T) {
	inBubble(t, belowApp, func(t *testing.T, w *world) {
		w.below()
		v := w.visitor("ada")
		if a := v.fetch("/app/private"); !strings.Contains(a.body, `"login_url":"/app/auth/login"`) {
			t.Errorf("a script: %v", a)
		}
		posted := with(navigating, "Sec-Fetch-Site", "same-origin", "Origin", base, "Referer", base+"/app/form")
		if a := v.do("POST", "/app/private", url.Values{}, posted); !strings.Contains(a.body,
			`href="/app/auth/login?return_to=%2Fapp%2Fform"`) {
			t.Errorf("a form: %v", a)
		}
		posted = with(posted, "Referer", base+"/other/form")
		if a := v.do("POST", "/app/private", url.Values{}, posted); !strings.Contains(a.body,
			`href="/app/auth/login?return_to=%2Fapp%2F"`) {
			t.Errorf("a form of another app of this host: %v", a)
		}
		for shown, want := range map[string]string{
			"/app/list?x=1": "/app/auth/login?return_to=%2Fapp%2Flist%3Fx%3D1", "/other/list": "/app/auth/login",
			"/apple": "/app/auth/login",
		} {
			a := v.do("GET", "/app/private", nil, with(htmx, "Hx-Current-Url", base+shown))
			if got := a.header.Get("HX-Redirect"); got != want {
				t.Errorf("htmx on %s is sent to %q, not %q", shown, got, want)
			}
		}
		if a := v.get("/app/auth/callback?state=x"); !strings.Contains(a.body, `href="/app/auth/login"`) {
			t.Errorf("a callback of nobody: %v", a)
		}
	})
}

// Where the app's hook leads is a page of the app too, also if it writes the path as the app
// sees it.
func TestPathPrefixAndTheHook(t *testing.T) {
	s := belowApp
	s.config = func(c *rp.Config) {
		belowApp.config(c)
		c.OnLogin = func(_ http.ResponseWriter, _ *http.Request, l *rp.Login) error {
			if l.ReturnTo != "/app/private" ||
				!strings.HasPrefix(l.OtherAccount(), "/app/auth/login?return_to=%2Fapp%2Fprivate&") {
				t.Errorf("the hook sees %q, and %q", l.ReturnTo, l.OtherAccount())
			}
			l.ReturnTo = "/welcome"
			return nil
		}
	}
	inBubble(t, s, func(t *testing.T, w *world) {
		w.below()
		v := w.visitor("ada")
		if a := v.get(v.authorize(v.start("/app/auth/login?return_to=/private"))); a.location() != "/app/welcome" {
			t.Errorf("%v", a)
		}
	})
}

// A page of a store that is down offers the page again, where the browser finds it.
func TestPathPrefixInAnOutage(t *testing.T) {
	var store failingStore
	s := belowApp
	s.config = func(c *rp.Config) {
		belowApp.config(c)
		store.Store, c.Store = c.Store, &store
	}
	inBubble(t, s, func(t *testing.T, w *world) {
		w.below()
		v := w.visitor("ada")
		v.get(v.authorize(v.start("/app/auth/login")))
		load := "Load"
		store.fail.Store(&load)
		if a := v.get("/app/private?x=1"); a.status != http.StatusServiceUnavailable ||
			!strings.Contains(a.body, `href="/app/private?x=1"`) {
			t.Errorf("%v", a)
		}
	})
}

// The IdP reaches the app below the path, and its word ends the session.
func TestPathPrefixBackchannel(t *testing.T) {
	inBubble(t, belowApp, func(t *testing.T, w *world) {
		w.below()
		v := w.visitor("ada")
		v.get(v.authorize(v.start("/app/auth/login")))
		w.idp.EndUser("ada")
		w.expectEnds(reason.BackchannelLogout)
	})
}

// Apps of one host, each below a path or one at the root, have cookies of their own: no
// session's is another's, nor looks like a log-in of another.
func TestSiblingsOfOneHost(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		names := map[string]string{}
		for _, at := range []string{"", "/a", "/b", "/a/b", "/a-b", "/tandem", "/tandem-login-abcdefghijkl",
			"/a/tandem-login-abcdefghijkl", "/a/tandem-ended"} {
			name := sessionCookieOf(t, w.relyingParty(setup{config: func(c *rp.Config) { c.BaseURL += at }}))
			if names[name] != "" || !strings.HasPrefix(name, "__Host-") || !strings.HasSuffix(name, "tandem") {
				t.Errorf("the app at %q has the cookie %s", at, name)
			}
			names[name] = at
		}
		// Six log-ins in flight make the app at the root drop the oldest, and nothing else.
		v := w.visitor("ada")
		v.set("__Host-tandem-login-abcdefghijkl+tandem", strings.Repeat("x", 43))
		for range 6 {
			for name, c := range setCookies(v.get("/auth/login")) {
				if c.MaxAge < 0 && strings.HasSuffix(name, "+tandem") {
					t.Errorf("%s is dropped", name)
				}
			}
		}
	})
}

// sessionCookieOf finds the name by a log-out, whose marker carries it.
func sessionCookieOf(t *testing.T, auth *rp.RelyingParty) string {
	t.Helper()
	a := auth.Answer(httptest.NewRequest("GET", base+"/private", nil), &rp.EndedError{Reason: reason.Idle})
	for name := range setCookies(&reply{header: a.Header}) {
		if name, ok := strings.CutSuffix(name, "-ended"); ok {
			return name
		}
	}
	t.Fatalf("%v", a.Header)
	return ""
}

const www = "https://www.notes.example"

var severalNames = setup{
	config: func(c *rp.Config) { c.BaseURLs = []string{www} },
	client: func(c *idpmock.Client) {
		c.RedirectURIs = append(c.RedirectURIs, www+"/auth/callback")
		c.PostLogoutRedirectURIs = append(c.PostLogoutRedirectURIs, www+"/auth/logged-out")
	},
}

// One relying party has several names: each browser logs in and out under the one that it
// uses, and one logout token ends the sessions of all.
func TestSeveralNames(t *testing.T) {
	inBubble(t, severalNames, func(t *testing.T, w *world) {
		w.serve("www.notes.example", w.apps[0])
		for _, at := range []string{base, www} {
			v := w.visitor("ada")
			v.get(v.authorize(v.start(at + "/auth/login")))
			if a := v.get(at + "/private"); a.body != "hello ada" {
				t.Fatalf("%s: %v", at, a)
			}
			other := map[string]string{base: www, www: base}[at]
			if a := v.get(other + "/private"); a.status != http.StatusFound {
				t.Errorf("the cookie of %s serves at the other name: %v", at, a)
			}
			out := v.do("POST", at+"/auth/logout", url.Values{}, with(navigating, "Sec-Fetch-Site", "same-origin",
				"Origin", at))
			if got := query(out.location()).Get("post_logout_redirect_uri"); got != at+"/auth/logged-out" {
				t.Errorf("the IdP leads to %q", got)
			}
		}
		w.expectEnds(reason.UserLogout, reason.UserLogout)
		v := w.visitor("ada")
		for _, at := range []string{base, www} {
			v.get(v.authorize(v.start(at + "/auth/login")))
		}
		w.idp.EndUser("ada")
		w.expectEnds(reason.UserLogout, reason.UserLogout, reason.BackchannelLogout, reason.BackchannelLogout)
		if w.log.has("at a host name that is not") {
			t.Errorf("a name that is configured is told:\n%s", w.log)
		}
	})
}

// Each name is an origin of its own: a page of one may not post to the other, nor come back
// to a page of the other.
func TestSeveralNamesAreSeveralOrigins(t *testing.T) {
	inBubble(t, severalNames, func(t *testing.T, w *world) {
		w.serve("www.notes.example", w.apps[0])
		v := w.visitor("ada")
		v.get(v.authorize(v.start(www + "/auth/login")))
		post := func(h http.Header) int { return v.do("POST", www+"/private", url.Values{}, h).status }
		for origin, want := range map[string]int{www: http.StatusOK, base: http.StatusForbidden,
			"https://evil.example": http.StatusForbidden} {
			if got := post(http.Header{"Origin": {origin}}); got != want {
				t.Errorf("Origin %s: %d", origin, got)
			}
			if got := v.do("POST", www+"/auth/activity", nil, with(fetching, "Sec-Fetch-Site", "", "Origin",
				origin)).status; got != want {
				t.Errorf("activity from %s: %d", origin, got)
			}
		}
		if got := post(http.Header{"Origin": {base}, "Sec-Fetch-Site": {"same-site"}}); got != http.StatusForbidden {
			t.Errorf("same-site: %d", got)
		}
		stranger := w.visitor("eve")
		for referer, want := range map[string]string{www: "return_to=%2Fform", base: "return_to=%2F\""} {
			a := stranger.do("POST", www+"/private", url.Values{}, with(navigating, "Sec-Fetch-Site", "same-origin",
				"Origin", www, "Referer", referer+"/form"))
			if !strings.Contains(a.body, want) {
				t.Errorf("Referer %s: %v", referer, a)
			}
		}
	})
}

// A name that nobody has configured is never sent to the IdP, however it is written.
func TestUnknownNameIsNotSentOn(t *testing.T) {
	inBubble(t, severalNames, func(t *testing.T, w *world) {
		for host, want := range map[string]string{
			"www.notes.example": www, "WWW.notes.example:443": www, "notes.example": base, "evil.example": base,
			"www.notes.example:8443": base, "": base, "[": base,
		} {
			r := httptest.NewRequest("GET", "/auth/login", nil)
			r.Host = host
			rec := httptest.NewRecorder()
			if err := w.auth[0].StartLogin(rec, r); err != nil {
				t.Fatal(err)
			}
			if got := query(rec.Header().Get("Location")).Get("redirect_uri"); got != want+"/auth/callback" {
				t.Errorf("Host %q: redirect_uri %q", host, got)
			}
		}
	})
}

const inside = "http://notes.internal"

// Plain http over a network: refused by name, and with InsecureAllowHTTP a log-in works,
// with cookies that browsers keep there, and the operator is told.
func TestPlainHTTP(t *testing.T) {
	s := setup{
		config: func(c *rp.Config) { c.BaseURL, c.InsecureAllowHTTP = inside, true },
		client: func(c *idpmock.Client) { c.RedirectURIs = []string{inside + "/auth/callback"} },
	}
	inBubble(t, s, func(t *testing.T, w *world) {
		refused := w.config(s)
		refused.InsecureAllowHTTP = false
		if _, err := rp.New(t.Context(), refused); err == nil || !slices.Equal(faults(err), []string{"BaseURL"}) ||
			!strings.Contains(err.Error(), "InsecureAllowHTTP") {
			t.Errorf("New: %v", err)
		}
		w.serve("notes.internal", w.apps[0])
		v := w.visitor("ada")
		noMetadata := http.Header{"Accept": {"text/html"}} // browsers send Fetch Metadata to trustworthy origins alone
		start := v.do("GET", inside+"/auth/login?return_to=/private", nil, noMetadata)
		in := v.do("GET", v.authorize(start.location()), nil, noMetadata)
		for name, c := range setCookies(start) {
			if strings.HasPrefix(name, "__") || c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode {
				t.Errorf("a cookie of the log-in: %v", c)
			}
		}
		if c := setCookies(in)["tandem"]; c == nil || c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode ||
			c.Path != "/" {
			t.Fatalf("the session's cookie: %v", in)
		}
		if a := v.do("GET", inside+"/private", nil, noMetadata); a.body != "hello ada" {
			t.Errorf("%v", a)
		}
		if a := v.do("POST", inside+"/private", url.Values{},
			http.Header{"Origin": {"http://evil.internal"}}); a.status != http.StatusForbidden {
			t.Errorf("another site posts: %v", a)
		}
		out := v.do("POST", inside+"/auth/logout", url.Values{},
			http.Header{"Origin": {inside}, "Accept": {"text/html"}})
		if out.status != http.StatusSeeOther {
			t.Errorf("%v", out)
		}
		w.expectEnds(reason.UserLogout)
		serious := func(f store.Finding) bool { return f.Code == "plain_http" && f.Serious }
		told, err := rp.Diagnose(t.Context(), w.config(s))
		if err != nil || !slices.ContainsFunc(told, serious) || !slices.ContainsFunc(w.auth[0].Findings(), serious) ||
			w.lines("finding=plain_http") != 1 {
			t.Errorf("the operator does not hear of it: %v\n%s", err, w.log)
		}
	})
}

// On loopback browsers keep Secure cookies and __Host- names over http, too.
func TestLoopbackKeepsTheHostPrefix(t *testing.T) {
	for at, want := range map[string]string{
		"http://notes.localhost:9101": "__Host-tandem", "http://127.0.0.1:9101/app": "__Host-app+tandem",
		"http://[::1]":    "__Host-tandem",
		"http://10.0.0.7": "tandem", "https://10.0.0.7": "__Host-tandem", "http://notes.internal/app": "app+tandem",
	} {
		inBubble(t, setup{config: func(c *rp.Config) {
			c.BaseURL, c.InsecureAllowHTTP = at, true
		}}, func(t *testing.T, w *world) {
			if got := sessionCookieOf(t, w.auth[0]); got != want {
				t.Errorf("%s: %s, not %s", at, got, want)
			}
		})
	}
}
