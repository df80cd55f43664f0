package trial

import (
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
	login := func(j *journal, _ func(time.Duration)) { j.loggedIn(true) }
	wait := func(d time.Duration) step { return func(_ *journal, wait func(time.Duration)) { wait(d) } }
	call := func(how string, status int, code string) step {
		return func(j *journal, _ func(time.Duration)) { j.called(how, status, code) }
	}
	ask := func(code string) step { return func(j *journal, _ func(time.Duration)) { j.asked(code) } }
	token := func(status int) step { return func(j *journal, _ func(time.Duration)) { j.logoutToken(status) } }
	leave := func(j *journal, _ func(time.Duration)) { j.ended(reason.UserLogout) }
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
		"nothing":                         {w, nil, "", ""},
		"refresh extends":                 {w, []step{login, busy("refresh"), ask("")}, "sid=yes refresh=yes", "only refreshes told the IdP"},
		"userinfo extends":                {w, []step{login, busy("userinfo"), ask("")}, "sid=yes userinfo=yes", ""},
		"which of the two":                {w, []step{login, busy("userinfo"), busy("refresh"), ask("")}, "sid=yes", ""},
		"asked too early":                 {w, []step{login, wait(20 * time.Second), call("refresh", ok, ""), ask("")}, "sid=yes", ""},
		"the window is longer":            {w, []step{login, wait(2 * w), call("refresh", ok, ""), ask("")}, "sid=yes", ""},
		"no window given":                 {0, []step{login, busy("refresh"), ask("")}, "sid=yes", "give it in the form"},
		"refresh does not extend":         {w, []step{login, busy("refresh"), ask("login_required")}, "sid=yes refresh=no expiry=no after=yes", "prompt=none: login_required"},
		"refused refresh":                 {w, []step{login, wait(2 * w), call("refresh", bad, "invalid_grant")}, "sid=yes expiry=no after=yes", "Refresh: 400 invalid_grant"},
		"refused userinfo":                {w, []step{login, wait(2 * w), call("userinfo", unauthorized, "invalid_token")}, "sid=yes expiry=no after=yes", "401 invalid_token"},
		"trouble is no end":               {w, []step{login, wait(2 * w), call("refresh", 503, ""), call("refresh", bad, "invalid_client"), call("refresh", 401, "invalid_client")}, "sid=yes", ""},
		"prompt=none: trouble is no end":  {w, []step{login, wait(2 * w), ask("temporarily_unavailable")}, "sid=yes", ""},
		"token at expiry":                 {w, []step{login, wait(w + 2*time.Second), token(ok)}, "sid=yes expiry=yes", ""},
		"token after the last refresh":    {w, []step{login, busy("refresh"), wait(w + 2*time.Second), token(ok)}, "sid=yes expiry=yes", "after the last activity"},
		"token a window after the log-in": {w, []step{login, wait(40 * time.Second), call("refresh", ok, ""), wait(22 * time.Second), token(ok)}, "sid=yes expiry=yes refresh=no", "after the last visit"},
		"token within the window":         {w, []step{login, wait(20 * time.Second), token(ok)}, "sid=yes logout=yes", "ended elsewhere"},
		"token at a logout here":          {w, []step{login, wait(2 * w), leave, wait(time.Second), token(ok)}, "sid=yes logout=yes", "after the logout in this app"},
		"token before the event":          {w, []step{login, wait(20 * time.Second), token(ok), leave}, "sid=yes logout=yes", ""},
		"no token at a logout here":       {w, []step{login, leave, wait(11 * time.Second)}, "sid=yes", "Some IdPs spare the app that asked"},
		"a token late":                    {w, []step{login, wait(2 * w), ask("login_required"), wait(time.Second), token(ok)}, "sid=yes expiry=yes after=yes", ""},
		"a token that is none":            {w, []step{login, wait(2 * w), token(bad)}, "sid=yes logout=no", "could not be believed (400)"},
		"ended at the IdP, no token":      {w, []step{login, wait(20 * time.Second), ask("login_required")}, "sid=yes logout=no after=yes", "within its window"},
		"it extends, and was ended":       {w, []step{login, busy("refresh"), ask(""), busy("refresh"), ask("login_required")}, "sid=yes refresh=yes logout=no after=yes", ""},
		"two log-ins":                     {w, []step{login, wait(50 * time.Second), login, wait(20 * time.Second), call("refresh", ok, ""), ask("login_required")}, "sid=yes logout=no after=yes", ""},
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
