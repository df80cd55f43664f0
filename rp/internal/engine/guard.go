package engine

import (
	"sync"
	"time"

	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
)

const (
	guardWindow = time.Minute
	guardLeast  = 20        // rejections in a window before anybody is alarmed
	guardRest   = time.Hour // after a pause without another one: what is refused now is refused
)

// guard counts verdicts. One window of memory is enough: an alarm is about now.
type guard struct {
	mu       sync.Mutex
	began    time.Time
	asked    int
	rejected int
	alarmed  bool
	from     time.Time // rejections are not believed from it
	until    time.Time // to it
}

// count notes a verdict. alarm is true once per window; paused means that this
// rejection is not to be believed yet.
func (g *guard) count(rejected bool, now time.Time, pause time.Duration) (e event.MassLogout, alarm, paused bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Sub(g.began) >= guardWindow || now.Before(g.began) {
		g.began, g.asked, g.rejected, g.alarmed = now, 0, 0, false
	}
	g.asked++
	if !rejected {
		return event.MassLogout{}, false, false
	}
	g.rejected++
	e = event.MassLogout{Rejected: g.rejected, Asked: g.asked, At: now}
	if g.rejected >= guardLeast && 2*g.rejected > g.asked && !g.alarmed {
		g.alarmed, alarm = true, true
		// There is one pause for one trouble. Otherwise sessions that have really ended would
		// be kept, and answered with 503, for ever.
		if now.Before(g.from) || now.Sub(g.until) >= guardRest {
			g.from, g.until, e.Paused = now, now.Add(pause), pause
		}
	}
	return e, alarm, !now.Before(g.from) && now.Before(g.until)
}

// believed turns a rejection into a failure that passes while there are too many
// of them (Config.MassLogoutPause), and raises the alarm.
func (p *Engine) believed(v verdict.Verdict) verdict.Verdict {
	if v != verdict.OK && v != verdict.Ended {
		return v
	}
	e, alarm, paused := p.guard.count(v == verdict.Ended, p.Now(), p.cfg.MassLogoutPause)
	if alarm {
		p.log.Error("the IdP refuses the tokens of many sessions at once; check whether the IdP works correctly",
			"rejected", e.Rejected, "asked", e.Asked, "window", guardWindow, "paused_for", e.Paused)
		if fn := p.cfg.Events.MassLogout; fn != nil {
			fn(e)
		}
	}
	if v == verdict.Ended && paused {
		return verdict.Retry
	}
	return v
}
