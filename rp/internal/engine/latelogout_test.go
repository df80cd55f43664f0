package engine

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/logouttoken"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/store"
)

// A log-out waits once, however often the IdP sends it, and after it is done it may come again.
// More than there is room for do not wait, and are told.
func TestLateLogouts(t *testing.T) {
	l := &lateLogouts{}
	take := func(n int, mine, full bool) {
		t.Helper()
		which := lateLogout{sid: "s", subject: "ada", issued: int64(n)}
		if m, f := l.take(which); m != mine || f != full {
			t.Errorf("logout %d: waits %v, no room %v", n, m, f)
		}
	}
	take(0, true, false)
	take(0, false, false)
	for n := 1; n < lateLogoutsMost; n++ {
		take(n, true, false)
	}
	take(lateLogoutsMost, false, true)
	take(0, false, false) // it waits, so it is not lost
	l.leave(lateLogout{"s", "ada", 0})
	take(lateLogoutsMost, true, false)
	take(0, false, true)
}

// What the Store keeps of the IdP counts for 24 hours, and never comes from the future.
func TestFresh(t *testing.T) {
	for age, want := range map[time.Duration]bool{
		0: true, time.Hour: true, 24*time.Hour - time.Millisecond: true,
		24 * time.Hour: false, 48 * time.Hour: false, -time.Millisecond: false,
	} {
		if got := fresh(morning, morning.Add(age)); got != want {
			t.Errorf("after %v: %v", age, got)
		}
	}
}

// A logout that the store has not taken is tried for an hour, and then dropped, which is told. After
// that it may come again.
func TestALateLogoutIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newWithStore(t, Config{})
		token := &logouttoken.Token{SID: "s", IssuedAt: time.Now()}
		p.kept.fails(errDown)
		p.EndLater(token, store.Selector{})
		time.Sleep(lateLogoutFor - time.Second)
		synctest.Wait()
		if len(p.late.of) != 1 || p.said("a log-out is dropped") {
			t.Errorf("%d wait, the log:\n%s", len(p.late.of), p.lines)
		}
		time.Sleep(31 * time.Second)
		synctest.Wait()
		if len(p.late.of) != 0 || !p.said("a log-out is dropped") {
			t.Errorf("%d wait, the log:\n%s", len(p.late.of), p.lines)
		}
		p.EndLater(token, store.Selector{})
		p.kept.fails(nil)
		time.Sleep(31 * time.Second)
		synctest.Wait()
		if len(p.late.of) != 0 || !p.said("a log-out that had waited for it is carried out") {
			t.Errorf("%d wait, the log:\n%s", len(p.late.of), p.lines)
		}
	})
}

// BCL-15: a late log-out whose sub is not the subject of its sid's session ends nothing, and is told as
// one that is refused.
func TestALateLogoutIsRefused(t *testing.T) {
	for _, told := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			var refused error
			c := Config{}
			if told {
				c.Events.LogoutRefused = func(err error) { refused = err }
			}
			p := newWithStore(t, c)
			rec := p.live(t, 1, record.Data{Subject: "bob", SID: "s"})
			p.kept.fails(errDown)
			p.EndLater(&logouttoken.Token{SID: "s", Subject: "ada", IssuedAt: time.Now()}, store.Selector{})
			synctest.Wait()
			p.kept.fails(nil)
			time.Sleep(31 * time.Second)
			synctest.Wait()
			if _, err := p.kept.Load(t.Context(), rec.Key); err != nil {
				t.Errorf("another person's session: %v", err)
			}
			if errors.Is(refused, ErrOtherSession) != told || len(p.late.of) != 0 {
				t.Errorf("told %v, %d wait", refused, len(p.late.of))
			}
		})
	}
}

// What finds no place among the late log-outs is told, and an instance that is closing keeps none.
func TestALateLogoutWithoutAPlace(t *testing.T) {
	p := newWithStore(t, Config{})
	p.stop()
	for n := range lateLogoutsMost + 1 {
		p.EndLater(&logouttoken.Token{SID: "s", IssuedAt: time.Unix(int64(n), 0)}, store.Selector{})
	}
	if len(p.late.of) != 0 || p.said("is dropped") {
		t.Errorf("it is closing: %d wait, the log:\n%s", len(p.late.of), p.lines)
	}
	for n := range lateLogoutsMost {
		p.late.take(lateLogout{sid: "s", issued: int64(n)})
	}
	p.EndLater(&logouttoken.Token{SID: "s", IssuedAt: time.Unix(lateLogoutsMost, 0)}, store.Selector{})
	if !p.said("too many log-outs wait") || len(p.late.of) != lateLogoutsMost {
		t.Errorf("%d wait, the log:\n%s", len(p.late.of), p.lines)
	}
}
