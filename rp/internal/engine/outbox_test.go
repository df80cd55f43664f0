package engine

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

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

// C8: that an end was reported is noted in the store. If the store fails, this instance tries again
// while the others leave the record to it.
func TestSettleTold(t *testing.T) {
	due := time.Now().Add(time.Hour)
	for name, row := range map[string]struct {
		fails error
		until time.Duration // it fails that long
		due   time.Time
		want  time.Duration // when it is noted; negative: never
		lines int
	}{
		"at once":            {want: 0},
		"at once, tokens":    {due: due, want: 0},
		"the second time":    {fails: errDown, until: time.Second - 1, want: time.Second, lines: 1},
		"the third time":     {fails: errDown, until: time.Second + 1, due: due, want: 3 * time.Second, lines: 2},
		"the last time":      {fails: errDown, until: 16 * time.Second, want: 31 * time.Second, lines: 5},
		"too late":           {fails: errDown, until: 32 * time.Second, due: due, want: -1, lines: 6},
		"the record is gone": {fails: store.ErrNotFound, until: time.Millisecond, want: -1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newWithStore(t, Config{})
				began, noted, revoked := time.Now(), time.Duration(-1), 0
				p.kept.settled = func() { noted = time.Since(began) }
				p.unrevoked = queue[store.Record]{handle: func(store.Record) { revoked++ }, limit: 1}
				rec := p.live(t, 1, record.Data{Subject: "ada"})
				if _, err := p.kept.Store.End(t.Context(), store.Selector{Key: rec.Key},
					store.End{Reason: "admin", At: began, Until: began.Add(time.Hour)}); err != nil {
					t.Fatal(err)
				}
				if row.fails != nil {
					p.kept.fails(row.fails)
					time.AfterFunc(row.until, func() { p.kept.fails(nil) })
				}
				p.settleTold(rec, &record.Data{Subject: "ada"}, row.due, 1)
				time.Sleep(2 * headStart)
				synctest.Wait()
				if noted != row.want || noted >= headStart {
					t.Errorf("noted after %v", noted)
				}
				want := 0
				if !row.due.IsZero() && row.want >= 0 {
					want = 1
				}
				if revoked != want {
					t.Errorf("%d are left to be revoked, want %d", revoked, want)
				}
				if n := strings.Count(p.lines.String(), "clean-up after a session failed"); n != row.lines {
					t.Errorf("%d lines:\n%s", n, p.lines)
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
