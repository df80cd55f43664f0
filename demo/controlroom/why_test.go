package controlroom

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/system"
)

// “Why was I logged out?” is answered from the timeline: the cause, who knew first, how long
// each app took, and the setting.
func TestExplain(t *testing.T) {
	begin := time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)
	var all []system.Event
	at := func(d time.Duration, e system.Event) {
		e.ID, e.At, e.Subject = int64(len(all)+1), begin.Add(d), "ada"
		if e.From != system.Naive {
			e.SID = "s1"
		}
		all = append(all, e)
	}
	signIn := func() {
		all = nil
		at(0, system.Event{Kind: system.Login, From: system.Person, To: system.IdP})
		for _, app := range system.Apps() {
			at(0, system.Event{Kind: system.Login, From: system.Person, To: app, Session: app + "1"})
		}
	}
	over := func(d time.Duration, app, reason string) {
		e := system.Event{Kind: system.Ended, From: app, Reason: reason, Text: "because of " + reason}
		if app != system.IdP {
			e.Session = app + "1"
		}
		at(d, e)
	}
	active := func(d time.Duration, app string) {
		at(d, system.Event{Kind: system.Active, From: system.Person, To: app})
	}
	told := func(d time.Duration, app string) {
		at(d, system.Event{Kind: system.Told, From: app, To: system.IdP})
	}
	usual := system.Settings{IdPIdle: 2 * time.Minute, IdPAbsolute: time.Hour, Absolute: 8 * time.Hour,
		Idle: 20 * time.Second, SignalEvery: 24 * time.Second, TrustFor: 30 * time.Second}
	like := ""

	for _, row := range []struct {
		name                  string
		play                  func() // the last event is the end that is asked about
		cause, first, setting string
		took                  string // joined
	}{
		{"nobody was active", func() {
			signIn()
			active(time.Minute, system.Notes)
			told(time.Minute, system.Notes)
			over(3*time.Minute, system.IdP, "idle")
			over(3*time.Minute, system.Notes, "backchannel_logout")
			over(3*time.Minute+40*time.Second, system.Reports, "api_unauthorized")
			over(3*time.Minute, system.Wiki, "backchannel_logout")
		}, "because of idle", "IdP, at 08:03:00.", "Idle window of the IdP (W)”, now 2 min: nobody was active",
			"Notes at once: a logout token told it. Reports after 40 s: its API answered 401, and the IdP confirmed " +
				"it. Wiki at once: a logout token told it."},
		{"the last click was not reported", func() {
			signIn()
			told(time.Minute, system.Notes)
			active(time.Minute+20*time.Second, system.Notes)
			over(3*time.Minute, system.IdP, "idle")
		}, "because of idle", "IdP", "“Report the last activity, too” (Config.TrailingSignal): the last click, in " +
			"Notes, came 20 s after the last report", "Wiki does not know yet"},
		{"active where nothing is told", func() {
			signIn()
			active(time.Minute, system.Wiki)
			over(2*time.Minute, system.IdP, "idle")
		}, "because of idle", "IdP", "Config.SilentCheck", ""},
		{"the longest session", func() {
			signIn()
			over(time.Hour, system.IdP, "absolute")
		}, "because of absolute", "IdP", "“Longest session at the IdP”, now 1 h", ""},
		{"logged out elsewhere", func() {
			signIn()
			over(time.Minute, system.Wiki, "user_logout")
			over(time.Minute, system.IdP, "logout")
			over(time.Minute, system.Notes, "backchannel_logout")
		}, "because of user_logout", "Wiki, at 08:01:00.", "None: somebody wanted this end.",
			"Notes at once: a logout token told it. Reports does not know yet"},
		{"an administrator, and a lost logout token", func() {
			signIn()
			over(time.Minute, system.IdP, "admin")
			over(time.Minute+30*time.Second, system.Notes, "refresh_rejected")
		}, "because of admin", "IdP", "shorter “Report activity every (δ)” (Config.SignalEvery), now 24 s",
			"Notes after 30 s: it wanted to report activity"},
		{"an app's own idle limit", func() {
			signIn()
			over(time.Minute, system.Reports, "idle")
		}, "because of idle", "Reports", "“Idle limit of the apps” (Config.Idle), now 20 s",
			"Notes was not concerned: this was an end in Reports alone."},
		{"an app's longest session", func() {
			signIn()
			over(8*time.Hour, system.Notes, "absolute")
		}, "because of absolute", "Notes", "(Config.Absolute), now 8 h", ""},
		{"support ended one app's sessions", func() {
			signIn()
			over(time.Minute, system.Reports, "admin")
		}, "because of admin", "Reports", "None: somebody wanted this end.", "Wiki was not concerned"},
		{"Entra ID: nobody was told, Wiki has asked", func() {
			like = "entra"
			signIn()
			over(time.Minute, system.IdP, "admin")
			over(2*time.Minute, system.Wiki, "unconfirmed")
		}, "because of admin", "IdP", "With a shorter “Trust for” (Config.TrustFor), now 30 s, the app would have " +
			"known sooner; an IdP like entra sends no logout tokens.",
			"Notes does not know yet: nobody told it, and nobody was active there since. Reports does not know yet: " +
				"nobody told it, and nobody was active there since. Wiki after 1 min: it asked in the background"},
		{"Keycloak: the refresh token of a quiet app has run out", func() {
			like = "keycloak"
			signIn()
			over(time.Minute, system.Naive, "invalid_grant")
		}, "The session at the IdP lives: an IdP like keycloak ends an app's refresh token 2 min after this app's " +
			"own last refresh.", "Nobody else", "None. It refreshes", ""},
		{"the app without the library", func() {
			signIn()
			over(time.Minute, system.Naive, "invalid_grant")
		}, "invalid_grant", "Nobody else", "None. It refreshes", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			like = ""
			row.play()
			settings := usual
			settings.Like = like
			end := all[len(all)-1]
			got, ok := explain(all, end.ID, settings)
			if !ok {
				t.Fatal("no answer")
			}
			var lines []string
			for _, one := range got.Took {
				lines = append(lines, one.App+" "+one.Text)
			}
			took := strings.Join(lines, " ")
			for _, part := range [][2]string{{got.Cause, row.cause}, {got.First, row.first}, {got.Setting, row.setting},
				{took, row.took}} {
				if !strings.Contains(part[0], part[1]) {
					t.Errorf("%q, want %q", part[0], part[1])
				}
			}
		})
	}
	signIn()
	if _, ok := explain(all, 1, usual); ok {
		t.Error("a log-in was explained as an end")
	}
	if _, ok := explain(all, 99, usual); ok || slices.ContainsFunc(all, func(e system.Event) bool {
		return e.ID == 99
	}) {
		t.Error("what is not there was explained")
	}
}
