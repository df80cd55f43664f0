package site

import (
	"fmt"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// Virtual starts a world in which the clock of the IdP is the clock of all, so that
// Advance moves it.
func Virtual(t testing.TB, tune func(*rp.Config)) *World { return NewVirtual(t, Options{RP: tune}) }

// NewVirtual is Virtual with all options. Hold is not for its caller.
func NewVirtual(t testing.TB, o Options) *World {
	var idp *idpmock.IDP
	now := func() time.Time { return idp.Now() }
	tuneIDP, tuneRP := o.IDP, o.RP
	o.IDP = func(c *idpmock.Config) {
		c.AbsoluteLifetime = 24 * time.Hour
		if tuneIDP != nil {
			tuneIDP(c)
		}
	}
	o.RP = func(c *rp.Config) {
		c.Now, c.Store = now, memstore.New(memstore.Options{Now: now})
		if tuneRP != nil {
			tuneRP(c)
		}
	}
	o.Hold = func(w *World) { idp = w.IDP }
	return New(t, o)
}

// Leap moves the clocks of a virtual world and of the page.
func (w *World) Leap(tab Tab, d time.Duration) {
	w.Helper()
	w.IDP.Advance(d)
	browser.Eval[int64](tab, fmt.Sprintf(
		`(now => { Date.now = () => now() + %d; return Date.now() })(Date.now.bind(Date))`, d.Milliseconds()))
}
