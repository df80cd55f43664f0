package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/rp/idps"
	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// What the revocation for an ended session of ada, sid 1, notes in a live one.
func TestReached(t *testing.T) {
	midnight := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // when a bubble begins
	ok, none := answered(200), lost(verdict.Sent)
	refused := answered(400)
	shown := func(generation uint64, how record.Showing, fits bool) func(*record.Data) {
		return func(d *record.Data) { d.Doubted, d.Showing, d.UserinfoFits = generation+1, how, fits }
	}
	for name, row := range map[string]struct {
		scope   idps.RevocationScope
		answer  idp.Outcome
		change  func(*record.Data) // of the live session
		doubted uint64
		showing record.Showing
		fits    bool
	}{
		"the same session of the IdP": {idps.RevokesClientSession, ok, nil, 4, record.NonePending, false},
		"another session of the IdP":  {idps.RevokesClientSession, ok, inSession2, 0, 0, true},
		"the whole grant":             {idps.RevokesGrant, ok, inSession2, 4, record.NonePending, false},
		"another person":              {idps.RevokesGrant, ok, func(d *record.Data) { d.Subject = "bob" }, 0, 0, true},
		"no content":                  {0, answered(204), nil, 4, record.NonePending, false},
		"refused":                     {0, refused, nil, 0, 0, true},
		"too many requests":           {0, answered(429), nil, 0, 0, true},
		"a redirect":                  {0, answered(302), nil, 0, 0, true},
		"not sent":                    {0, lost(verdict.NotSent), nil, 0, 0, true},
		"no answer":                   {0, none, nil, 4, record.NobodyHolds, false},
		"an error of the IdP's":       {0, answered(500), nil, 4, record.NobodyHolds, false},
		"in the second of the answer": {0, dated(midnight), nil, 4, record.NonePending, false},
		"issued since then":           {0, dated(midnight.Add(-time.Second)), nil, 0, 0, true},
		"a refresh is under way":      {0, ok, shown(3, record.MayBeHeld, true), 4, record.ShownAgain, false},
		"two are under way":           {0, ok, shown(3, record.ShownAgain, true), 4, record.ShownAgain, false},
		"one was not answered":        {0, ok, shown(3, record.NobodyHolds, true), 4, record.NobodyHolds, false},
		"a doubt of before":           {0, ok, shown(2, record.MayBeHeld, true), 4, record.NonePending, false},
		"noted, then no answer":       {0, none, shown(3, record.NonePending, false), 4, record.NobodyHolds, false},
		"noted, then the answer":      {0, ok, shown(3, record.NobodyHolds, false), 4, record.NobodyHolds, false},
		"noted, a refresh since":      {0, ok, shown(3, record.MayBeHeld, false), 4, record.ShownAgain, false},
		"noted already":               {0, ok, shown(3, record.NonePending, false), 4, record.NonePending, false},
		"userinfo has never fitted": {0, ok, func(d *record.Data) { d.UserinfoFits = false }, 4,
			record.NonePending, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := Config{WaitFor: 10 * time.Second}
				c.Capabilities.Revocation = row.scope
				p := newWithStore(t, c)
				d := record.Data{Subject: "ada", SID: "1", UserinfoFits: true, Generation: 3}
				if row.change != nil {
					row.change(&d)
				}
				rec := p.live(t, 1, d)
				r := &reach{ended: record.Data{Subject: "ada", SID: "1"}, cause: reason.UserLogout}
				if _, err := p.reached(t.Context(), r, row.answer); err != nil {
					t.Fatal(err)
				}
				st := p.read(t, rec.Key)
				if d := st.Data; d.Doubted != row.doubted || d.Showing != row.showing || d.UserinfoFits != row.fits {
					t.Errorf("doubted %d, %v; userinfo fits: %v", d.Doubted, d.Showing, d.UserinfoFits)
				}
				if said := p.said("a revocation may have reached a log-in"); said != (st.Rec.Version > 1) {
					t.Errorf("it is in the log: %v; the record is at version %d", said, st.Rec.Version)
				}
				p.doubtLater(r) // it has nothing to add
				time.Sleep(time.Minute)
				synctest.Wait()
				if now := p.read(t, rec.Key); now.Rec.Version != st.Rec.Version {
					t.Errorf("version %d, was %d", now.Rec.Version, st.Rec.Version)
				}
			})
		})
	}
}

func answered(status int) (out idp.Outcome) {
	if out.Status = status; status >= 300 {
		out.Err = errDown
	}
	return out
}

func dated(at time.Time) idp.Outcome {
	out := answered(200)
	out.Date = at
	return out
}

func lost(f verdict.Fault) idp.Outcome {
	return idp.Outcome{Answer: verdict.Answer{Fault: f}, Err: errDown}
}

func inSession2(d *record.Data) { d.SID = "2" }

func (p *withStore) read(t *testing.T, key store.Key) *State {
	t.Helper()
	st, err := p.Load(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// Where a revocation reaches nobody else, nobody is looked for.
func TestReachesNobody(t *testing.T) {
	p := newWithStore(t, Config{})
	p.kept.fails(errDown)
	if n, err := p.reached(t.Context(), nil, answered(200)); n != 0 || err != nil {
		t.Error(n, err)
	}
}

// A log-in that was under way leads to a session within Config.WaitFor and what the store takes. If
// the store failed at the first look, the late one does its work.
func TestDoubtLater(t *testing.T) {
	for _, sent := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			p := newWithStore(t, Config{WaitFor: 10 * time.Second})
			midnight := time.Now()
			first := p.live(t, 1, record.Data{Subject: "ada", SID: "2"})
			r := &reach{ended: record.Data{Subject: "ada"}, cause: reason.UserLogout}
			if sent {
				p.kept.fails(errDown)
				if n, err := p.reached(t.Context(), r, dated(midnight)); n != 0 || err == nil {
					t.Errorf("the store is down: %d, %v", n, err)
				}
				p.kept.fails(nil)
			}
			p.doubtLater(r)
			time.Sleep(10*time.Second + lateSession - time.Nanosecond)
			hit := p.issued(t, 2, record.Data{Subject: "ada", SID: "2"}, midnight)
			younger := p.issued(t, 3, record.Data{Subject: "ada", SID: "3"}, midnight.Add(time.Second))
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			for key, want := range map[store.Key]bool{first.Key: sent, hit.Key: sent, younger.Key: false} {
				if st := p.read(t, key); doubted(st.Data) != want {
					t.Errorf("a revocation was sent: %v: %+v", sent, st.Data)
				}
			}
		})
	}
}
