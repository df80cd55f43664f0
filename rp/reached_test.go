package rp_test

import (
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/idps"
	"github.com/tandem-sso/tandem/rp/reason"
)

// C6: the IdP is slow to revoke what an ended session held, and takes along what the same person's
// next log-in has been given meanwhile. The dead tokens of that log-in are no verdict on its
// session: a navigation brings the person back without a word of an end.
func TestRevocationThatReachesTheNextLogin(t *testing.T) {
	reaches := map[idps.RevocationScope]idpmock.Reach{
		idps.RevokesGrant: idpmock.ReachUserClient, idps.RevokesClientSession: idpmock.ReachClientSession,
	}
	replaced, kept := []reason.Reason{reason.UserLogout, reason.Replaced}, []reason.Reason{reason.UserLogout}
	for name, row := range map[string]struct {
		kind     rp.Kind
		scope    idps.RevocationScope
		app      time.Duration // how long Config.OnLogin takes
		clicks   time.Duration // from one to the next
		answered bool
		ends     []reason.Reason
	}{
		"the grant":             {rp.RefreshToken, idps.RevokesGrant, 0, time.Minute, true, replaced},
		"the client session":    {rp.RefreshToken, idps.RevokesClientSession, 0, time.Minute, true, replaced},
		"a click soon after":    {rp.RefreshToken, idps.RevokesGrant, 0, 5 * time.Second, true, replaced},
		"no session yet":        {rp.RefreshToken, idps.RevokesGrant, 8 * time.Second, time.Minute, true, replaced},
		"the answer is lost":    {rp.RefreshToken, idps.RevokesGrant, 0, time.Minute, false, replaced},
		"userinfo is asked":     {rp.ReferenceToken, idps.RevokesGrant, 0, time.Minute, true, kept},
		"userinfo, soon after":  {rp.ReferenceToken, idps.RevokesGrant, 0, 5 * time.Second, true, kept},
		"userinfo, no session":  {rp.ReferenceToken, idps.RevokesGrant, 8 * time.Second, time.Minute, true, kept},
		"userinfo, answer lost": {rp.ReferenceToken, idps.RevokesClientSession, 0, time.Minute, false, kept},
	} {
		t.Run(name, func(t *testing.T) {
			var again atomic.Bool
			s := setup{kind: row.kind, idp: func(c *idpmock.Config) {
				patient(c)
				reach := reaches[row.scope]
				c.Temperament.Revocation, c.Temperament.AccessTokenRevocation = reach, reach
				c.Temperament.SharedClientSession = true
			}, config: func(c *rp.Config) {
				c.Capabilities.Revocation, c.SignalEvery = row.scope, row.clicks
				c.OnLogin = func(http.ResponseWriter, *http.Request, *rp.Login) error {
					if again.Load() {
						time.Sleep(row.app)
					}
					return nil
				}
			}}
			inBubble(t, s, func(t *testing.T, w *world) {
				slow := idpmock.Fault{Endpoint: idpmock.EndpointRevoke, Delay: 3 * time.Second, Times: idpmock.Always}
				slow.DropAfterCommit = !row.answered
				fault := w.idp.Fault(slow)
				v := w.visitor("ada")
				v.login()
				v.submit("/auth/logout")
				time.Sleep(time.Second)
				again.Store(true)
				v.login()
				again.Store(false)
				time.Sleep(3 * time.Second)
				if fault.Hits() == 0 {
					t.Fatal("nothing was revoked: the test shows nothing")
				}
				for range 30 * time.Minute / row.clicks {
					time.Sleep(row.clicks)
					if a, _ := v.follow("/private"); a.status != http.StatusOK {
						t.Errorf("%s after the log-in: %v", w.age(), a)
					}
				}
				w.note(func() {
					if !slices.ContainsFunc(w.signals, func(e event.Signal) bool { return e.Err != nil }) {
						t.Errorf("no token was refused: the test shows nothing")
					}
				})
				w.expectEnds(row.ends...)
			})
		})
	}
}
