package loginflow_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/cookie"
	"github.com/tandem-sso/tandem/rp/internal/loginflow"
	"github.com/tandem-sso/tandem/rp/internal/site"
)

// What a log-in's address asks for, of what it may ask for. A max_age below a minute is a
// minute, because the answer would be too old when it arrives; what is no number is left out.
func TestWishFromAnAddress(t *testing.T) {
	names := []string{"acr_values", "max_age", "ui_locales"}
	for query, want := range map[string]string{
		"":                           "",
		"acr_values=gold+silver":     `{"acr":["gold","silver"]}`,
		"max_age=0":                  `{"age":60000000000}`,
		"max_age=59":                 `{"age":60000000000}`,
		"max_age=120":                `{"age":120000000000}`,
		"max_age=-1":                 "",
		"max_age=never":              "",
		"ui_locales=de&prompt=login": `{"params":{"ui_locales":"de"}}`,
		"ui_locales=" + strings.Repeat("x", loginflow.MaxWish+1): "",
	} {
		q, _ := url.ParseQuery(query)
		var w loginflow.Wish
		if w.AddFrom(q, names); w.Text() != want {
			t.Errorf("%.40s: %s", query, w.Text())
		}
	}
}

// A state says where the log-in was to lead, and whether it was started anew. One that would
// be too long leads to the app's home.
func TestState(t *testing.T) {
	l, id := loginsOf(t, newKey(), "mine"), cookie.Random()
	for _, again := range []bool{false, true} {
		for path, want := range map[string]string{
			"/app/x":                             "/app/x",
			"/app/" + strings.Repeat("x", 1_000): "/app/",
			"/app/" + strings.Repeat("x", 2_000): "/app/",
		} {
			state := l.State(id, loginflow.Target{ReturnTo: path, Again: again})
			got, to, ok := l.ReadState(state)
			if !ok || got != id || to.ReturnTo != want || to.Again != again || len(state) > 1<<10 {
				t.Errorf("%.20s, %v: %v %+v, %d bytes", path, again, ok, to, len(state))
			}
		}
	}
}

// An answer of the IdP that came by a form has no cookies: the browser is asked once to post
// it from this origin. What belongs to no log-in of ours is not asked again.
func TestLacksCookies(t *testing.T) {
	l := loginsOf(t, newKey(), "mine")
	f := &loginflow.Flow{State: cookie.Random(), Nonce: "n", Verifier: "v", ReturnTo: "/app/", Begun: time.Now()}
	rec := httptest.NewRecorder()
	if err := l.Save(rec, httptest.NewRequest("GET", "/", nil), f); err != nil {
		t.Fatal(err)
	}
	set := strings.Split(rec.Header().Get("Set-Cookie"), ";")[0]
	state := url.Values{"state": {l.State(f.State, f.Target())}}
	again := url.Values{"state": state["state"], loginflow.PostedAgain: {"1"}}
	for _, tc := range []struct {
		name, method, cookie string
		params               url.Values
		want                 bool
	}{
		{"a form without cookies", "POST", "", state, true},
		{"a form with another cookie", "POST", "x=y", state, true},
		{"a form with the cookie", "POST", set, state, false},
		{"posted again", "POST", "", again, false},
		{"a navigation", "GET", "", state, false},
		{"no state of ours", "POST", "", url.Values{"state": {"x"}}, false},
	} {
		r := httptest.NewRequest(tc.method, "/auth/callback", nil)
		if tc.cookie != "" {
			r.Header.Set("Cookie", tc.cookie)
		}
		if got := l.LacksCookies(r, tc.params); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}

// The sixth log-in in flight takes the place of the oldest one; what is no log-in of ours goes
// first.
func TestDropOld(t *testing.T) {
	l := loginsOf(t, newKey(), "mine")
	r := httptest.NewRequest("GET", "/auth/login", nil)
	var names []string
	for i := range 5 {
		f := &loginflow.Flow{State: cookie.Random(), Nonce: "n", Verifier: "v", ReturnTo: "/app/",
			Begun: time.UnixMilli(1e12).Add(time.Duration(i) * time.Minute)}
		rec := httptest.NewRecorder()
		if err := l.Save(rec, httptest.NewRequest("GET", "/", nil), f); err != nil {
			t.Fatal(err)
		}
		set := strings.Split(rec.Header().Get("Set-Cookie"), ";")[0]
		name, _, _ := strings.Cut(set, "=")
		names = append(names, name)
		r.Header.Add("Cookie", set)
	}
	dropped := func(r *http.Request) (all []string) {
		w := httptest.NewRecorder()
		l.DropOld(w, r)
		for _, c := range w.Result().Cookies() {
			if c.MaxAge >= 0 {
				t.Errorf("%v is kept", c)
			}
			all = append(all, c.Name)
		}
		return all
	}
	if got := fmt.Sprint(dropped(r)); got != fmt.Sprint(names[:1]) {
		t.Errorf("dropped %s of %s", got, names)
	}
	junk := "__Host-tandem-login-" + strings.Repeat("j", 12)
	r.Header.Add("Cookie", junk+"=x")
	if got := fmt.Sprint(dropped(r)); got != fmt.Sprint([]string{names[0], junk}) {
		t.Errorf("dropped %s of %s", got, names)
	}
}

// A log-in that another site starts is for this issuer, and nothing stands twice in it
// (OpenID Connect Core 1.0 §4).
func TestThirdPartyRead(t *testing.T) {
	app, err := site.New("https://notes.example/app", nil, "/auth", nil)
	if err != nil {
		t.Fatal(err)
	}
	third := &loginflow.ThirdParty{Issuer: "https://idp.example", Names: []string{"ui_locales"}, Site: app}
	read := func(query string) (url.Values, string, error) {
		q, _ := url.ParseQuery(query)
		return third.Read(httptest.NewRequest("GET", "https://notes.example/auth/login", nil), q)
	}
	q, hint, err := read("iss=https://idp.example&login_hint=ada&ui_locales=de&acr_values=x" +
		"&target_link_uri=https://notes.example/app/x")
	if err != nil || hint != "ada" || q.Get("return_to") != "/app/x" || q.Get("ui_locales") != "de" ||
		q.Has("acr_values") || q.Get("iss") != "https://idp.example" {
		t.Errorf("%v, %q, %v", q, hint, err)
	}
	for _, query := range []string{"", "iss=https://evil.example", "iss="} {
		if _, _, err := read(query); !errors.Is(err, loginflow.ErrElsewhere) {
			t.Errorf("%q: %v", query, err)
		}
	}
	for _, query := range []string{"iss=https://idp.example&iss=https://idp.example",
		"iss=https://idp.example&login_hint=a&login_hint=b",
		"iss=https://idp.example&target_link_uri=/a&target_link_uri=/b"} {
		if _, _, err := read(query); err == nil || errors.Is(err, loginflow.ErrElsewhere) {
			t.Errorf("%q: %v", query, err)
		}
	}
}

// The form of another site becomes an address: what may stand in it, and not without bounds.
func TestThirdPartyByGet(t *testing.T) {
	app, err := site.New("https://notes.example/app", nil, "/auth", nil)
	if err != nil {
		t.Fatal(err)
	}
	third := &loginflow.ThirdParty{Issuer: "https://idp.example", Names: []string{"ui_locales"}, Site: app}
	most := strings.Repeat("x", 2_048)
	to := third.ByGet(url.Values{"iss": {"https://idp.example"}, "target_link_uri": {most}, "login_hint": {most + "x"},
		"ui_locales": {"de"}, "prompt": {"login"}})
	want := url.Values{"iss": {"https://idp.example"}, "target_link_uri": {most}, "ui_locales": {"de"}}
	if to != "/app/auth/login?"+want.Encode() {
		t.Errorf("%.200s", to)
	}
}

// A fragment can get lost where a browser navigates to a log-in that says where to lead.
func TestLosesFragment(t *testing.T) {
	for query, want := range map[string]bool{
		"return_to=/app/x":             true,
		"":                             false,
		"return_to=/app/x&fragment=":   false,
		"return_to=/app/x&fragment=a":  false,
		"return_to=/app/x&iss=https:x": false,
		"iss=https:x":                  false,
		"fragment=a":                   false,
		"return_to=/app/x%23a":         false,
		"return_to=" + strings.Repeat("x", 8<<10-len("return_to=")):   true,
		"return_to=" + strings.Repeat("x", 8<<10-len("return_to=")+1): false,
	} {
		r := httptest.NewRequest("GET", "/auth/login?"+query, nil)
		if loginflow.LosesFragment(r, r.URL.Query()) {
			t.Errorf("%.60s: a script's log-in", query)
		}
		r.Header.Set("Accept", "text/html")
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		r.Header.Set("Sec-Fetch-Dest", "document")
		if got := loginflow.LosesFragment(r, r.URL.Query()); got != want {
			t.Errorf("%.60s: %v", query, got)
		}
	}
}

// What is no key is refused.
func TestLoginsNeedKeys(t *testing.T) {
	if _, err := loginflow.New(loginflow.Config{Keys: [][]byte{make([]byte, 5)}, Owner: []byte("mine")}); err == nil {
		t.Error("a key of 5 bytes is taken")
	}
}

// What a log-in has asked for, the session has to have.
func TestMetBy(t *testing.T) {
	now := time.UnixMilli(1e12)
	gold, minute := loginflow.Wish{ACR: []string{"gold", "silver"}}, loginflow.Wish{Age: time.Minute}
	for _, tc := range []struct {
		name string
		wish loginflow.Wish
		acr  string
		at   time.Time
		want bool
	}{
		{"nothing was asked for", loginflow.Wish{}, "", time.Time{}, true},
		{"the second best", gold, "silver", time.Time{}, true},
		{"another one", gold, "bronze", time.Time{}, false},
		{"none", gold, "", time.Time{}, false},
		{"just in time", minute, "", now.Add(-70 * time.Second), true},
		{"too long ago", minute, "", now.Add(-70*time.Second - 1), false},
		{"nobody knows when", minute, "", time.Time{}, false},
	} {
		if got := tc.wish.MetBy(tc.acr, tc.at, now, 10*time.Second); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}

// A wish travels sealed in an address, unless it is too large.
func TestMore(t *testing.T) {
	l, others := loginsOf(t, newKey(), "mine"), loginsOf(t, newKey(), "mine")
	if more, ok := l.More(loginflow.Wish{}); more != "" || !ok {
		t.Errorf("%q, %v", more, ok)
	}
	want := loginflow.Wish{ACR: []string{"gold"}, Round: 2}
	more, ok := l.More(want)
	sealed, found := strings.CutPrefix(more, "&wish=")
	if got := l.OpenWish(sealed); !ok || !found || got.Text() != want.Text() {
		t.Errorf("%q, %v: %s", more, ok, got.Text())
	}
	if got := others.OpenWish(sealed); !got.IsEmpty() {
		t.Errorf("another client reads %s", got.Text())
	}
	if _, ok := l.More(loginflow.Wish{Scopes: []string{strings.Repeat("x", loginflow.MaxWish)}}); ok {
		t.Error("a wish that is too large travels")
	}
}

// RFC 6749 §3.1: no parameter stands twice, in an address or a form, and a form is bounded.
func TestCallbackParams(t *testing.T) {
	for _, tc := range []struct {
		method, query, form string
		want                string // of code; "-": refused
	}{
		{"GET", "code=a&state=s", "", "a"},
		{"GET", "code=a&code=a", "", "-"},
		{"GET", "state=s", "", ""},
		{"POST", "", "code=a", "a"},
		{"POST", "code=b", "code=a", "a"},
		{"POST", "", "code=a&code=b", "-"},
		{"POST", "", "code=" + strings.Repeat("x", 64<<10), "-"},
		{"POST", "", "code=%zz", "-"},
	} {
		r := httptest.NewRequest(tc.method, "/auth/callback?"+tc.query, strings.NewReader(tc.form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		got, err := loginflow.CallbackParams(httptest.NewRecorder(), r)
		if (err != nil) != (tc.want == "-") || err == nil && got.Get("code") != tc.want {
			t.Errorf("%s ?%s, %.30s: %v, %v", tc.method, tc.query, tc.form, got, err)
		}
	}
}
