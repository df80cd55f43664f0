package rp_test

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
)

func keepPosted(c *rp.Config) { c.KeepPosted = true }

var (
	ownForm    = with(navigating, "Sec-Fetch-Site", "same-origin", "Origin", base)
	sealedForm = regexp.MustCompile(`id="tandem-sealed" value="([^"]+)"`)
	keptLink   = regexp.MustCompile(`data-link="([^"]+)"`)
)

// draft is a form with two values of one name, markup and an umlaut.
var draft = url.Values{"text": {"<b>", "ü & co"}, "save": {"1"}}

// lateForm posts a form after the end, and returns what the page keeps and where it leads.
func (v *visitor) lateForm(path string, form url.Values) (sealed, on string) {
	v.w.Helper()
	a := v.do("POST", path, form, ownForm)
	m, on1 := sealedForm.FindStringSubmatch(a.body), keptLink.FindStringSubmatch(a.body)
	if a.status != http.StatusUnauthorized || m == nil || on1 == nil {
		v.w.Fatalf("not kept: %v", a)
	}
	// Without scripts the page says what it says without the option.
	if !strings.Contains(a.body, "What you have just sent was not taken.") ||
		a.header.Get("Cache-Control") != "no-store" {
		v.w.Errorf("%v", a)
	}
	for _, value := range form["text"] {
		if strings.Contains(a.body, html.EscapeString(value)) {
			v.w.Errorf("the form stands in the page in the clear: %v", a)
		}
	}
	return m[1], html.UnescapeString(on1[1])
}

func (v *visitor) giveBack(sealed string) *reply {
	v.w.Helper()
	return v.do("POST", "/auth/posted", url.Values{"sealed": {sealed}}, ownForm)
}

// A form that is posted after the end waits in the tab, and goes back to the same person,
// once, on a page with a button (decisions 17).
func TestKeepPosted(t *testing.T) {
	inBubble(t, setup{config: keepPosted}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		w.idp.EndUser("ada")
		w.idp.Settle()
		time.Sleep(time.Second)
		sealed, on := v.lateForm("/private?tab=2", draft)
		if on != "/auth/login?return_to=%2Fauth%2Fposted" {
			t.Fatalf("leads to %q", on)
		}
		if a := v.get("/auth/posted"); a.location() != on { // too early: to the log-in, and back
			t.Errorf("%v", a)
		}
		if a := v.giveBack(sealed); a.status != http.StatusUnauthorized {
			t.Errorf("nobody is logged in: %v", a)
		}
		if a := v.get(v.authorize(v.start(on))); a.location() != "/auth/posted" {
			t.Fatalf("%v", a)
		}
		if a := v.get("/auth/posted"); a.status != http.StatusOK || !strings.Contains(a.body, `name="sealed"`) ||
			!strings.Contains(a.body, "sessionStorage") {
			t.Errorf("no page that fetches it: %v", a)
		}
		if a := v.do("POST", "/auth/posted", url.Values{"sealed": {sealed}},
			with(ownForm, "Sec-Fetch-Site", "cross-site", "Origin",
				"https://evil.example")); a.status != http.StatusForbidden {
			t.Errorf("of another site: %v", a)
		}
		a := v.giveBack(sealed)
		if a.status != http.StatusOK || !strings.Contains(a.body, `action="/private?tab=2"`) ||
			strings.Contains(a.body, "<script") || hiddenFields(a.body).Encode() != draft.Encode() {
			t.Fatalf("%v", a)
		}
		if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Referrer-Policy") != "same-origin" {
			t.Errorf("%v", a.header)
		}
		if a := v.do("POST", "/private?tab=2", hiddenFields(a.body), ownForm); a.status != http.StatusOK {
			t.Errorf("%v", a)
		}
		big := url.Values{"text": {strings.Repeat("ü", 10<<10)}} // 60 KB, encoded
		w.idp.EndUser("ada")
		w.idp.Settle()
		time.Sleep(time.Second)
		last, on := v.lateForm("/private", big)
		v.get(v.authorize(v.start(on)))
		if a := v.giveBack(last); hiddenFields(a.body).Encode() != big.Encode() {
			t.Errorf("a large one: %v", a)
		}
		for _, bad := range []string{sealed, "", "x", sealed[:40], sealed + "A", strings.Repeat("A", 100)} {
			if a := v.giveBack(bad); a.status != http.StatusForbidden || strings.Contains(a.body, "co") &&
				strings.Contains(a.body, `name="text"`) {
				t.Errorf("%.20q: %v", bad, a)
			}
		}
	})
}

// To nobody else, and not for long.
func TestKeptPostIsForTheSamePerson(t *testing.T) {
	inBubble(t, setup{idp: patient, config: keepPosted}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		v.submit("/auth/logout")
		time.Sleep(time.Second)
		sealed, on := v.lateForm("/private", draft)
		bob := w.visitor("bob")
		bob.get(bob.authorize(bob.start(on)))
		if a := bob.giveBack(sealed); a.status != http.StatusForbidden {
			t.Errorf("somebody else: %v", a)
		}
		v.get(v.authorize(v.start(on)))
		time.Sleep(21 * time.Minute) // LoginTimeout and 5 min
		if a := v.giveBack(sealed); a.status != http.StatusForbidden {
			t.Errorf("later: %v", a)
		}
	})
}

// What is not kept: without the option, of nobody, with a file, without end, of another site,
// of a script.
func TestNotKept(t *testing.T) {
	notKept := func(t *testing.T, v *visitor, name string, form url.Values, h http.Header) {
		t.Helper()
		if a := v.do("POST", "/private", form, h); a.status < 400 || strings.Contains(a.body, "sealed") {
			t.Errorf("%s: %v", name, a)
		}
	}
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		v.submit("/auth/logout")
		notKept(t, v, "by default", draft, ownForm)
		if a := v.get("/auth/posted"); a.status != http.StatusNotFound {
			t.Errorf("%v", a)
		}
	})
	inBubble(t, setup{config: keepPosted}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		notKept(t, v, "nobody was logged in", draft, ownForm)
		v.login()
		v.submit("/auth/logout")
		notKept(t, v, "a file", draft, with(ownForm, "Content-Type", "multipart/form-data; boundary=x"))
		notKept(t, v, "100 KB", url.Values{"x": {strings.Repeat("x", 100<<10)}}, ownForm)
		notKept(t, v, "another site's", draft, with(ownForm, "Sec-Fetch-Site", "cross-site", "Origin",
			"https://evil.example"))
		notKept(t, v, "a script's", draft, with(fetching, "Origin", base))
		r := httptest.NewRequest("POST", base+"/private", strings.NewReader(draft.Encode()))
		r.Header = with(ownForm, "Content-Type", "application/x-www-form-urlencoded", "Cookie", cookie+"="+v.id())
		sibling := r.Clone(t.Context())
		sibling.Header = with(r.Header, "Sec-Fetch-Site", "same-site", "Origin", "https://www.notes.example")
		// by a handler of a public page
		if a := w.auth[0].Answer(sibling, rp.ErrAnonymous); strings.Contains(string(a.Body), "sealed") {
			t.Errorf("a sibling's form is kept: %s", a.Body)
		}
		_, _ = io.Copy(io.Discard, r.Body) // a handler has read it
		if a := w.auth[0].Answer(r, rp.ErrReauthenticate); a.Status != http.StatusUnauthorized ||
			strings.Contains(string(a.Body), "sealed") {
			t.Errorf("%d %s", a.Status, a.Body)
		}
	})
}

// A route that wants more, and a session that waits for its person.
func TestKeptPostOfALiveSession(t *testing.T) {
	inBubble(t, setup{kind: rp.NoToken, idp: patient, config: func(c *rp.Config) {
		c.KeepPosted, c.SilentCheck = true, true
	}}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		time.Sleep(20 * time.Minute)
		sealed, on := v.lateForm("/private", draft)
		if on != "/auth/posted" {
			t.Errorf("leads to %q", on)
		}
		a, silently := v.follow(on)
		if !silently || a.status != http.StatusOK {
			t.Errorf("%v", a)
		}
		if a := v.giveBack(sealed); hiddenFields(a.body).Encode() != draft.Encode() {
			t.Errorf("%v", a)
		}
	})
}

// A form for a route that wants a stronger log-in, by a person who is logged in.
func TestKeptPostOfAStepUp(t *testing.T) {
	inBubble(t, setup{idp: twoClasses, config: keepPosted}, func(t *testing.T, w *world) {
		web := nethttpadapter.New(w.auth[0])
		mux := http.NewServeMux()
		mux.Handle("/", w.apps[0])
		mux.Handle("/transfer", web.RequireLogin(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			fmt.Fprint(rw, r.PostFormValue("save"))
		}), rp.ACR("gold")))
		w.apps[0] = mux
		v := w.visitor("ada")
		v.login()
		time.Sleep(2 * time.Minute)
		sealed, on := v.lateForm("/transfer", draft)
		v.expect("live", "")
		to := v.start(on)
		if query(to).Get("acr_values") != "gold" {
			t.Errorf("%s", to)
		}
		if a := v.get(v.authorize(to)); a.location() != "/auth/posted" {
			t.Fatalf("%v", a)
		}
		if a := v.do("POST", "/transfer", hiddenFields(v.giveBack(sealed).body), ownForm); a.status != http.StatusOK ||
			a.body != "1" {
			t.Errorf("%v", a)
		}
	})
}
