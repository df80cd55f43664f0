package rp_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/idps"
	"github.com/tandem-sso/tandem/rp/store"
)

// during holds the answer to a refresh back while f runs. It returns what the page that waits for it
// was answered.
func (v *visitor) during(f func()) *reply {
	v.w.Helper()
	gate := make(chan struct{})
	refresh := v.w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, GateAfter: gate})
	answer := make(chan *reply)
	go func() { a, _ := v.try("GET", "/private", nil, fetching); answer <- a }()
	<-refresh.Arrived()
	synctest.Wait() // the IdP has rotated
	f()
	close(gate)
	return <-answer
}

// lateAfterLogout logs ada in and out while a refresh of hers is under way, so that its tokens come too
// late. The session's own tokens are revoked; then revocations fail so many times.
func (w *world) lateAfterLogout(times int) (v *visitor, down *idpmock.ActiveFault) {
	w.Helper()
	v = w.visitor("ada")
	v.login()
	time.Sleep(6 * time.Minute)
	v.during(func() {
		v.submit("/auth/logout")
		time.Sleep(time.Second)
		w.idp.Expect(idpmock.EndpointRevoke, "notes", 2)
		w.idp.ResetRequests()
		down = w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRevoke, Status: 503, Times: times})
	})
	return v, down
}

// losing is a store that loses its sessions on demand, as a cache does that is emptied.
type losing struct {
	store.Store
	lost atomic.Bool
}

func (s *losing) Load(ctx context.Context, k store.Key) (store.Record, error) {
	if s.lost.Load() {
		return store.Record{}, store.ErrNotFound
	}
	return s.Store.Load(ctx, k)
}

func (s *losing) Replace(ctx context.Context, r store.Record) error {
	if s.lost.Load() {
		return store.ErrNotFound
	}
	return s.Store.Replace(ctx, r)
}

func (s *losing) List(ctx context.Context, ref store.Key) ([]store.Record, error) {
	if s.lost.Load() {
		return nil, nil
	}
	return s.Store.List(ctx, ref)
}

// BCL-19: tokens that come for a session whose record is gone are nobody's, and are revoked. Where
// that would take more along than these tokens they are left to run out: nobody knows how the session
// ended.
func TestTokensOfASessionThatIsGone(t *testing.T) {
	for scope, revoked := range map[idps.RevocationScope]int{
		idps.RevokesToken: 2, idps.RevokesFamily: 2, idps.RevokesClientSession: 0, idps.RevokesGrant: 0,
	} {
		kept := &losing{}
		s := setup{idp: patient, config: func(c *rp.Config) {
			kept.Store, c.Store = c.Store, kept
			c.Capabilities.Revocation = scope
		}}
		inBubble(t, s, func(t *testing.T, w *world) {
			v := w.visitor("ada")
			v.login()
			time.Sleep(6 * time.Minute) // trust has run out: the page waits for the refresh
			if a := v.during(func() { kept.lost.Store(true) }); a == nil || a.status != http.StatusUnauthorized {
				t.Errorf("%v: the page: %v", scope, a)
			}
			time.Sleep(time.Minute)
			w.idp.Expect(idpmock.EndpointRevoke, "notes", revoked)
		})
	}
}

// BCL-19: a revocation of late tokens that fails is tried again, six times at most.
func TestLateTokensAreRevokedAgain(t *testing.T) {
	for name, row := range map[string]struct{ lasts, failed, revoked int }{
		"the IdP is back": {lasts: 3, failed: 3, revoked: 2}, "it stays away": {lasts: idpmock.Always, failed: 6},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, setup{idp: patient}, func(t *testing.T, w *world) {
				_, down := w.lateAfterLogout(row.lasts)
				time.Sleep(time.Hour)
				w.idp.Expect(idpmock.EndpointRevoke, "notes", row.failed+row.revoked)
				if down.Hits() != row.failed {
					t.Errorf("%d have failed, want %d", down.Hits(), row.failed)
				}
			})
		})
	}
}

// A revocation of late tokens that is tried again does not hit the log-in that has come meanwhile.
func TestLateTokensSpareALaterLogin(t *testing.T) {
	s := setup{idp: patient, config: func(c *rp.Config) { c.Capabilities.Revocation = idps.RevokesGrant }}
	inBubble(t, s, func(t *testing.T, w *world) {
		v, down := w.lateAfterLogout(idpmock.Always)
		time.Sleep(100 * time.Millisecond)
		if down.Hits() != 1 {
			t.Fatalf("tried %d times: the test shows nothing", down.Hits())
		}
		v.login()
		down.Remove()
		w.idp.ResetRequests()
		for range 6 {
			time.Sleep(time.Minute)
			v.welcome()
		}
		w.idp.Expect(idpmock.EndpointRevoke, "notes", 0)
	})
}
