package badinput

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

// plain demands the plain page of a log-in that cannot be finished: 400, nothing
// of the query on it, no session.
func (x target) plain(name string, p *idptest.Browser, page *idptest.Page) {
	x.Helper()
	if page.Status != http.StatusBadRequest || !strings.HasPrefix(page.Header.Get("Content-Type"), "text/html") {
		x.Errorf("%s: want a page with 400: %s", name, page)
	}
	for _, v := range []string{marker, "<script", "state", "nonce"} {
		if strings.Contains(page.Body, v) {
			x.Errorf("%s: the page says %q: %s", name, v, page)
		}
	}
	if csp := page.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") {
		x.Errorf("%s: Content-Security-Policy %q", name, csp)
	}
	if cc := page.Header.Get("Cache-Control"); !strings.Contains(cc, "no-store") {
		x.Errorf("%s: Cache-Control %q", name, cc)
	}
	if s := x.state(p); s.State != "anonymous" {
		x.Errorf("%s: a session has come to be: %+v", name, s)
	}
}

const marker = "xss-marker"

// callback returns the URL to which the IdP sends this browser after the sign-in,
// not opened yet.
func (x target) callback(p *idptest.Browser, user string) string {
	x.Helper()
	login := p.Hop(x.url + "/auth/login?anew=1&return_to=/private")
	to, err := x.idp.Browser(user).Authorize(x.Context(), login.To.String())
	if err != nil {
		x.Fatalf("at the IdP: %v", err)
	}
	if !strings.HasPrefix(to, x.url+"/auth/callback?") {
		x.Fatalf("the IdP leads to %s", to)
	}
	return to
}

func TestForgedCallback(t *testing.T) {
	each(t, func(x target) {
		state := strings.Repeat("A", 43)
		for name, q := range map[string]string{
			"nothing":          "",
			"code only":        "code=abc",
			"unknown state":    "code=abc&state=" + state,
			"short state":      "code=abc&state=a",
			"long state":       "code=abc&state=" + strings.Repeat("A", 5000),
			"markup":           "code=abc&state=" + url.QueryEscape("<script>"+marker+"</script>"),
			"error":            "error=access_denied&error_description=" + marker,
			"error and state":  "error=" + marker + "&state=" + state,
			"repeated":         "code=a&code=b&state=" + state + "&state=" + state,
			"bad escape":       "code=%zz&state=" + state,
			"iss of a phisher": "code=a&state=" + state + "&iss=https%3A%2F%2Fevil.example",
		} {
			p := x.person("ada")
			x.plain(name, p, p.Open(x.url+"/auth/callback?"+q))
			form, _ := url.ParseQuery(q)
			x.plain(name+" (POST)", p, p.At(x.idp.URL).Post(x.url+"/auth/callback", form))
		}
	})
}

// A callback that is good but for one thing.
func TestSpoiledCallback(t *testing.T) {
	each(t, func(x target) {
		for name, spoil := range map[string]func(url.Values){
			"no code":     func(q url.Values) { q.Del("code") },
			"other code":  func(q url.Values) { q.Set("code", marker) },
			"no iss":      func(q url.Values) { q.Del("iss") },
			"other iss":   func(q url.Values) { q.Set("iss", "https://evil.example") },
			"other state": func(q url.Values) { q.Set("state", q.Get("state")[:42]+flip(q.Get("state")[42:43])) },
			"state twice": func(q url.Values) { q.Add("state", q.Get("state")) },
			"error beside": func(q url.Values) {
				q.Set("error", "access_denied")
				q.Set("error_description", marker)
			},
			"error of the IdP": func(q url.Values) { q.Del("code"); q.Set("error", marker) },
		} {
			p := x.person("ada")
			u, _ := url.Parse(x.callback(p, "ada"))
			q := u.Query()
			spoil(q)
			u.RawQuery = q.Encode()
			x.plain(name, p, p.Open(u.String()))
		}
	})
}

func flip(s string) string {
	if s == "A" {
		return "E" // base64url: another last character that may end 32 bytes
	}
	return "A"
}

// Shown twice: the second time it is no log-in, and the session of the first time
// stays what it is.
func TestReplayedCallback(t *testing.T) {
	each(t, func(x target) {
		p := x.person("ada")
		to := x.callback(p, "ada")
		if page := p.Open(to); page.Status != http.StatusOK || page.URL.Path != "/private" {
			x.Fatalf("the first time: %s", page)
		}
		before := x.session(p)
		// who is in is shown the page
		if page := p.Open(to); page.Status != http.StatusOK || page.URL.Path != "/private" {
			x.Errorf("the second time: %s", page)
		}
		if after := x.session(p); after != before {
			x.Error("the replay has changed the session cookie")
		}
		x.live(p)
	})
}

// The same with the log-in's cookie still there, as a thief of it would have:
// state is used up on the server, too.
func TestReplayedCallbackWithItsCookie(t *testing.T) {
	each(t, func(x target) {
		p := x.person("ada")
		to := x.callback(p, "ada")
		stolen := p.Cookies(to)
		if page := p.Open(to); page.Status != http.StatusOK {
			x.Fatalf("the first time: %s", page)
		}
		thief := x.person("eve")
		for _, c := range stolen {
			thief.SetCookie(x.url, &http.Cookie{Name: c.Name, Value: c.Value, Path: "/", Secure: true})
		}
		x.startsAgain("stolen cookie", thief, thief.Open(to))
		x.idp.Expect(idpmock.EndpointCode, "app", 1) // it is not left to the IdP
		x.live(p)
	})
}

// Log-in CSRF: eve sends ada a link that would log ada in as eve. Ada's browser is sent to
// a log-in of her own instead; in eve's own it works still.
func TestForeignBrowserCallback(t *testing.T) {
	each(t, func(x target) {
		ada, eve := x.person("ada"), x.person("eve")
		to := x.callback(eve, "eve")
		x.startsAgain("ada opens eve's link", ada, ada.Open(to))
		if page := eve.Open(to); page.Status != http.StatusOK || page.URL.Path != "/private" {
			x.Errorf("eve's own log-in: %s", page)
		}

		// The same while ada has a log-in of her own under way, and a session.
		in := x.signedIn("ada")
		in.Hop(x.url + "/auth/login?anew=1")
		before := x.session(in)
		if page := in.Open(x.callback(eve, "eve")); page.Status != http.StatusOK || page.URL.Path != "/private" ||
			x.session(in) != before {
			x.Errorf("a signed-in ada opens eve's link: %s", page)
		}
		x.live(in)
	})
}

// startsAgain fails unless a callback that cannot be finished has led to a new log-in at
// the IdP, and nobody is logged in.
func (x target) startsAgain(what string, p *idptest.Browser, page *idptest.Page) {
	x.Helper()
	if page.Status != http.StatusOK || !strings.HasPrefix(page.URL.String(), x.idp.URL+"/") {
		x.Errorf("%s: want the IdP's page: %s", what, page)
	}
	if s := x.state(p); s.State != "anonymous" {
		x.Errorf("%s: %+v", what, s)
	}
}

// A log-in's cookie that was tampered with is none.
func TestTamperedLoginCookie(t *testing.T) {
	each(t, func(x target) {
		p := x.person("ada")
		to := x.callback(p, "ada")
		found := false
		for _, c := range p.Cookies(to) {
			if strings.HasPrefix(c.Name, cookieName+"-login-") {
				found = true
				v := []byte(c.Value)
				v[len(v)/2] ^= 1
				p.SetCookie(x.url, &http.Cookie{Name: c.Name, Value: string(v), Path: "/", Secure: true,
					HttpOnly: true})
			}
		}
		if !found {
			x.Fatal("there is no log-in cookie to tamper with")
		}
		x.startsAgain("tampered", p, p.Open(to))
	})
}

// Five tabs may log in at once; what comes to more gives way, never an error.
func TestManyLoginsAtOnce(t *testing.T) {
	each(t, func(x target) {
		p := x.person("ada")
		var last string
		for range 20 {
			last = x.callback(p, "ada")
		}
		if n := len(p.Cookies(x.url)); n > 6 {
			x.Errorf("%d cookies", n)
		}
		if page := p.Open(last); page.Status != http.StatusOK || page.URL.Path != "/private" {
			x.Errorf("the last log-in: %s", page)
		}
	})
}

// No link leads out of the app (RFC 9700 §4.11).
func TestNoOpenRedirector(t *testing.T) {
	each(t, func(x target) {
		for _, to := range []string{"https://evil.example/", "//evil.example", `/\evil.example`,
			"/%5cevil.example/..//evil", "javascript:alert(1)", "/\t/evil.example", "/" + strings.Repeat("a", 4096)} {
			p := x.person("ada")
			login := p.Hop(x.url + "/auth/login?anew=1&return_to=" + url.QueryEscape(to))
			back, err := x.idp.Browser("ada").Authorize(x.Context(), login.Header.Get("Location"))
			if err != nil {
				x.Fatal(err)
			}
			page := p.Hop(back)
			u, err := url.Parse(page.Header.Get("Location"))
			if err != nil || u.Host != "" || u.Scheme != "" || !strings.HasPrefix(u.Path, "/") ||
				strings.HasPrefix(u.Path, "//") || strings.Contains(u.Path, `\\`) {
				x.Errorf("return_to=%q leads to %q", to, page.Header.Get("Location"))
			}
		}
	})
}
