package rp_test

import (
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
)

// C1: what a person did last counts, also when nothing had been left to do for
// the session before, so that it had gone from the agenda.
func TestActivityAfterAPause(t *testing.T) {
	const idle = 30 * time.Minute
	s := setup{kind: rp.NoToken, config: func(c *rp.Config) { c.Idle = idle },
		idp: func(c *idpmock.Config) { c.IdleWindow = 8 * time.Hour }} // nobody tells it of activity
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		for pause := time.Minute; pause < idle; pause += 3 * time.Minute {
			v.welcome() // is stored at once
			time.Sleep(20 * time.Second)
			v.welcome() // is stored when a minute is over
			time.Sleep(pause)
		}
		v.welcome()
		time.Sleep(20 * time.Second)
		v.welcome()
		time.Sleep(idle - time.Millisecond)
		v.welcome()
		w.expectEnds()
	})
}
