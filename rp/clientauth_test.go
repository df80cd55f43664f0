package rp_test

import (
	"net/http"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
)

// The secret is shown as Config.ClientAuth says, also where discovery says otherwise; one
// with every awkward character in it arrives whole (RFC 6749 §2.3.1).
func TestClientAuth(t *testing.T) {
	const secret = `p+ss/w=rd %41:"ü&`
	for _, row := range []struct {
		name, auth, method string
		raw                bool // the IdP does not decode the header
		want               int
	}{
		{"the default", "", "client_secret_basic", false, http.StatusSeeOther},
		{"in the form", "client_secret_post", "client_secret_post", false, http.StatusSeeOther},
		{"in the header", "client_secret_basic", "client_secret_basic", false, http.StatusSeeOther},
		{"in the header as it is", "client_secret_basic_raw", "client_secret_basic", true, http.StatusSeeOther},
		{"encoded, for an IdP that does not decode", "", "client_secret_basic", true, http.StatusBadGateway},
		{"as it is, for an IdP that decodes", "client_secret_basic_raw", "client_secret_basic", false,
			http.StatusBadGateway},
		{"not in the way of this client", "", "client_secret_post", false, http.StatusBadGateway},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := setup{kind: rp.RefreshToken,
				config: func(c *rp.Config) { c.ClientSecret, c.ClientAuth = secret, row.auth },
				client: func(c *idpmock.Client) { c.Secret, c.AuthMethod, c.BasicRaw = secret, row.method, row.raw },
			}
			inBubble(t, s, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				if a := v.get(v.authorize(v.start("/auth/login"))); a.status != row.want {
					t.Errorf("%v", a)
				}
			})
		})
	}
}
