package rp_test

import (
	"html"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

const marker = `<script>alert("marker")</script>`

// edit returns the callback with its query changed.
func edit(callback string, change func(url.Values)) string {
	u, err := url.Parse(callback)
	if err != nil {
		panic(err)
	}
	q := u.Query()
	change(q)
	u.RawQuery = q.Encode()
	return u.String()
}

func set(name, value string) func(url.Values) {
	return func(q url.Values) { q.Set(name, value) }
}

// CORE-02, CORE-03, RFC 9700: every forged callback gets 400, a plain page that
// repeats nothing, and no session. Requests that reach the token endpoint are
// those whose state, browser and issuer were right.
func TestForgedCallbacks(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(url.Values)
		asked  bool // the token endpoint
	}{
		{"nothing at all", func(q url.Values) { clear(q) }, false},
		{"state is missing", func(q url.Values) { q.Del("state") }, false},
		{"state is empty", set("state", ""), false},
		{"state is guessed", set("state", strings.Repeat("A", 43)), false},
		{"state differs behind its 12th character", func(q url.Values) {
			q.Set("state", q.Get("state")[:42]+"_")
		}, false},
		{"state is longer", func(q url.Values) { q.Set("state", q.Get("state")+"A") }, false},
		{"state is shorter", func(q url.Values) { q.Set("state", q.Get("state")[:42]) }, false},
		{"state is a path", set("state", "../../../../../../../../../../../../../../x"), false},
		{"state is markup", set("state", marker), false},
		{"state twice", func(q url.Values) { q.Add("state", q.Get("state")) }, false},
		{"code twice", func(q url.Values) { q.Add("code", "x") }, false},
		{"iss twice", func(q url.Values) { q.Add("iss", issuer) }, false},
		{"an unknown parameter twice", func(q url.Values) { q["x"] = []string{"1", marker} }, false},
		{"fapi2 remove-authorization-response-iss", func(q url.Values) { q.Del("iss") }, false},
		{"fapi2 invalid-authorization-response-iss", set("iss", "https://evil.example"), false},
		{"iss with a slash more", set("iss", issuer+"/"), false},
		{"iss is markup", set("iss", marker), false},
		{"code is missing", func(q url.Values) { q.Del("code") }, false},
		{"code is empty", set("code", ""), false},
		{"code is invented", set("code", marker), true},
		{"an error beside the code", func(q url.Values) {
			q.Set("error", "access_denied")
			q.Set("error_description", marker)
		}, false},
		{"an error of another issuer", func(q url.Values) {
			q.Set("error", "access_denied")
			q.Set("iss", "https://evil.example")
		}, false},
		{"an error that is markup", func(q url.Values) { q.Del("code"); q.Set("error", marker) }, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, setup{}, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				callback := v.authorize(v.start("/auth/login"))
				a := v.get(edit(callback, row.change))
				w.refused(v, a)
				asked := 0
				if row.asked {
					asked = 1
				}
				w.idp.Expect(idpmock.EndpointCode, "notes", asked)
			})
		})
	}
}

// refused fails unless a is 400 with a plain page, and v has no session.
func (w *world) refused(v *visitor, a *reply) {
	w.Helper()
	if a.status != http.StatusBadRequest || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
		w.Errorf("not refused with a plain page: %v", a)
	}
	if a.header.Get("Cache-Control") != "no-store" {
		w.Error("the page may be stored")
	}
	if !strings.Contains(a.header.Get("Content-Security-Policy"), "default-src 'none'") {
		w.Errorf("the page's Content-Security-Policy is %q", a.header.Get("Content-Security-Policy"))
	}
	for _, echoed := range []string{"marker", html.EscapeString(marker), "evil.example"} {
		if strings.Contains(a.body, echoed) {
			w.Errorf("the page repeats %q of the query:\n%s", echoed, a.body)
		}
	}
	if v.id() != "" || len(w.logins) > 0 {
		w.Errorf("a session began: %v", a)
	}
	v.expect("anonymous", "")
}

// startsAgain fails unless a leads to a new log-in and nowhere else: the callback's own
// is not finished.
func (w *world) startsAgain(v *visitor, a *reply) {
	w.Helper()
	if a.status != http.StatusSeeOther || a.location() != "/auth/login?return_to=%2F&again=1" ||
		len(setCookies(a)[cookie].String()) > 0 {
		w.Errorf("not sent to a new log-in: %v", a)
	}
}

// A callback that another browser brings is not finished: a stolen or planted one.
// Whoever brings it may log in by themselves.
func TestForeignBrowser(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		ada, eve := w.visitor("ada"), w.visitor("eve")
		callback := ada.authorize(ada.start("/auth/login"))
		w.startsAgain(eve, eve.get(callback))
		// Eve has a log-in of her own under way: it is another one.
		own := eve.start("/auth/login")
		w.startsAgain(eve, eve.get(callback))
		if a := eve.get(edit(callback, set("state", query(own).Get("state")))); a.status != http.StatusBadRequest {
			t.Errorf("Ada's code under Eve's state: %v", a) // PKCE
		}
		ada.get(callback)
		ada.expect("live", "") // none of this was in her way
	})
}

// A callback works once, also for somebody who kept the cookies.
func TestReplayedCallback(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		callback := v.authorize(v.start("/auth/login"))
		thief := v.thief()
		if a := v.get(callback); a.status != http.StatusSeeOther {
			t.Fatalf("the honest one: %v", a)
		}
		id := v.id()
		for range 2 {
			if a := v.get(callback); a.status != http.StatusSeeOther || a.location() != "/" ||
				len(setCookies(a)[cookie].String()) > 0 {
				t.Errorf("again: %v", a)
			}
			w.startsAgain(thief, thief.get(callback))
		}
		if v.id() != id {
			t.Error("the replay changed the session")
		}
		v.expect("live", "") // the IdP may revoke its tokens, but nobody showed it the code again
		w.idp.Expect(idpmock.EndpointCode, "notes", 1)
		w.expectEnds()
	})
}

// CORE-01: the code of one tab does not fit the other one's verifier.
func TestCodesAreBoundToTheirTab(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		one, two := v.authorize(v.start("/auth/login")), v.authorize(v.start("/auth/login"))
		w.refused(v, v.get(edit(one, set("code", query(two).Get("code")))))
	})
}

// A log-in that lay around for longer than LoginTimeout is over.
func TestExpiredLogin(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		authURL := v.start("/auth/login")
		time.Sleep(14 * time.Minute)
		if a := v.get(v.authorize(authURL)); a.status != http.StatusSeeOther {
			t.Errorf("after 14 min: %v", a)
		}
		v = w.visitor("ada")
		authURL = v.start("/auth/login")
		thief := v.thief() // whose cookies do not expire
		time.Sleep(15*time.Minute + time.Second)
		callback := v.authorize(authURL)
		for _, b := range []*visitor{v, thief} {
			w.startsAgain(b, b.get(callback))
		}
	})
}

// The log-in cookie is bound to its own name and cannot be tampered with.
func TestTamperedLoginCookie(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		callback := v.authorize(v.start("/auth/login"))
		c := v.cookies()[0]
		for i := 0; i < len(c.Value)-4; i += 7 { // the last characters have unused bits
			b := []byte(c.Value)
			if b[i]++; b[i] == '=' || b[i] > 'z' {
				b[i] = 'A'
			}
			if string(b) == c.Value {
				continue
			}
			v.set(c.Name, string(b))
			w.startsAgain(v, v.get(callback))
		}
		// Another log-in's cookie under this one's name.
		other := w.visitor("ada")
		other.start("/auth/login")
		v.set(c.Name, other.cookies()[0].Value)
		w.startsAgain(v, v.get(callback))
		v.expect("anonymous", "")
	})
}

// What the IdP answers instead of a code.
func TestErrorAnswers(t *testing.T) {
	for code, status := range map[string]int{
		"access_denied": 400, "login_required": 400, "invalid_scope": 400, "unheard_of": 400,
		"temporarily_unavailable": 503, "server_error": 503,
	} {
		inBubble(t, setup{}, func(t *testing.T, w *world) {
			v := w.visitor("ada")
			callback := edit(v.authorize(v.start("/auth/login")), func(q url.Values) {
				q.Del("code")
				q.Set("error", code)
				q.Set("error_description", marker)
			})
			a := v.get(callback)
			if code == "temporarily_unavailable" { // Keycloak says so to the second tab
				w.startsAgain(v, a)
				a = v.get(edit(v.authorize(v.start(a.location())), func(q url.Values) {
					q.Del("code")
					q.Set("error", code)
				}))
			}
			if a.status != status || strings.Contains(a.body, "marker") || v.id() != "" {
				t.Errorf("%s: %v", code, a)
			}
			if (a.header.Get("Retry-After") != "") != (status == 503) {
				t.Errorf("%s: Retry-After %q", code, a.header.Get("Retry-After"))
			}
		})
	}
}

// A person who logs in while another session of this browser lives keeps that
// one if the new log-in fails.
func TestFailedLoginKeepsTheSession(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		callback := v.authorize(v.start("/auth/login"))
		if a := v.get(edit(callback, set("iss", "https://evil.example"))); a.status != http.StatusBadRequest {
			t.Errorf("%v", a)
		}
		v.expect("live", "")
		v.welcome()
		w.expectEnds()
	})
}

// form_post (OAuth 2.0 Form Post Response Mode): the same checks.
func TestFormPost(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		callback := v.authorize(v.start("/auth/login?return_to=/private"))
		post := with(navigating, "Sec-Fetch-Site", "cross-site", "Origin", issuer)
		bad := query(callback)
		bad.Add("state", "x")
		if a := v.do("POST", "/auth/callback", bad, post); a.status != http.StatusBadRequest {
			t.Errorf("state twice: %v", a)
		}
		if a := v.do("POST", "/auth/callback?"+query(callback).Encode(), url.Values{},
			post); a.status != http.StatusBadRequest {
			t.Errorf("parameters in the query of a POST: %v", a)
		}
		huge := query(callback)
		huge.Set("x", strings.Repeat("x", 100<<10))
		if a := v.do("POST", "/auth/callback", huge, post); a.status != http.StatusBadRequest {
			t.Errorf("100 KiB: %v", a)
		}
		if a := v.do("POST", "/auth/callback", query(callback), post); a.status != http.StatusSeeOther ||
			a.location() != "/private" {
			t.Errorf("the honest one: %v", a)
		}
		v.expect("live", reason.Reason(""))
	})
}

// The same where the clock of Config.Now is ahead of the machine's, by which the cookie's
// age is told.
func TestExpiredLoginByConfigNow(t *testing.T) {
	var ahead atomic.Int64
	s := setup{config: func(c *rp.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	}}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		callback := v.authorize(v.start("/auth/login"))
		ahead.Store(int64(15*time.Minute + time.Second))
		w.startsAgain(v, v.get(callback))
		w.idp.Expect(idpmock.EndpointCode, "notes", 0)
	})
}
