package rp_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// While a fleet changes versions, an instance meets records that it cannot read. They
// are no ended sessions (C6): it answers 503, leaves them alone, and the instance that
// can read them serves them.
func TestRecordOfAnotherVersion(t *testing.T) {
	inBubble(t, setup{idp: patient}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		layout := func(version byte) {
			t.Helper()
			if err := w.auth[0].Relayout(t.Context(), v.id(), version); err != nil {
				t.Fatal(err)
			}
		}
		layout(2)
		for range 50 {
			if a := v.fetch("/private"); a.status != http.StatusServiceUnavailable ||
				a.header.Get("Retry-After") == "" {
				t.Fatalf("not 503 with Retry-After: %v", a)
			}
		}
		if n := strings.Count(w.log.String(), "leaves it to the instances of that version"); n != 1 {
			t.Errorf("%d lines say so, want one", n)
		}
		layout(1)
		v.welcome()

		layout(2)
		time.Sleep(170 * time.Minute) // long over: the sweeper has seen it many times
		if n := len(w.ends); n != 0 {
			t.Errorf("%d ends were reported by an instance that cannot read the record", n)
		}
		if _, err := w.store.Load(t.Context(), w.auth[0].KeyOf(v.id())); err != nil {
			t.Errorf("the record was not left alone: %v", err)
		}
	})
}

// ASVS 7.4.3: who ends all other sessions ends also those that this instance cannot read: an
// instance of another version would serve them.
func TestEndOthersOfAnotherVersion(t *testing.T) {
	inBubble(t, setup{idp: patient}, func(t *testing.T, w *world) {
		here, there := w.visitor("ada"), w.visitor("ada")
		here.login()
		there.login()
		if err := w.auth[0].Relayout(t.Context(), there.id(), 2); err != nil {
			t.Fatal(err)
		}
		w.run = func(_ http.ResponseWriter, r *http.Request, s *rp.Session) {
			if n, err := s.EndOthers(r.Context()); n != 1 || err != nil {
				t.Errorf("EndOthers: %d, %v", n, err)
			}
		}
		here.get("/run")
		there.expect("ended", reason.UserLogout)
		here.expect("live", "")
	})
}
