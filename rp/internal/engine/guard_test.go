package engine

import (
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/record"
)

// verdicts has a guard count so many verdicts at once, and returns what the last one said.
func (g *guard) verdicts(n int, rejected bool, at, pause time.Duration) (alarms int, paused bool) {
	for range n {
		_, alarm, p := g.count(rejected, morning.Add(at), pause)
		if paused = p; alarm {
			alarms++
		}
	}
	return alarms, paused
}

// The alarm is raised by twenty rejections within a minute that are more than half of all, once.
func TestGuardAlarms(t *testing.T) {
	for name, row := range map[string]struct {
		good, rejected int
		want           int
	}{
		"19 of 19": {0, 19, 0}, "20 of 20": {0, 20, 1}, "60 of 60": {0, 60, 1},
		"20 of 39": {19, 20, 1}, "20 of 40": {20, 20, 0}, "21 of 41": {20, 21, 1},
	} {
		g := &guard{}
		if alarms, _ := g.verdicts(row.good, false, 0, 0); alarms > 0 {
			t.Errorf("%s: good answers alarm", name)
		}
		if alarms, paused := g.verdicts(row.rejected, true, 0, 0); alarms != row.want || paused {
			t.Errorf("%s: %d alarms, paused %v", name, alarms, paused)
		}
	}
	for name, row := range map[string]struct {
		later time.Duration
		want  int
	}{
		"the same minute": {time.Minute - 1, 1}, "the next one": {time.Minute, 0}, "a clock that was set back": {-1, 0},
	} {
		g := &guard{}
		g.verdicts(19, true, 0, 0)
		if alarms, _ := g.verdicts(1, true, row.later, 0); alarms != row.want {
			t.Errorf("%s: %d alarms", name, alarms)
		}
	}
	e := func() (e struct{ rejected, asked int }) {
		g := &guard{}
		g.verdicts(5, false, 0, 0)
		g.verdicts(19, true, 0, 0)
		said, _, _ := g.count(true, morning, 0)
		if !said.At.Equal(morning) || said.Paused != 0 {
			t.Errorf("%+v", said)
		}
		e.rejected, e.asked = said.Rejected, said.Asked
		return e
	}()
	if e.rejected != 20 || e.asked != 25 {
		t.Errorf("%+v", e)
	}
}

// C6: after an alarm rejections are not believed for the pause, from that one on. A second pause
// begins an hour after the first one at the soonest, else sessions that have ended would be
// kept for ever.
func TestGuardPauses(t *testing.T) {
	const pause = 10 * time.Minute
	g := &guard{}
	if _, paused := g.verdicts(19, true, 0, pause); paused {
		t.Error("paused before the alarm")
	}
	if e, _, paused := g.count(true, morning, pause); !paused || e.Paused != pause {
		t.Errorf("not paused at the alarm: %+v", e)
	}
	if _, alarm, paused := g.count(false, morning, pause); alarm || paused {
		t.Error("a good answer alarms, or is not believed")
	}
	for _, row := range []struct {
		n      int
		at     time.Duration
		alarms int
		paused bool
	}{
		{1, pause - 1, 0, true},
		{1, pause, 0, false},
		{20, 2 * pause, 1, false},               // it is the same trouble: no second pause
		{20, pause + guardRest - 1, 1, false},   // nor is one now
		{20, 2*pause + guardRest, 1, true},      // another one
		{1, 3*pause + guardRest - 1, 0, true},   // and its end
		{20, 3*pause + guardRest + 1, 1, false}, // after which the IdP is believed
		{1, -time.Hour, 0, false},               // a clock that was set back keeps nobody
		{20, -time.Hour, 1, true},               // and has a pause of its own
	} {
		alarms, paused := g.verdicts(row.n, true, row.at, pause)
		if alarms != row.alarms || paused != row.paused {
			t.Errorf("%d at %v: %d alarms, paused %v", row.n, row.at, alarms, paused)
		}
	}
}

// RT-08: a refresh token that was shown without a usable answer may be spent, and its new ones
// may be somebody's, as long as nobody has said that nobody holds them.
func TestDoubt(t *testing.T) {
	for name, row := range map[string]struct {
		data    record.Data
		doubted bool
		held    bool
	}{
		"never shown":              {record.Data{Generation: 4}, false, false},
		"an earlier one":           {record.Data{Generation: 4, Doubted: 4, Showing: record.MayBeHeld}, false, false},
		"nobody holds its answer":  {record.Data{Generation: 4, Doubted: 5}, true, false},
		"somebody may":             {record.Data{Generation: 4, Doubted: 5, Showing: record.MayBeHeld}, true, true},
		"somebody has tried again": {record.Data{Generation: 4, Doubted: 5, Showing: record.ShownAgain}, true, true},
	} {
		if d, h := doubted(&row.data), mayBeHeld(&row.data); d != row.doubted || h != row.held {
			t.Errorf("%s: doubted %v, may be held %v", name, d, h)
		}
	}
}
