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
			s := setup{kind: row.kind, idp: farReaching(reaches[row.scope]), config: func(c *rp.Config) {
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
				if n := fault.Hits(); row.answered && row.app == 0 && n != 1 {
					t.Errorf("%d revocations: the session of the next log-in is known after the first", n)
				}
				w.expectEnds(row.ends...)
			})
		})
	}
}

// The same while a call with the tokens of that log-in is under way: it was sent before the
// revocation was answered, and its own answer comes after that.
func TestRevocationDuringACall(t *testing.T) {
	const second = time.Second
	for name, row := range map[string]struct {
		kind rp.Kind
		call idpmock.Fault
		ends []reason.Reason
	}{
		"a refresh is refused": {rp.RefreshToken, idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Delay: second},
			[]reason.Reason{reason.UserLogout, reason.Replaced}},
		"userinfo refuses": {rp.ReferenceToken, idpmock.Fault{Endpoint: idpmock.EndpointUserinfo, Delay: second},
			[]reason.Reason{reason.UserLogout}},
		"userinfo accepts": {rp.ReferenceToken, idpmock.Fault{Endpoint: idpmock.EndpointUserinfo, DelayAfter: second},
			[]reason.Reason{reason.UserLogout}},
	} {
		t.Run(name, func(t *testing.T) {
			s := setup{kind: row.kind, idp: farReaching(idpmock.ReachUserClient), config: func(c *rp.Config) {
				c.Capabilities.Revocation, c.SignalEvery = idps.RevokesGrant, second
			}}
			inBubble(t, s, func(t *testing.T, w *world) {
				w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRevoke, Delay: 3 * second})
				v := w.visitor("ada")
				v.login()
				v.submit("/auth/logout")
				time.Sleep(second)
				v.login()
				time.Sleep(second + second/2)
				call := w.idp.Fault(row.call)
				v.welcome() // 2.5 s after the log-out; the call comes back at 3.5 s
				for range 60 {
					time.Sleep(10 * second)
					if a, _ := v.follow("/private"); a.status != http.StatusOK {
						t.Errorf("%s after the log-in: %v", w.age(), a)
					}
				}
				if call.Hits() != 1 || !w.log.has("a revocation may have reached") {
					t.Errorf("%d calls were under way: the test shows nothing", call.Hits())
				}
				w.expectEnds(row.ends...)
			})
		})
	}
}

// A log-in that begins when the revocation is over is not doubted, nor is any if the IdP refuses to
// revoke.
func TestRevocationThatReachesNobody(t *testing.T) {
	for name, row := range map[string]struct {
		fault idpmock.Fault
		wait  time.Duration
	}{
		"it is over": {idpmock.Fault{Endpoint: idpmock.EndpointRevoke}, 10 * time.Second},
		"it was refused": {idpmock.Fault{Endpoint: idpmock.EndpointRevoke, Status: 400,
			Error: "unsupported_token_type", Delay: 3 * time.Second, Times: idpmock.Always}, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			s := setup{idp: farReaching(idpmock.ReachUserClient), config: func(c *rp.Config) {
				c.Capabilities.Revocation = idps.RevokesGrant
			}}
			inBubble(t, s, func(t *testing.T, w *world) {
				asked := w.idp.Fault(row.fault)
				v := w.visitor("ada")
				v.login()
				v.submit("/auth/logout")
				time.Sleep(row.wait)
				v.login()
				time.Sleep(time.Minute)
				v.welcome()
				if asked.Hits() == 0 || w.log.has("a revocation may have reached") {
					t.Errorf("%d calls; the log:\n%s", asked.Hits(), w.log)
				}
			})
		})
	}
}

// farReaching is an IdP whose revocations take along what the person has elsewhere.
func farReaching(reach idpmock.Reach) func(*idpmock.Config) {
	return func(c *idpmock.Config) {
		patient(c)
		c.Temperament.Revocation, c.Temperament.AccessTokenRevocation = reach, reach
		c.Temperament.SharedClientSession = true
	}
}
