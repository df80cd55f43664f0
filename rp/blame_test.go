package rp_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp"
)

// API-01: that an API is to blame was noted by a clock that was ahead. When the clock is right
// again, that counts no more: a token that the API refuses is renewed.
func TestBrokenAPIAndAClockThatJumpsBack(t *testing.T) {
	clock := &wrongClock{}
	a := &api{answer: refuses(func(n int, _ string) bool { return n > 3 })}
	s := setup{api: a, idp: patient, config: func(c *rp.Config) { c.Now = clock.now }}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		clock.goes(4 * time.Minute)
		if status, _, _ := w.calls(v, "/run", whoami); status == http.StatusOK {
			t.Fatal("the API was to refuse this one, and its second try")
		}
		clock.goes(0)
		if status, _, err := w.calls(v, "/run", whoami); status != http.StatusOK {
			t.Errorf("%d, %v", status, err)
		}
		w.expectEnds()
	})
}
