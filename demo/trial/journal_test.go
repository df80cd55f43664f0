package trial

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp/reason"
)

// What is concluded from what passes, and what is not.
func TestConclusions(t *testing.T) {
	const w = time.Minute
	const ok, bad, unauthorized = 200, 400, 401
	type step func(j *journal, wait func(time.Duration))
	login := func(j *journal, _ func(time.Duration)) { j.loggedIn("s1") }
	anew := func(j *journal, _ func(time.Duration)) { j.loggedIn("s2") }
	wait := func(d time.Duration) step { return func(_ *journal, wait func(time.Duration)) { wait(d) } }
	call := func(how string, status int, code string) step {
		return func(j *journal, _ func(time.Duration)) { j.called(how, status, code) }
	}
	ask := func(code string) step { return func(j *journal, _ func(time.Duration)) { j.asked(code) } }
	tokenOf := func(sid string) step {
		return func(j *journal, _ func(time.Duration)) { j.logoutToken(ok, sid, time.Time{}) }
	}
	issued := func(ago time.Duration) step { // without sid
		return func(j *journal, _ func(time.Duration)) { j.logoutToken(ok, "", j.now().Add(-ago)) }
	}
	token := func(status int) step {
		return func(j *journal, _ func(time.Duration)) { j.logoutToken(status, "s1", time.Time{}) }
	}
	leave := func(j *journal, _ func(time.Duration)) { j.ended("s1", reason.UserLogout) }
	asksRefresh := func(status int, code string) step { // as the wire does
		return func(j *journal, _ func(time.Duration)) {
			if !j.asksRefresh() || j.asksRefresh() {
				t.Error("a refresh is asked for not at all, or more than once")
			}
			j.afterEnd(status, code)
		}
	}
	busy := func(how string) step { // active for 2 W
		return func(j *journal, wait func(time.Duration)) {
			for range 6 {
				wait(20 * time.Second)
				j.called(how, ok, "")
			}
		}
	}
	for name, c := range map[string]struct {
		window time.Duration
		steps  []step
		want   string // id=answer …; all others unseen
		text   string // in one of the answers
	}{
		"nothing": {w, nil, "", ""},
		"refresh extends": {w, []step{login, busy("refresh"), ask("")}, "sid=yes refresh=yes",
			"only refreshes told the IdP"},
		"userinfo extends": {w, []step{login, busy("userinfo"), ask("")}, "sid=yes userinfo=yes", ""},
		"which of the two": {w, []step{login, busy("userinfo"), busy("refresh"), ask("")}, "sid=yes", ""},
		"asked too early": {w, []step{login, wait(20 * time.Second), call("refresh", ok, ""), ask("")}, "sid=yes",
			""},
		"the window is longer": {w, []step{login, wait(2 * w), call("refresh", ok, ""), ask("")}, "sid=yes", ""},
		"no window given":      {0, []step{login, busy("refresh"), ask("")}, "sid=yes", "give it in the form"},
		// An expired cookie is not taken for the session's end: a refused refresh proves it.
		"login_required after refreshes": {w, []step{login, busy("refresh"), ask("login_required")},
			"sid=yes after=yes", "Perhaps only the browser's cookie had run out"},
		"and a refresh is refused": {w, []step{login, busy("refresh"), ask("login_required"),
			asksRefresh(bad, "invalid_grant")}, "sid=yes refresh=no refused=yes expiry=no after=yes",
			"a refresh was refused, too"},
		"and a refresh succeeds": {w, []step{login, busy("refresh"), ask("login_required"),
			asksRefresh(ok, "")}, "sid=yes after=yes", "A refresh succeeded after login_required"},
		"the cookie alone had run out": {w, []step{login, busy("refresh"), ask("login_required"),
			asksRefresh(ok, ""), wait(w), tokenOf("s1")}, "sid=yes expiry=yes after=yes", ""},
		"run out, and a refresh succeeds": {w, []step{login, wait(2 * w), ask("login_required"), asksRefresh(ok, "")},
			"sid=yes refused=no expiry=no after=yes", "the tokens live on"},
		"a refresh after a silent window": {w, []step{login, wait(2 * w), call("refresh", ok, ""),
			ask("login_required")}, "sid=yes refresh=no refused=no expiry=no after=yes",
			"when the session had run out"},
		"userinfo outlives the session": {w, []step{login, busy("userinfo"), ask("login_required"), anew, wait(2 * w),
			call("userinfo", ok, ""), ask("login_required")}, "sid=yes userinfo=no expiry=no after=yes", ""},
		"it extends nothing it outlives": {w, []step{login, busy("refresh"), ask("login_required"), asksRefresh(ok, ""),
			anew, wait(2 * w), call("refresh", ok, ""), ask("login_required")},
			"sid=yes refresh=no refused=no expiry=no after=yes", ""},
		"the person is wanted there": {w, []step{login, wait(2 * w), ask("consent_required"),
			ask("interaction_required")}, "sid=yes", ""},
		"trouble after the end": {w, []step{login, wait(2 * w), ask("login_required"), asksRefresh(503, "")},
			"sid=yes expiry=no after=yes", ""},

		"refused refresh": {w, []step{login, wait(2 * w), call("refresh", bad, "invalid_grant")},
			"sid=yes expiry=no refused=yes after=yes", "Refresh: 400 invalid_grant"},
		"refused with 403": {w, []step{login, wait(2 * w), call("refresh", 403, "invalid_grant")},
			"sid=yes expiry=no refused=yes after=yes", "Refresh: 403 invalid_grant"},
		"refused userinfo": {w,
			[]step{login, wait(2 * w), call("userinfo", unauthorized, "invalid_token")}, "sid=yes expiry=no after=yes",
			"401 invalid_token"},
		"trouble is no end": {w, []step{login, wait(2 * w), call("refresh", 503, ""),
			call("refresh", bad, "invalid_client"), call("refresh", 401, "invalid_client")}, "sid=yes", ""},
		"prompt=none: trouble is no end": {w, []step{login, wait(2 * w), ask("temporarily_unavailable")}, "sid=yes",
			""},
		"token at expiry": {w, []step{login, wait(w + 2*time.Second), token(ok)}, "sid=yes expiry=yes",
			""},
		"token after the last refresh": {w, []step{login, busy("refresh"), wait(w + 2*time.Second), token(ok)},
			"sid=yes expiry=yes", "after the last activity"},
		"token a window after the log-in": {w, []step{login, wait(40 * time.Second), call("refresh", ok, ""),
			wait(22 * time.Second), token(ok)}, "sid=yes expiry=yes refresh=no", "after the last visit"},
		"token within the window": {w, []step{login, wait(20 * time.Second), token(ok)}, "sid=yes logout=yes",
			"ended elsewhere"},
		// IdPs count whole seconds: what is a little early has run out all the same.
		"token a second early": {w, []step{login, wait(w - 1500*time.Millisecond), token(ok)}, "sid=yes expiry=yes",
			""},
		"over a second early": {w, []step{login, wait(w - 1500*time.Millisecond),
			call("refresh", bad, "invalid_grant")}, "sid=yes expiry=no refused=yes after=yes", ""},
		"a cookie a second early": {w, []step{login, wait(w - 1500*time.Millisecond), ask("login_required")},
			"sid=yes expiry=no after=yes", ""},
		"a token minutes late": {w, []step{login, wait(10 * w), token(ok)}, "sid=yes expiry=yes",
			"10m0s after the last activity"},
		// A former session's token says nothing of the present one.
		"a former session's token": {w, []step{login, wait(40 * time.Second), anew, wait(25 * time.Second),
			tokenOf("s1"), wait(30 * time.Second), call("refresh", ok, ""), wait(20 * time.Second), ask("")},
			"sid=yes expiry=yes refresh=yes", ""},
		"a former session's logout": {w, []step{login, wait(5 * time.Second), leave, anew, wait(2 * time.Second),
			tokenOf("s1"), wait(2 * w), ask("login_required")}, "sid=yes logout=yes expiry=no after=yes",
			"after the log-out in this app"},
		"a stranger's session": {w, []step{login, wait(2 * w), tokenOf("s9"), ask("login_required")},
			"sid=yes expiry=no after=yes", ""},
		"a former one's, without sid": {w, []step{login, leave, wait(5 * time.Second), anew, wait(40 * time.Second),
			issued(42 * time.Second), wait(w), ask("login_required")}, "sid=yes logout=yes expiry=no after=yes", ""},
		"this one's, without sid": {w, []step{login, wait(20 * time.Second), anew, wait(20 * time.Second),
			issued(0)}, "sid=yes logout=yes", "20s after the last activity"},
		"token at a log-out here": {w, []step{login, wait(2 * w), leave, wait(time.Second), token(ok)},
			"sid=yes logout=yes", "after the log-out in this app"},
		"token before the event": {w, []step{login, wait(20 * time.Second), token(ok), leave}, "sid=yes logout=yes",
			""},
		"no token at a log-out here": {w, []step{login, leave, wait(11 * time.Second)}, "sid=yes",
			"Some IdPs spare the app that asked"},
		"a token late": {w, []step{login, wait(2 * w), ask("login_required"), wait(time.Second),
			token(ok)}, "sid=yes expiry=yes after=yes", ""},
		"a token that is none": {w, []step{login, wait(2 * w), token(bad)}, "sid=yes logout=no",
			"could not be believed (400)"},
		"ended at the IdP, no token": {w, []step{login, wait(20 * time.Second), call("refresh", bad, "invalid_grant")},
			"sid=yes logout=no refused=yes after=yes", "within its window"},
		"or the cookie was lost": {w, []step{login, wait(20 * time.Second), ask("login_required")},
			"sid=yes after=yes", ""},
		"it extends, and was ended": {w, []step{login, busy("refresh"), ask(""), busy("refresh"),
			call("refresh", bad, "invalid_grant")}, "sid=yes refresh=yes refused=yes logout=no after=yes", ""},
		"two log-ins": {w, []step{login, wait(50 * time.Second), login, wait(20 * time.Second), call("refresh", ok, ""),
			call("refresh", bad, "invalid_grant")}, "sid=yes logout=no refused=yes after=yes", ""},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
			j := &journal{window: c.window, now: func() time.Time { return now }}
			for _, s := range c.steps {
				s(j, func(d time.Duration) { now = now.Add(d) })
			}
			want := map[string]string{}
			for _, pair := range strings.Fields(c.want) {
				id, answer, _ := strings.Cut(pair, "=")
				want[id] = answer
			}
			all := ""
			for _, a := range j.answers() {
				all += a.Text + "\n"
				if w := want[a.ID]; a.Answer != w && (w != "" || a.Answer != "unseen") {
					t.Errorf("%s: %s (%s), want %q", a.ID, a.Answer, a.Text, w)
				}
			}
			if !strings.Contains(all, c.text) {
				t.Errorf("%q is not in\n%s", c.text, all)
			}
		})
	}
}

// Nothing that an IdP sends as an error code is shown unless it looks like one.
func FuzzCode(f *testing.F) {
	f.Add("invalid_grant")
	f.Add("<script>")
	f.Fuzz(func(t *testing.T, s string) {
		if got := code(s); got != "" && got != "an unreadable error" && !plain.MatchString(got) {
			t.Errorf("%q", got)
		}
		if got := challenge(`Bearer error="` + s + `"`); len(got) > 60 {
			t.Errorf("%q", got)
		}
	})
}

// Nothing that is sent as a logout token can do more than name no session; the library reads
// the same body afterwards.
func FuzzAbout(f *testing.F) {
	f.Add("logout_token=" + "e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"sid":"s1","iat":1700000000}`)) +
		".x")
	f.Add("logout_token=e30.e30.x&logout_token=%zz")
	f.Add(strings.Repeat("a", maxLogout+10))
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		a := aboutWhich(r)
		left, err := io.ReadAll(r.Body)
		if err != nil || string(left) != body {
			t.Errorf("%d bytes of %d are left: %v", len(left), len(body), err)
		}
		if y := a.issued.Year(); y < 1 || y > 9999 {
			t.Errorf("%v", a.issued)
		}
	})
}

// A logout token names its session.
func TestAboutWhich(t *testing.T) {
	jwt := func(payload string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".x"
	}
	for token, want := range map[string]about{
		jwt(`{"sid":"s1","iat":1700000000}`): {"s1", time.Unix(1700000000, 0)},
		jwt(`{"sub":"ada","iat":1e300}`):     {},
		jwt(`{"sid":5}`):                     {},
		jwt(`no JSON`):                       {},
		"e30.!.x":                            {},
		"a.b.c.d.e":                          {}, // encrypted
		"":                                   {},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
		if got := aboutWhich(r); got != want {
			t.Errorf("%s: %+v, want %+v", token, got, want)
		}
	}
}
