package rp_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

var kinds = []rp.Kind{rp.RefreshToken, rp.ReferenceToken, rp.NoToken}

// A whole log-in of each kind of client, and what each step puts where.
func TestLogin(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind.String(), func(t *testing.T) {
			inBubble(t, setup{kind: kind}, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				a := v.get("/private?tab=2&x=%2F")
				if a.status != http.StatusFound ||
					a.location() != "/auth/login?return_to="+url.QueryEscape("/private?tab=2&x=%2F") {
					t.Fatalf("an anonymous navigation: %v", a)
				}
				authURL := v.start(a.location())
				checkAuthURL(t, authURL)
				callback := v.authorize(authURL)
				a = v.get(callback)
				if a.status != http.StatusSeeOther || a.location() != "/private?tab=2&x=%2F" {
					t.Fatalf("the callback: %v", a)
				}
				checkLoginCookies(t, a)
				if a = v.get(a.location()); a.status != http.StatusOK || a.body != "hello ada" {
					t.Fatalf("after the log-in: %v", a)
				}
				if s := v.status(); s.State != "live" || s.Subject != "ada" || s.Reason != "" {
					t.Errorf("status %+v", s)
				}
				w.idp.Expect(idpmock.EndpointCode, "notes", 1)
				if len(w.logins) != 1 || w.logins[0].Subject != "ada" || w.logins[0].SID != v.session().SID {
					t.Errorf("events %+v", w.logins)
				}
				w.expectEnds()
				w.expectNoSecrets(v, callback)
			})
		})
	}
}

// CORE-01, CORE-02: what is asked of the IdP.
func checkAuthURL(t *testing.T, raw string) {
	t.Helper()
	q := query(raw)
	for name, want := range map[string]string{
		"response_type": "code", "client_id": "notes", "redirect_uri": base + "/auth/callback", "scope": "openid",
		"code_challenge_method": "S256",
		"prompt":                "", "max_age": "", "response_mode": "", "id_token_hint": "", "client_secret": "",
	} {
		if q.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, q.Get(name), want)
		}
	}
	// state has the target, sealed, beside its 256 bits.
	if state := q.Get("state"); len(state) < 43+40 || len(state) > 1<<10 ||
		!regexp.MustCompile(`^[A-Za-z0-9_-]+$`).MatchString(state) || strings.Contains(state, "private") {
		t.Errorf("state is %q", state)
	}
	for _, name := range []string{"nonce", "code_challenge"} {
		if !regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`).MatchString(q.Get(name)) {
			t.Errorf("%s is %q, not 256 bits of base64url", name, q.Get(name))
		}
	}
	for name, v := range q {
		if len(v) > 1 {
			t.Errorf("%s stands twice", name)
		}
	}
}

// BFF-02, ASVS 3.3.1 … 3.3.5, 7.2.3.
func checkLoginCookies(t *testing.T, a *reply) {
	t.Helper()
	if a.header.Get("Cache-Control") != "no-store" {
		t.Error("the answer to the callback may be stored")
	}
	c := setCookies(a)[cookie]
	if c == nil {
		t.Fatalf("no session cookie: %v", a)
	}
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`).MatchString(c.Value) {
		t.Errorf("the session id is %q, not 256 bits of base64url", c.Value)
	}
	if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" ||
		c.MaxAge != 0 || !c.Expires.IsZero() {
		t.Errorf("session cookie %s", c.Raw)
	}
	for name, c := range setCookies(a) {
		if name != cookie && c.MaxAge >= 0 {
			t.Errorf("the callback leaves the cookie %s behind", name)
		}
	}
}

// expectNoSecrets: nothing of the tokens, codes and cookies is in the log.
func (w *world) expectNoSecrets(v *visitor, callback string) {
	w.Helper()
	q := query(callback)
	for what, secret := range map[string]string{
		"the code": q.Get("code"), "the state": q.Get("state"), "the session id": v.id(), "the client secret": "s3cret",
		"a JWT": "eyJ",
	} {
		if w.log.has(secret) {
			w.Errorf("%s is in the log:\n%s", what, w.log)
		}
	}
	if regexp.MustCompile(`\bada\b`).MatchString(w.log.String()) { // not the letters: a hash may have them
		w.Errorf("the person is in the log:\n%s", w.log)
	}
}

// CORE-02: the log-in cookie is Lax, because the callback comes from another
// site, encrypted, bounded and short-lived.
func TestLoginCookie(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		a := v.get("/auth/login?return_to=/private")
		if a.header.Get("Cache-Control") != "no-store" {
			t.Error("the redirect to the IdP may be stored")
		}
		q := query(a.location())
		if len(setCookies(a)) != 1 {
			t.Fatalf("cookies %v", setCookies(a))
		}
		for name, c := range setCookies(a) {
			if !strings.HasPrefix(name, "__Host-") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode ||
				c.Path != "/" || c.Domain != "" {
				t.Errorf("log-in cookie %s", c.Raw)
			}
			if c.MaxAge != 900 {
				t.Errorf("it lives for %d s, not 15 min", c.MaxAge)
			}
			for _, secret := range []string{q.Get("nonce"), q.Get("state"), "/private"} {
				if strings.Contains(c.Value, secret) {
					t.Errorf("%q can be read in it", secret)
				}
			}
		}
	})
}

// ASVS 7.2.4, design rule 7: a new id at every log-in; the old one dies.
func TestNewIDAtEveryLogin(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		old := v.thief()
		first := v.id()
		v.login()
		if v.id() == first {
			t.Fatal("the session id stayed the same")
		}
		v.expect("live", "")
		old.expect("ended", reason.Replaced)
		if a := old.fetch("/private"); a.status != http.StatusUnauthorized || !strings.Contains(a.body, `"replaced"`) {
			t.Errorf("the old id: %v", a)
		}
		w.expectEnds(reason.Replaced)
	})
}

// Design rule 7: an id that the browser brings along is never adopted.
func TestForeignIDIsNotAdopted(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		planted := strings.Repeat("A", 43)
		v.set(cookie, planted)
		v.login()
		if v.id() == planted {
			t.Error("the planted session id was adopted")
		}
		w.expectEnds()
	})
}

// Several browsers of one person are several sessions, and of several persons.
func TestSessionsAreIndependent(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		a, b, c := w.visitor("ada"), w.visitor("ada"), w.visitor("bob")
		for _, v := range []*visitor{a, b, c} {
			v.login()
		}
		a.submit("/auth/logout")
		a.expect("ended", reason.UserLogout)
		b.expect("live", "")
		c.expect("live", "")
		if s := c.status(); s.Subject != "bob" {
			t.Errorf("status %+v", s)
		}
	})
}

// Where the person wanted to go, but never to another site (RFC9700-01).
func TestReturnTo(t *testing.T) {
	for given, want := range map[string]string{
		"/private/deep?q=1#part":         "/private/deep?q=1#part",
		"/private//a/./b?u=https://x//y": "/private//a/./b?u=https://x//y", "": "/", "https://evil.example/": "/",
		"//evil.example": "/", `/\evil.example`: "/", "private": "/",
	} {
		inBubble(t, setup{}, func(t *testing.T, w *world) {
			v := w.visitor("ada")
			a := v.get(v.authorize(v.start("/auth/login?return_to=" + url.QueryEscape(given))))
			if a.location() != want {
				t.Errorf("return_to %q leads to %q, want %q", given, a.location(), want)
			}
		})
	}
}

// CORE-07: max_age is asked for, and a token without a fresh auth_time refused.
func TestMaxAge(t *testing.T) {
	inBubble(t, setup{config: func(c *rp.Config) { c.MaxAge = 10 * time.Minute }}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		authURL := v.start("/auth/login")
		if got := query(authURL).Get("max_age"); got != "600" {
			t.Errorf("max_age is %q", got)
		}
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointCode, IDToken: idpmock.IDTokenMissingAuthTime})
		if a := v.get(v.authorize(authURL)); a.status != http.StatusBadRequest || v.id() != "" {
			t.Errorf("without auth_time: %v", a)
		}
		v.login()
	})
}

// A browser that hangs up at the callback has spent the code all the same: the
// session begins, and nothing of it is leaked.
func TestBrowserHangsUpAtTheCallback(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		callback := v.authorize(v.start("/auth/login"))
		gate := make(chan struct{})
		f := w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointCode, GateAfter: gate})
		v.http.Timeout = time.Second
		if _, err := v.try("GET", callback, nil, navigating); err == nil {
			t.Fatal("the browser did not hang up")
		}
		<-f.Arrived()
		close(gate)
		synctest.Wait()
		if len(w.logins) != 1 {
			t.Errorf("%d sessions began, want 1", len(w.logins))
		}
	})
}

// An IdP whose session is over by its own words when the log-in is finished: a
// page that says so, not a redirect that leads to the next one for ever.
func TestLoginThatIsOverAlready(t *testing.T) {
	for _, kind := range kinds {
		s := setup{kind: kind, client: noBackchannel, idp: func(c *idpmock.Config) {
			c.SessionExpiry, c.AbsoluteLifetime = true, 5*time.Second
		}}
		inBubble(t, s, func(t *testing.T, w *world) {
			w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointCode, DelayAfter: 10 * time.Second})
			v := w.visitor("ada")
			a := v.get(v.authorize(v.start("/auth/login?return_to=/private")))
			w.refused(v, a)
			time.Sleep(time.Minute)
			if kind == rp.RefreshToken { // what nobody needs is given back
				w.idp.Expect(idpmock.EndpointRevoke, "notes", 2)
			}
		})
	}
}

// The IdP's window began before it gave out the code: an IdP that takes long over
// the tokens must not make the app believe in a later end (C1, C2).
func TestSlowTokensAreNoLaterConfirmation(t *testing.T) {
	s := setup{config: func(c *rp.Config) { c.IdPWindow = window }}
	inBubble(t, s, func(t *testing.T, w *world) {
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointCode, DelayAfter: 14 * time.Second})
		v := w.visitor("ada")
		v.login()
		ends := time.Now().Add(time.Duration(*v.status().IdleSeconds) * time.Second)
		if real := v.session().IdleDeadline; ends.After(real) {
			t.Errorf("the app believes in the session until %v, the IdP until %v", ends, real)
		}
	})
}
