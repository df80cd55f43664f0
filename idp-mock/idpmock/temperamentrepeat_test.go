package idpmock_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// Dex, measured and read (server/tokens/refresh_store.go, Rotate): for 3 s after a refresh token
// has come, a refresh brings that one again, and the one before it brings it, too. Then a refresh
// brings a new one, and the one before is refused.
func TestRepeatInGrace(t *testing.T) {
	like(t, "dex", nil, func(t *testing.T, w *world) {
		first := w.enter(w.Browser("ada"), "notes").text("refresh_token")
		refresh := func(token string) string {
			t.Helper()
			a := w.refresh("notes", token)
			if a.status == http.StatusOK {
				return a.text("refresh_token")
			}
			refused(t, a, 400, "Refresh token is invalid or has already been claimed by another client.")
			return "refused"
		}
		is := func(when, got, want string) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %.12s, want %.12s", when, got, want)
			}
		}
		is("at once after the log-in", refresh(first), first)
		time.Sleep(2 * time.Second)
		is("2 s after the log-in", refresh(first), first)
		time.Sleep(time.Second)
		second := refresh(first)
		if second == first || second == "refused" {
			t.Fatalf("3 s after the log-in: %.12s", second)
		}
		is("the new one at once", refresh(second), second)
		is("the old one at once", refresh(first), second)
		time.Sleep(2 * time.Second)
		is("the old one 2 s later", refresh(first), second)
		time.Sleep(time.Second)
		is("the old one 3 s later", refresh(first), "refused")
		third := refresh(second)
		if third == second || third == "refused" {
			t.Errorf("3 s after the rotation: %.12s", third)
		}
		is("the one before the last", refresh(second), third)
		is("the first of three", refresh(first), "refused")
	})
}

// The option alone, with the time from Config and with none.
func TestRepeatInGraceOption(t *testing.T) {
	for grace, same := range map[time.Duration]bool{0: false, time.Minute: true} {
		inBubble(t, func(c *idpmock.Config) {
			c.RefreshReuseGrace, c.Temperament.RepeatInGrace = grace, true
		}, func(t *testing.T, w *world) {
			token := w.login(w.Browser("ada"), "notes").text("refresh_token")
			a := w.refresh("notes", token)
			if a.status != http.StatusOK || (a.text("refresh_token") == token) != same {
				t.Errorf("grace %v: %v", grace, a)
			}
		})
	}
}
