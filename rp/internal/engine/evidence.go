package engine

import (
	"fmt"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/store"
)

// NoteEnd is called when the IdP says by itself that a session is over. It looks whether
// that end contradicts Config.Capabilities.
func (p *Engine) NoteEnd(d *record.Data) {
	what, ok := map[means]string{byRefresh: "Refresh", byUserinfo: "Userinfo"}[p.Means(d)]
	if !ok {
		return // no call with a token was to extend it
	}
	w := p.cfg.IdPWindow
	if w == 0 {
		w = d.Window
	}
	now := p.Now()
	if !endedAllTheSame(d.Started, d.Signalled, now, w) {
		return
	}
	p.Report([]store.Finding{{Code: "signal_extends_not", Serious: true, Text: fmt.Sprintf(
		"The IdP ended a session %v after the log-in, although it was told of activity %v before, which is less "+
			"than its "+
			"window (%v). So %s does not seem to extend the session of this IdP, which is taken for %q: people "+
			"who are "+
			"active are logged out once per window. See the guide of your IdP (docs/idp), and set Config.Capabilities "+
			"(Extends.%s false) and Config.SilentCheck. Nothing is wrong if somebody has logged out there just then.",
		now.Sub(d.Started).Round(time.Second), now.Sub(d.Signalled).Round(time.Second), w,
		map[string]string{"Refresh": "a refresh", "Userinfo": "userinfo"}[what], p.cfg.Capabilities.Name, what)}})
}

// endedAllTheSame reports whether a session has ended as one does that no signal extends:
// W after its beginning, though it was told of activity since. A signal that was taken after
// the first W proves the contrary, and an end before it has another cause.
func endedAllTheSame(begun, told, now time.Time, w time.Duration) bool {
	first := begun.Add(w)
	return told.Before(first) && !now.Before(first) && now.Sub(told) < w // so it was told after the beginning
}
