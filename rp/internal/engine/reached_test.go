package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/rp/idps"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// What a revocation for an ended session of ada, sid 1, notes in a live one.
func TestDoubtOthers(t *testing.T) {
	began := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // a bubble's midnight
	fits := record.Data{Subject: "ada", SID: "1", UserinfoFits: true, Generation: 3}
	for name, row := range map[string]struct {
		scope   idps.RevocationScope
		change  func(*record.Data) // of the live session
		pending bool
		down    bool // the store, at the first look
		doubted uint64
		showing record.Showing
		fits    bool
	}{
		"the same session of the IdP": {scope: idps.RevokesClientSession, doubted: 4,
			showing: record.NonePending},
		"another one":              {scope: idps.RevokesClientSession, change: other, fits: true},
		"the whole grant":          {scope: idps.RevokesGrant, change: other, doubted: 4, showing: record.NonePending},
		"its own tokens alone":     {scope: idps.RevokesFamily, fits: true},
		"the IdP has not answered": {pending: true, doubted: 4, showing: record.NobodyHolds},
		"another person":           {change: func(d *record.Data) { d.Subject = "bob" }, fits: true},
		"confirmed since": {change: func(d *record.Data) { d.Confirmed = began.Add(time.Minute + time.Millisecond) },
			fits: true},
		"perhaps confirmed before": {change: func(d *record.Data) { d.Confirmed = began.Add(time.Minute) },
			doubted: 4, showing: record.NonePending},
		"a refresh is under way": {change: func(d *record.Data) { d.Doubted, d.Showing = 4, record.MayBeHeld },
			doubted: 4, showing: record.MayBeHeld},
		"a doubt of before": {change: func(d *record.Data) { d.Doubted, d.Showing = 3, record.MayBeHeld },
			doubted: 4, showing: record.NonePending},
		"noted already": {change: func(d *record.Data) {
			d.Doubted, d.Showing, d.UserinfoFits = 4, record.NobodyHolds, false
		}, pending: true, doubted: 4, showing: record.NobodyHolds},
		"the store is back": {down: true, doubted: 4, showing: record.NonePending},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := Config{Skew: time.Minute, WaitFor: 10 * time.Second}
				c.Capabilities.Revocation = row.scope
				p := newWithStore(t, c)
				d := fits
				if row.change != nil {
					row.change(&d)
				}
				rec := p.live(t, 1, d)
				if row.down {
					p.kept.fails(errDown)
				}
				p.doubtOthers(&record.Data{Subject: "ada", SID: "1"}, reason.UserLogout, row.pending, true)
				if row.down {
					p.kept.fails(nil)
					time.Sleep(c.WaitFor + lateSession)
					synctest.Wait()
				}
				look := func() *State {
					st, err := p.Load(t.Context(), rec.Key)
					if err != nil {
						t.Fatal(err)
					}
					return st
				}
				st := look()
				if d := st.Data; d.Doubted != row.doubted || d.Showing != row.showing || d.UserinfoFits != row.fits {
					t.Errorf("doubted %d, %v; userinfo fits: %v", d.Doubted, d.Showing, d.UserinfoFits)
				}
				changed := st.Rec.Version > 1
				if said := p.said("a revocation may have reached a log-in"); said != changed {
					t.Errorf("it is in the log: %v; the record was written: %v", said, changed)
				}
				time.Sleep(time.Minute) // the second look has nothing to add
				synctest.Wait()
				if now := look(); now.Rec.Version != st.Rec.Version {
					t.Errorf("version %d, was %d", now.Rec.Version, st.Rec.Version)
				}
			})
		})
	}
}

func other(d *record.Data) { d.SID = "2" }

// A log-in that was under way leads to a session within Config.WaitFor and what the store takes. The
// last call of a revocation looks for it.
func TestDoubtOthersLater(t *testing.T) {
	for _, last := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			p := newWithStore(t, Config{WaitFor: 10 * time.Second})
			p.doubtOthers(&record.Data{Subject: "ada"}, reason.UserLogout, false, last)
			time.Sleep(10*time.Second + lateSession - time.Nanosecond)
			hit := p.live(t, 1, record.Data{Subject: "ada", SID: "2", UserinfoFits: true})
			seen := p.live(t, 2, record.Data{Subject: "ada", SID: "3", UserinfoFits: true,
				Confirmed: time.Now().Add(-5 * time.Second)}) // since then, by the IdP
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			for key, want := range map[store.Key]bool{hit.Key: last, seen.Key: false} {
				if st, err := p.Load(t.Context(), key); err != nil || doubted(st.Data) != want {
					t.Errorf("the last call: %v: %+v, %v", last, st, err)
				}
			}
		})
	}
}
