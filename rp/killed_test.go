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
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// dying is the store of an instance that is killed when it has the IdP's answer and has
// not stored it: from then on nothing that it does reaches anybody.
type dying struct {
	store.Store
	replaces atomic.Int64
	at       int64 // the Replace that it does not survive; 0: none
	dead     atomic.Bool
}

func (s *dying) gone(ctx context.Context) bool {
	if s.dead.Load() {
		<-ctx.Done()
	}
	return s.dead.Load()
}

func (s *dying) Replace(ctx context.Context, r store.Record) error {
	if s.at > 0 && r.Owner != r.Key && s.replaces.Add(1) == s.at {
		s.dead.Store(true)
	}
	if s.gone(ctx) {
		return ctx.Err()
	}
	return s.Store.Replace(ctx, r)
}

func (s *dying) Renew(ctx context.Context, l store.Lease, d time.Duration) error {
	if s.gone(ctx) {
		return ctx.Err()
	}
	return s.Store.Renew(ctx, l, d)
}

func (s *dying) Release(ctx context.Context, l store.Lease) error {
	if s.gone(ctx) {
		return ctx.Err()
	}
	return s.Store.Release(ctx, l)
}

// Decision 1: an instance is killed between the IdP's rotation and the store. The next one
// shows the spent token and is refused. That is no end: the person goes to the log-in, and
// the IdP still knows them.
func TestKilledBetweenRotationAndStore(t *testing.T) {
	first := &dying{at: 2} // the note before the token is shown, then the answer
	n := 0
	s := setup{instances: 2, idp: patient, config: func(c *rp.Config) {
		if n++; n == 1 {
			first.Store = c.Store
			c.Store = first
		}
	}}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		time.Sleep(6 * time.Minute) // beyond TrustFor
		go func() { _, _ = v.try("GET", "/private", nil, navigating) }()
		time.Sleep(2 * time.Second)
		if !first.dead.Load() || w.idp.Count(idpmock.EndpointRefresh, "notes") != 1 {
			t.Fatal("this shows nothing")
		}
		v.instance = "1"
		a := v.get("/private")
		if a.status != http.StatusFound || a.location() != "/auth/login?return_to=%2Fprivate&anew=1" {
			t.Errorf("%v", a)
		}
		w.expectEnds()
		if a := v.get(v.authorize(v.start(a.location()))); a.status != http.StatusSeeOther {
			t.Errorf("the log-in: %v", a)
		}
		v.welcome()
		w.expectEnds(reason.Replaced)
	})
}

// An IdP that answers with trouble has not spent the token: its later refusal is believed.
func TestTroubleLeavesNoDoubt(t *testing.T) {
	for name, f := range map[string]idpmock.Fault{"429": {Status: 429}, "invalid_client": {Error: "invalid_client"}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, setup{idp: patient}, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				v.login()
				time.Sleep(6 * time.Minute)
				f.Endpoint, f.Times = idpmock.EndpointToken, idpmock.Always
				fault := w.idp.Fault(f)
				v.get("/private")
				fault.Remove()
				w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointToken, Error: "invalid_grant", Times: 5})
				time.Sleep(5 * time.Minute)
				v.get("/private")
				w.expectEnds(reason.RefreshRejected)
			})
		})
	}
}

// lawless is a store on which an instance has lost its lease: another one gets it at once,
// and refreshes just before the first one notes what it is about to do.
type lawless struct {
	store.Store
	meanwhile func() // before the next Replace; nil: nothing
}

func (l *lawless) Acquire(_ context.Context, id store.Key, _ time.Duration) (store.Lease, error) {
	return store.Lease{ID: id}, nil
}
func (l *lawless) Renew(context.Context, store.Lease, time.Duration) error { return nil }
func (l *lawless) Release(context.Context, store.Lease) error              { return nil }

func (l *lawless) Replace(ctx context.Context, r store.Record) error {
	if f := l.meanwhile; f != nil {
		l.meanwhile = nil
		f()
	}
	return l.Store.Replace(ctx, r)
}

// C4: who loses the lease to somebody who refreshes meanwhile shows no token any more.
func TestOvertakenBeforeTheTokenIsShown(t *testing.T) {
	kept := &lawless{}
	s := setup{instances: 2, idp: patient, config: func(c *rp.Config) {
		if kept.Store == nil {
			kept.Store = c.Store
		}
		c.Store = kept
	}}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		synctest.Wait()
		time.Sleep(6 * time.Minute) // beyond TrustFor
		w.idp.ResetRequests()
		kept.meanwhile = func() {
			if a := v.do("GET", "/private", nil, with(navigating, "X-Instance", "1")); a.status != http.StatusOK {
				t.Error(a)
			}
		}
		v.welcome()
		w.idp.Expect(idpmock.EndpointToken, "notes", 1)
	})
}
