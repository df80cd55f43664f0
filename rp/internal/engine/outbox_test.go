package engine

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/idps"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// running is an engine that can only run goroutines; stop is the first half of its Close.
func running() (p *Engine, stop func()) {
	p = &Engine{}
	p.ctx, p.stop = context.WithCancel(context.Background())
	p.calls = context.Background()
	return p, p.stop
}

// What is queued is handled in order, by so many at once as there may be; what finds no place is
// dropped. Once closed, whoever adds handles it.
func TestQueue(t *testing.T) {
	for name, row := range map[string]struct{ limit, most, want int }{
		"one after the other": {1, 0, 8}, "three at once": {3, 0, 8},
		"two wait": {1, 2, 3}, "all have a place": {1, 7, 8},
	} {
		synctest.Test(t, func(t *testing.T) {
			p, stop := running()
			var (
				mu        sync.Mutex
				got       []int
				busy, top int
			)
			q := &queue[int]{limit: row.limit, most: row.most, handle: func(n int) {
				mu.Lock()
				got = append(got, n)
				busy++
				top = max(top, busy)
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				busy--
				mu.Unlock()
			}}
			for n := range 8 {
				q.add(p, n)
				synctest.Wait()
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			if len(got) != row.want || top != row.limit || q.busy != 0 {
				t.Errorf("%s: %v, %d at once", name, got, top)
			}
			for i, n := range got {
				if n != i {
					t.Errorf("%s: %v", name, got)
				}
			}
			q.add(p, 8) // it starts again
			time.Sleep(time.Minute)
			stop()
			p.work.Wait()
			q.add(p, 9)
			if n := len(got); n != row.want+2 || got[n-2] != 8 || got[n-1] != 9 {
				t.Errorf("%s: once closed: %v", name, got)
			}
		})
	}
}

// C8: that an end was reported is noted in the store. If the store fails, this instance tries again,
// sooner than any other takes the record over, and does not report the end a second time.
func TestNoteTold(t *testing.T) {
	const hour = time.Hour
	for name, row := range map[string]struct {
		fails error
		until time.Duration // it fails that long
		want  time.Duration // when it is noted; negative: never
	}{
		"at once":              {want: 0},
		"the second time":      {errDown, time.Second - 1, time.Second},
		"the third time":       {errDown, time.Second + 1, 3 * time.Second},
		"after half an hour":   {errDown, 31*time.Minute + 1, 31*time.Minute + time.Second},
		"it is forgotten":      {errDown, hour + 1, -1},
		"the record is gone":   {store.ErrNotFound, time.Millisecond, -1},
		"somebody else has it": {store.ErrConflict, time.Second + 1, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				events := 0
				p := newWithStore(t, Config{Events: Events{End: func(event.End) { events++ }}})
				p.untold = queue[untold]{handle: p.announceEnd, limit: 1}
				began, noted := time.Now(), time.Duration(-1)
				p.kept.settled = func() { noted = time.Since(began) }
				rec := p.live(t, 1, record.Data{Subject: "ada", Values: "kept"})
				ended, err := p.kept.End(t.Context(), store.Selector{Key: rec.Key},
					store.End{Reason: "admin", At: began, Until: began.Add(hour)})
				if err != nil {
					t.Fatal(err)
				}
				if row.fails != nil {
					p.kept.fails(row.fails)
					time.AfterFunc(row.until, func() { p.kept.fails(nil) })
				}
				p.untold.add(p.Engine, untold{rec: ended[0]})
				synctest.Wait()
				p.past = pastEnds{} // it remembers for some minutes what it has reported
				time.Sleep(hour - time.Minute)
				synctest.Wait()
				if rec, err := p.kept.Store.Load(t.Context(), rec.Key); row.want >= 0 {
					if d, open := p.Unseal(&rec); !errors.Is(err, store.ErrEnded) || open != nil || d.Told.IsZero() ||
						d.Values != "kept" {
						t.Errorf("the record: %+v, %v, %v", d, err, open)
					}
				}
				time.Sleep(hour)
				synctest.Wait()
				if noted != row.want || events != 1 {
					t.Errorf("noted after %v, %d events", noted, events)
				}
				lines := strings.Count(p.lines.String(), "clean-up after a session failed")
				if told := row.fails != nil && row.fails != store.ErrNotFound; lines > 1 || (lines == 1) != told {
					t.Errorf("%d lines:\n%s", lines, p.lines)
				}
			})
		})
	}
}

// Which tokens are revoked at the end of a session: those whose revocation ends nothing that is to
// go on (BCL-19, decisions on ending). An unknown scope counts as the widest.
func TestSpares(t *testing.T) {
	ends := map[string][]reason.Reason{
		"the person, the app or the IdP": {reason.UserLogout, reason.Admin, reason.BackchannelLogout, reason.Replaced,
			reason.RefreshRejected, reason.APIUnauthorized, reason.Unconfirmed},
		"this app's limits": {reason.Idle, reason.Absolute, reason.IdPCeiling, reason.SessionLimit, neverBegun},
	}
	for _, row := range []struct {
		scope idps.RevocationScope
		by    string
		want  [3]bool // by neighbour
	}{
		{idps.RevokesToken, "the person, the app or the IdP", [3]bool{true, true, true}},
		{idps.RevokesToken, "this app's limits", [3]bool{true, true, true}},
		{idps.RevokesFamily, "the person, the app or the IdP", [3]bool{true, true, true}},
		{idps.RevokesFamily, "this app's limits", [3]bool{true, true, true}},
		{idps.RevokesClientSession, "the person, the app or the IdP", [3]bool{true, true, false}},
		{idps.RevokesClientSession, "this app's limits", [3]bool{}},
		{idps.RevocationScope(0), "the person, the app or the IdP", [3]bool{true, false, false}},
		{idps.RevocationScope(0), "this app's limits", [3]bool{}},
	} {
		for _, why := range ends[row.by] {
			for next, want := range row.want {
				if got := spares(row.scope, why, neighbour(next)); got != want {
					t.Errorf("scope %v, %s, neighbour %d: %v", row.scope, why, next, got)
				}
			}
		}
	}
}
