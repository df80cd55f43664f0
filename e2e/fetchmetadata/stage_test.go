package fetchmetadata

import (
	"testing"

	"github.com/tandem-sso/tandem/e2e/drive"
)

// stage is the tab in which one scenario after the other is played: to open a browser
// takes longer than most of them.
type stage struct {
	driver drive.Driver
	whole  testing.TB // ends after the last scenario
	shared tab
	now    *current
}

// current is the test whose turn it is, for a tab that outlives it.
type current struct{ testing.TB }

// tab is where a scenario is played.
func (st *stage) tab(t *testing.T, sc *scenario) tab {
	switch {
	case sc.fresh || sc.apart || sc.start == "nowhere":
		return st.driver.New(t)(st.driver.Name())
	case st.shared == nil:
		st.now = &current{st.whole}
		st.shared = st.driver.New(st.now)(st.driver.Name())
	}
	st.now.TB = t
	st.shared.Wait(`(stop(), true)`) // what the last scenario has set off and does not look at
	return st.shared
}

// used gives the tab back; one in which something has failed is not used again.
func (st *stage) used(t *testing.T) {
	if t.Failed() {
		st.shared = nil
	}
}
