package rp_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp"
)

// EndSID ends what there is and what is under way; the IdP session lives on, and
// whoever comes from it again is let in.
func TestEndSIDSparesLaterLogins(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v, tab := w.visitor("ada"), w.visitor("ada")
		tab.idp = v.idp
		v.login()
		underWay := tab.authorize(tab.start("/auth/login"))
		time.Sleep(time.Second)
		if n, err := w.auth[0].EndSID(t.Context(), v.session().SID); n != 1 || err != nil {
			t.Fatalf("EndSID: %d, %v", n, err)
		}
		v.expect("ended", rp.Admin)
		if a := tab.get(underWay); a.status != http.StatusBadRequest {
			t.Errorf("a log-in that was under way: %v", a)
		}
		time.Sleep(time.Second)
		v.login()
		v.welcome()
		w.expectEnds(rp.Admin)
	})
}
