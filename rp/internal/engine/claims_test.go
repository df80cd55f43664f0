package engine

import (
	"testing"

	"github.com/tandem-sso/tandem/rp/internal/idtoken"
	"github.com/tandem-sso/tandem/rp/internal/record"
)

// Many IdPs leave acr out of the ID token of a refresh: the session is what it was.
func TestARefreshKeepsTheACR(t *testing.T) {
	var d record.Data
	for _, row := range []struct{ says, want string }{{`{"acr":"gold"}`, "gold"}, {`{}`, "gold"},
		{`{"acr":"low"}`, "low"}} {
		(&Tokens{ID: &idtoken.Claims{Raw: []byte(row.says)}}).Apply(&d)
		if got := d.ACR; got != row.want {
			t.Errorf("after %s it is %q, want %q", row.says, got, row.want)
		}
	}
}
