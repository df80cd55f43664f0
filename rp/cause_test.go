package rp_test

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/adapter"
	"github.com/tandem-sso/tandem/rp/reason"
)

// The IdP says that its session has ended because nobody was active: page, script, status,
// stream, log and event say so beside the literal reason. What the IdP does not say the
// app does not make up: it says how long nobody was active here.
func TestCauseOfAnEnd(t *testing.T) {
	const (
		inactive = "You were not active in any application for a while."
		quiet    = "Nobody was active here for 15 minutes."
	)
	for name, row := range map[string]struct {
		mute  bool
		end   func(w *world, v *visitor)
		cause reason.EndCause
		page  string
	}{
		"nobody was active": {false, func(*world, *visitor) {
			time.Sleep(20 * time.Minute)
		}, reason.Inactivity, inactive},
		"and the IdP does not say so": {true, func(*world, *visitor) { time.Sleep(20 * time.Minute) }, "",
			"your log-in service has ended your session. " + quiet},
		"an administrator": {false, func(w *world, v *visitor) {
			if err := w.idp.EndSession(v.session().SID); err != nil {
				w.Fatal(err)
			}
		}, "", "your log-in service has ended your session.</p>"},
	} {
		t.Run(name, func(t *testing.T) {
			s := setup{kind: rp.NoToken, idp: func(c *idpmock.Config) {
				c.ExpiredSessionsTriggerBackchannelLogout, c.SweepEvery = true, time.Second
				c.IdleWindow = 15 * time.Minute
				c.Temperament.NoLogoutReason = row.mute
			}}
			inBubble(t, s, func(t *testing.T, w *world) {
				v := w.person()
				row.end(w, v)
				w.idp.Settle()
				synctest.Wait()
				if got := v.status(); got.State != "ended" || got.Reason != reason.BackchannelLogout ||
					got.Cause != row.cause {
					t.Errorf("%+v", got)
				}
				var p adapter.Problem
				if a := v.fetch("/private"); json.Unmarshal([]byte(a.body), &p) != nil ||
					p.Reason != reason.BackchannelLogout || p.Cause != row.cause {
					t.Errorf("a script: %v", a)
				}
				a := v.do("GET", "/private", nil, with(navigating, "Sec-Fetch-Site", "same-origin")) // by itself
				if a.status != http.StatusUnauthorized || !strings.Contains(a.body, row.page) {
					t.Errorf("want %q: %v", row.page, a)
				}
				w.expectEnds(reason.BackchannelLogout)
				if got := w.ends[0].Cause; got != row.cause {
					t.Errorf("the event says %q", got)
				}
				if w.log.has("cause=inactivity") != (row.cause != "") {
					t.Errorf("the log:\n%s", w.log)
				}
			})
		})
	}
}

// A hint that is no text, or nobody knows, spoils no log-out and is not repeated.
func TestStrangeCauses(t *testing.T) {
	for _, said := range []string{`5`, `{"a":1}`, `null`, `"<b>"`, `"` + strings.Repeat("x", 5000) + `"`} {
		var v any
		if err := json.Unmarshal([]byte(said), &v); err != nil {
			t.Fatal(err)
		}
		if got := rp.CauseOf(said); got != "" {
			t.Errorf("%.20s is %q", said, got)
		}
	}
	for _, said := range []string{"idle", "Idle", "inactivity", "IDLE_TIMEOUT", "SessionExpiration"} {
		if got := rp.CauseOf(said); got != reason.Inactivity {
			t.Errorf("%s is %q", said, got)
		}
	}
}

var everyReason = []reason.Reason{reason.UserLogout, reason.Idle, reason.Absolute, reason.IdPCeiling,
	reason.RefreshRejected, reason.APIUnauthorized, reason.BackchannelLogout,
	reason.FrontchannelLogout, reason.Replaced, reason.SessionLimit, reason.Admin, reason.OtherSubject,
	reason.Unconfirmed}

// The pages of the library and session.js say the same.
func TestReasonsInTheSameWords(t *testing.T) {
	script, err := os.ReadFile("internal/asset/session.js")
	if err != nil {
		t.Fatal(err)
	}
	words := map[string]string{}
	for _, m := range regexp.MustCompile(`'ended-(\w+)': '([^']*)'`).FindAllStringSubmatch(string(script), -1) {
		words[m[1]] = m[2]
	}
	for _, r := range everyReason {
		if got := rp.ReasonText(r, ""); words[string(r)] != got {
			t.Errorf("%s: %q, session.js says %q", r, got, words[string(r)])
		}
		delete(words, string(r))
	}
	if got := rp.ReasonText(reason.BackchannelLogout, reason.Inactivity); words["inactivity"] != got {
		t.Errorf("inactivity: %q, session.js says %q", got, words["inactivity"])
	}
	delete(words, "inactivity")
	delete(words, "title")
	if len(words) > 0 {
		t.Errorf("session.js speaks of %v too", words)
	}
}
