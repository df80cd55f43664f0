package simulation

import (
	"encoding/hex"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

// ghost is a session that was stored although the store said that it had failed:
// nobody has its id, so it has to go, without an event.
type ghost struct {
	app   *app
	since time.Duration
	laid  bool
}

func (o *oracle) haunted(in *instance, key store.Key) {
	now := o.lock()
	defer o.unlock()
	g := &ghost{app: in.app, since: now}
	o.ghosts[hex.EncodeToString(key[:6])] = g
	o.counts["log-ins stored by a store that said no"]++
	o.expectLaid(g, now+feltAfter)
}

func (o *oracle) expectLaid(g *ghost, by time.Duration) {
	o.later(by, func(now time.Duration) {
		switch {
		case g.laid, o.excused(g.app, pathRestart, g.since, now): // lost with the process that knew of it
		case o.excused(g.app, pathStore, now-feltAfter, now):
			o.expectLaid(g, now+feltAfter)
		default:
			o.breach("C8", "%s: a session whose log-in failed at %s still lives in the store", g.app.name,
				stamp(g.since))
		}
	})
}
