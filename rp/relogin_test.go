package rp_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/idps"
	"github.com/tandem-sso/tandem/rp/reason"
)

// Who is logged in and comes by a bookmark, a restored tab or another site goes
// straight to where they wanted; a link of the app, or a log-in that asks for
// something particular, logs in anew.
func TestLoginOfWhoIsIn(t *testing.T) {
	inBubble(t, setup{idp: patient}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		id := v.id()
		for _, row := range []struct {
			site, query string
			in          bool
		}{
			{"none", "", true},
			{"cross-site", "", true},
			{"same-site", "", true},
			{"same-origin", "", false},
			{"", "", false}, // an old browser does not say
			{"none", "&anew=1", false},
			{"none", "&iss=" + url.QueryEscape(issuer), false},
			{"none", "&login_hint=bob", false},
			{"none", "&prompt=login", false},
			{"none", "&acr_values=high", false},
			{"cross-site", "&max_age=60", false},
		} {
			h := with(navigating, "Sec-Fetch-Site", row.site)
			if row.site == "" {
				h = http.Header{"Accept": {"text/html"}}
			}
			a := v.do("GET", "/auth/login?return_to=/private/deep%3Fa=b"+row.query, nil, h)
			if in := a.status == http.StatusSeeOther && a.location() == "/private/deep?a=b"; in != row.in {
				t.Errorf("%+v: %v", row, a)
			}
			if a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%+v: the answer may be stored", row)
			}
		}
		if v.id() != id {
			t.Error("the session was replaced")
		}
		w.expectEnds()

		time.Sleep(6 * time.Minute) // no longer trusted
		if a := v.get("/auth/login?return_to=/private"); a.status != http.StatusFound {
			t.Errorf("a session that is not confirmed: %v", a)
		}
		stranger := w.visitor("bob")
		if a := stranger.get("/auth/login?return_to=/private"); a.status != http.StatusFound {
			t.Errorf("nobody: %v", a)
		}
		v.submit("/auth/logout")
		if a := v.get("/auth/login?return_to=/private"); a.status != http.StatusFound {
			t.Errorf("an ended session: %v", a)
		}
	})
}

// The same person's log-in in the same browser keeps the app's own values; another
// person's does not.
func TestValuesOverARelogin(t *testing.T) {
	inBubble(t, setup{idp: patient}, func(t *testing.T, w *world) {
		w.run = func(rw http.ResponseWriter, r *http.Request, _ *rp.Session) {
			s, err := w.auth[0].Values().Get(r, "cart")
			if err != nil {
				t.Error(err)
			}
			if add := r.URL.Query().Get("add"); add != "" {
				s.Values["item"] = add
				if err := s.Save(r, rw); err != nil {
					t.Error(err)
				}
			}
			fmt.Fprint(rw, s.Values["item"])
		}
		v := w.visitor("ada")
		v.login()
		v.get("/run?add=book")
		old := v.id()
		v.login()
		if a := v.get("/run"); a.body != "book" || v.id() == old {
			t.Errorf("after the same person's log-in: %v", a)
		}
		v.idp = w.idp.Browser("bob")
		v.login()
		if a := v.get("/run"); a.body != "<nil>" {
			t.Errorf("after another person's log-in: %v", a)
		}
		w.expectEnds(reason.Replaced, reason.Replaced)
	})
}

// What a revocation may take along decides whether there is one. Each row: how a
// session ends while another one of the same person may live.
func TestRevocationSparesOtherSessions(t *testing.T) {
	const tab, browser, alone = "the same session of the IdP", "another browser", "nobody else"
	for _, row := range []struct {
		scope  idps.RevocationScope
		end    reason.Reason
		beside string
		want   int // tokens that are revoked
	}{
		{idps.RevokesToken, reason.Replaced, tab, 2},
		{idps.RevokesFamily, reason.Replaced, tab, 2},
		{idps.RevokesClientSession, reason.Replaced, tab, 0},
		{idps.RevokesGrant, reason.Replaced, tab, 0},
		{idps.RevokesClientSession, reason.UserLogout, tab, 0},
		{idps.RevokesClientSession, reason.UserLogout, browser, 2},
		{idps.RevokesClientSession, reason.UserLogout, alone, 2},
		{idps.RevokesGrant, reason.UserLogout, browser, 0},
		{idps.RevokesGrant, reason.UserLogout, alone, 2},
		{idps.RevokesGrant, reason.Admin, alone, 2},
		{idps.RevokesFamily, reason.Idle, alone, 2},
		{idps.RevokesClientSession, reason.Idle, alone, 0},
		{idps.RevokesGrant, reason.Idle, alone, 0},
		{idps.RevokesGrant, reason.Absolute, alone, 0},
	} {
		t.Run(fmt.Sprintf("%v, %s, %s", row.scope, row.end, row.beside), func(t *testing.T) {
			s := setup{idp: patient, config: func(c *rp.Config) {
				c.Capabilities.Revocation = row.scope
				switch row.end {
				case reason.Idle:
					c.Idle = 10 * time.Minute
				case reason.Absolute:
					c.Absolute = 10 * time.Minute
				}
			}}
			inBubble(t, s, func(t *testing.T, w *world) {
				w.idp.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
				v, other := w.visitor("ada"), w.visitor("ada")
				v.login()
				switch row.beside {
				case tab:
					other.idp = v.idp
					other.login()
				case browser:
					other.login()
				}
				switch row.end {
				case reason.Replaced:
					v.login()
				case reason.UserLogout:
					v.submit("/auth/logout")
				case reason.Admin:
					if n, err := w.auth[0].EndSessions(t.Context(), rp.Whose{Subject: "ada"}); n != 1 || err != nil {
						t.Fatal(n, err)
					}
				}
				time.Sleep(15 * time.Minute)
				w.idp.Expect(idpmock.EndpointRevoke, "notes", row.want)
			})
		})
	}
}

// A revocation that failed and is tried again does not hit the session that has
// begun meanwhile.
func TestLateRevocationSparesALaterLogin(t *testing.T) {
	s := setup{idp: patient, config: func(c *rp.Config) { c.Capabilities.Revocation = idps.RevokesGrant }}
	inBubble(t, s, func(t *testing.T, w *world) {
		down := w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRevoke, Status: 503, Times: idpmock.Always})
		v := w.visitor("ada")
		v.login()
		v.submit("/auth/logout")
		time.Sleep(10 * time.Second)
		if down.Hits() == 0 {
			t.Fatal("nothing was tried: the test shows nothing")
		}
		v.login()
		down.Remove()
		tried := w.idp.Count(idpmock.EndpointRevoke, "notes")
		for range 6 {
			time.Sleep(time.Minute)
			v.welcome()
		}
		if n := w.idp.Count(idpmock.EndpointRevoke, "notes"); n != tried {
			t.Errorf("%d more revocations", n-tried)
		}
	})
}
