package rp_test

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// BCL-15: a sid and a sub are unique only within their issuer. Two apps with
// different IdPs may share a store.
func TestSIDsOfTwoIssuers(t *testing.T) {
	store := memstore.New(memstore.Options{})
	var apps []*rp.RelyingParty
	for _, iss := range []string{"https://one.example", "https://two.example"} {
		c := goodConfig()
		c.Issuer, c.Store, c.Logger = iss, store, slog.New(slog.DiscardHandler)
		c.HTTPClient = &http.Client{Transport: discoveryOnly{"issuer": iss}}
		a, err := rp.New(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close() })
		apps = append(apps, a)
		if _, err := a.Plant(t.Context(), "ada", "sid-1"); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := apps[0].EndSessions(t.Context(), rp.Whose{SID: "sid-1"}); n != 1 || err != nil {
		t.Errorf("EndSID: %d, %v", n, err)
	}
	if n, err := apps[0].EndSessions(t.Context(), rp.Whose{Subject: "ada"}); n != 0 || err != nil {
		t.Errorf("EndSubject: %d, %v", n, err)
	}
	if n, err := apps[1].EndSessions(t.Context(), rp.Whose{SID: "sid-1"}); n != 1 || err != nil {
		t.Errorf("of the other issuer: %d, %v", n, err)
	}
}

// RFC 7009 §2.2.1: an IdP that asks for patience is not asked again before.
func TestRevocationWaits(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRevoke, Status: 503, RetryAfter: "240"})
		v := w.visitor("ada")
		v.login()
		v.submit("/auth/logout")
		time.Sleep(239 * time.Second)
		w.idp.Expect(idpmock.EndpointRevoke, "notes", 1)
		time.Sleep(time.Minute)
		w.idp.Expect(idpmock.EndpointRevoke, "notes", 3)
	})
}

// A revocation that fails is tried again after about 1, 5 and 30 s, then minutes.
func TestRevocationIsTriedAgain(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		down := w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRevoke, Status: 503, Times: idpmock.Always})
		v := w.visitor("ada")
		v.login()
		v.submit("/auth/logout")
		for _, row := range []struct {
			after time.Duration
			tries int
		}{{100 * time.Millisecond, 1}, {1100 * time.Millisecond, 2}, {6200 * time.Millisecond, 3},
			{36300 * time.Millisecond, 4}} {
			time.Sleep(row.after - w.age())
			if n := down.Hits(); n != row.tries {
				t.Errorf("after %v: %d tries, want %d", row.after, n, row.tries)
			}
		}
		down.Remove()
		time.Sleep(5 * time.Minute)
		w.idp.Expect(idpmock.EndpointRevoke, "notes", 4+2)
	})
}

// EndSID ends what there is and what is under way; the IdP session lives on, and
// whoever comes from it again is let in.
func TestEndSIDSparesLaterLogins(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v, tab := w.visitor("ada"), w.visitor("ada")
		tab.idp = v.idp
		v.login()
		underWay := tab.authorize(tab.start("/auth/login"))
		time.Sleep(time.Second)
		if n, err := w.auth[0].EndSessions(t.Context(), rp.Whose{SID: v.session().SID}); n != 1 || err != nil {
			t.Fatalf("EndSID: %d, %v", n, err)
		}
		v.expect("ended", reason.Admin)
		if a := tab.get(underWay); a.status != http.StatusBadRequest {
			t.Errorf("a log-in that was under way: %v", a)
		}
		time.Sleep(time.Second)
		v.login()
		v.welcome()
		w.expectEnds(reason.Admin)
	})
}
