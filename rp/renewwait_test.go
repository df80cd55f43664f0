package rp_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// renewing is a world in which a person is on the way back from a renewal while the store takes
// no writes.
func renewing(t *testing.T, then func(t *testing.T, w *world, v *visitor, kept *failingStore, back <-chan *reply)) {
	s, kept := flaky(nil)
	s.kind, s.idp, s.api = rp.ReferenceToken, patient, &api{}
	s.client = func(c *idpmock.Client) { c.AccessTokenLifetime = 8 * time.Minute }
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		time.Sleep(9 * time.Minute)
		callback := v.authorize(v.start(v.get("/private").location()))
		kept.breaks("Replace")
		back := make(chan *reply, 1)
		go func() { back <- v.get(callback) }()
		then(t, w, v, kept, back)
	})
}

// C6: fresh tokens of a renewal wait for the store as long as it takes; the person waits for
// Config.WaitFor at most.
func TestRenewalWithoutAStore(t *testing.T) {
	renewing(t, func(t *testing.T, w *world, v *visitor, kept *failingStore, back <-chan *reply) {
		began := time.Now()
		a := <-back
		if d := time.Since(began); a.status != http.StatusServiceUnavailable || d > 15*time.Second {
			t.Errorf("after %v: %v", d, a)
		}
		time.Sleep(time.Minute)
		kept.heals()
		time.Sleep(5 * time.Second) // that is one more try
		if a := v.get("/private"); a.status != http.StatusOK {
			t.Errorf("the store is back: %v", a)
		}
		if status, _, err := w.calls(v, "/run", whoami); status != http.StatusOK {
			t.Errorf("the API: %d, %v", status, err)
		}
		w.expectEnds()
	})
}

// BCL-19: the session ends meanwhile: the tokens that came too late are revoked.
func TestRenewalThatALogoutOvertakes(t *testing.T) {
	renewing(t, func(t *testing.T, w *world, v *visitor, kept *failingStore, back <-chan *reply) {
		<-back
		if _, err := w.auth[0].EndSessions(t.Context(), rp.Whose{Subject: "ada"}); err != nil {
			t.Fatal(err)
		}
		kept.heals()
		time.Sleep(time.Minute)
		w.idp.Expect(idpmock.EndpointRevoke, "notes", 2)
		w.expectEnds(reason.Admin)
	})
}
