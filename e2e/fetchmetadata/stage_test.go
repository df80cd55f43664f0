package fetchmetadata

import (
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/drive"
)

// stage is a browser in which one scenario after the other is played, each in a tab of its
// own. To open a browser takes longer than most of them.
type stage struct {
	now  *current
	open drive.Browser
}

func newStage(t *testing.T, d drive.Driver) *stage {
	now := &current{t}
	return &stage{now, d.New(now)}
}

// current is the test whose turn it is.
type current struct{ testing.TB }

// tab opens the tab for a scenario, which is closed when its test ends.
func (st *stage) tab(t *testing.T, name string) tab {
	st.now.TB = t
	return st.open(name)
}
