package rp_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// RT-13: the IdP wants to see the person. It is not asked again at every click:
// the session is served while it is trusted, then a navigation goes to the log-in
// and a script gets 401, and the new log-in replaces it.
func TestIdPWantsToSeeThePerson(t *testing.T) {
	inBubble(t, setup{idp: patient}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		fault := w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Error: "interaction_required",
			Times: idpmock.Always})
		for w.age() < 10*time.Minute {
			time.Sleep(time.Second)
			switch a := v.fetch("/private"); {
			case w.age() < 5*time.Minute && a.status != 200:
				t.Fatalf("after %v: %v", w.age(), a)
			case w.age() > 5*time.Minute+time.Second &&
				(a.status != http.StatusUnauthorized || !strings.Contains(a.body, "login_required")):
				t.Fatalf("after %v: %v", w.age(), a)
			}
		}
		if n := fault.Hits(); n < 5 || n > 30 {
			t.Errorf("the IdP was asked %d times in ten minutes", n)
		}
		if a := v.get("/private"); a.status != http.StatusFound || !strings.HasPrefix(a.location(), "/auth/login?") {
			t.Errorf("a navigation: %v", a)
		}
		v.expect("live", "")
		w.expectEnds()
		fault.Remove()
		v.login()
		v.welcome()
	})
}
