package engine

import (
	"fmt"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

// clockDiffers tells the operator that the clocks differ. Refused log-ins alone do not show
// that.
func (p *Engine) clockDiffers(ahead time.Duration) {
	if ahead == 0 {
		p.found.forget("clock", "")
		return
	}
	p.Report(JudgeClock(p.cfg.Skew, ahead))
}

func JudgeClock(skew, ahead time.Duration) []store.Finding {
	how := "ahead of"
	switch {
	case ahead == 0:
		return nil
	case ahead < 0:
		how = "behind"
	}
	return []store.Finding{{Code: "clock", Serious: true, Text: fmt.Sprintf(
		"This server's clock is %v %s the IdP's (by the Date of its answers), more than Config.Skew (%v): log-ins "+
			"and logout tokens are refused, because they seem to be too old or to come from the future. Set the "+
			"clock right (NTP).",
		ahead.Abs().Round(time.Second), how, skew)}}
}
