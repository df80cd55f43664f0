package virtualtime

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp/reason"
)

// work is activity in one app only, with breaks shorter than W − δ. Meanwhile
// the pages of the other apps poll.
func (p *ada) work(a app, d time.Duration) {
	p.w.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	for until := time.Now().Add(d); time.Now().Before(until); {
		p.visit(a)
		time.Sleep(time.Duration(r.Int64N(int64(11*time.Minute + 30*time.Second))))
	}
	p.visit(a)
}

// A day on which only one app is used: the others are still there in the evening
// (C1, C3). Then the person leaves, pages keep polling, and every app lets go,
// each for a reason of its own (C2, C7).
func TestOneActiveAppKeepsAll(t *testing.T) {
	for _, tokens := range []struct {
		name     string
		lifetime time.Duration
	}{{"access tokens shorter than W", 5 * time.Minute}, {"access tokens longer than W", time.Hour}} {
		t.Run(tokens.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, told{news}, func(c *idpmock.Client) {
					if c.RefreshTokens {
						c.AccessTokenLifetime = tokens.lifetime
					}
				})
				p := w.ada()
				p.signIn(notes)
				p.visit(photos) // single sign-on: no form
				p.visit(news)
				if n := len(w.idp.Sessions()); n != 1 {
					t.Fatalf("%d IdP sessions, want 1", n)
				}

				p.work(notes, 6*time.Hour)
				for _, a := range all {
					p.hasState(a, "live", "")
					p.visit(a)
				}
				p.leaves(notes, photos, news)

				p.hasState(news, "ended", reason.BackchannelLogout)
				p.isOut(notes)
				p.isOut(photos)
				p.isOut(news)
				w.ended(notes, reason.RefreshRejected)
				w.ended(photos, reason.APIUnauthorized)
				w.ended(news, reason.BackchannelLogout)
				for _, a := range all {
					p.hasState(a, "ended", w.endsOf(a)[0].Reason)
				}
			})
		})
	}
}

// leaves: the person goes, the pages stay open and poll until the window is over.
// The IdP hears nothing in the meantime, and no app serves a poll after W.
func (p *ada) leaves(apps ...app) {
	p.w.Helper()
	left := time.Now()
	time.Sleep(5 * time.Second) // an app whose API may be the signal waits so long
	synctest.Wait()             // signals that run beside the last pages
	idp := p.w.idp
	last := idp.Sessions()[0].IdleDeadline
	if early, late := left.Add(window-5*time.Minute), left.Add(window+5*time.Second); last.Before(early) ||
		last.After(late) {
		p.w.Errorf("the IdP session ends at %v; the person left at %v", last, left)
	}
	idp.ResetRequests()
	for time.Now().Before(last.Add(2 * time.Second)) {
		for _, a := range apps {
			p.Fetch(http.MethodGet, a.url("/poll"))
			p.Fetch(http.MethodGet, a.url("/auth/session"))
		}
		if len(idp.Sessions()) > 0 && idp.Sessions()[0].IdleDeadline != last {
			p.w.Fatal("a poll has extended the IdP session")
		}
		time.Sleep(time.Minute)
	}
	idp.Settle()
	for _, e := range []idpmock.Endpoint{idpmock.EndpointToken, idpmock.EndpointUserinfo, idpmock.EndpointIntrospect,
		idpmock.EndpointAuthorize} {
		idp.Expect(e, "", 0)
	}
	for _, a := range apps {
		if page := p.Fetch(http.MethodGet, a.url("/poll")); page.Status != http.StatusUnauthorized {
			p.w.Errorf("%s serves an absent person %v after W: %s", a.name, time.Since(last), page)
		}
	}
}

// Each of the apps alone can keep the others: what it tells the IdP by differs,
// what the person sees does not. The app without tokens has nothing to tell.
func TestActiveInThisAppOnly(t *testing.T) {
	for _, active := range []app{notes, photos} {
		t.Run(active.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, all, nil)
				p := w.ada()
				p.signIn(news)
				p.visit(notes)
				p.visit(photos)
				p.work(active, 4*time.Hour)
				for _, a := range all {
					p.visit(a)
				}
				p.leaves(all...)
				for _, a := range all { // all are told, all know why
					p.hasState(a, "ended", reason.BackchannelLogout)
					w.ended(a, reason.BackchannelLogout)
					p.isOut(a)
				}
			})
		})
	}
	t.Run("news cannot", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, all, nil)
			p := w.ada()
			p.signIn(news)
			p.visit(notes)
			for range 4 {
				time.Sleep(4 * time.Minute)
				if s := p.status(news); s.State == "live" {
					p.visit(news)
				}
			}
			for _, a := range []app{news, notes} {
				p.hasState(a, "ended", reason.BackchannelLogout)
			}
		})
	})
}

// A day of nothing but API calls, in an app that has only an access token: each
// call is looked up at the IdP by the API, and that is all the IdP hears.
func TestCallsOfTheAPIKeepAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, all, nil)
		p := w.ada()
		p.signIn(photos)
		p.visit(notes)
		w.idp.ResetRequests()
		calls := 0
		for until := time.Now().Add(4 * time.Hour); time.Now().Before(until); calls++ {
			time.Sleep(4 * time.Minute)
			if page := p.Fetch(http.MethodGet, photos.url("/api")); page.Status != http.StatusOK ||
				page.Body != "API knows ada" {
				t.Fatalf("call %d: %s", calls, page)
			}
		}
		w.idp.Expect(idpmock.EndpointIntrospect, "", calls)
		w.idp.Expect(idpmock.EndpointUserinfo, "", 0)
		p.visit(notes)
	})
}

// The session ends at the IdP and nobody is told. An app that calls the API
// learns of it from the API's 401, at the first call and not only when its trust
// runs out; what it makes of it depends on what it can ask.
func TestEndSeenByTheAPI(t *testing.T) {
	for a, reason := range map[app]reason.Reason{notes: reason.RefreshRejected, photos: reason.APIUnauthorized} {
		t.Run(a.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil, nil)
				p := w.ada()
				p.signIn(a)
				time.Sleep(10 * time.Second)
				if err := w.idp.EndSession(w.idp.Sessions()[0].SID); err != nil {
					t.Fatal(err)
				}
				p.hasState(a, "live", "") // how could it know
				w.idp.ResetRequests()
				page := p.Fetch(http.MethodGet, a.url("/api"))
				if page.Status != http.StatusUnauthorized || !strings.Contains(page.Body, string(reason)) {
					t.Errorf("the call: %s", page)
				}
				w.idp.Expect(idpmock.EndpointIntrospect, "", 1)
				w.ended(a, reason)
				p.isOut(a)
			})
		})
	}
}

// Log out in one app: the others follow at once, not after W (C8), and whoever
// logs in again gets a new session under a new cookie.
func TestLogoutFollows(t *testing.T) {
	for _, leaving := range all {
		t.Run(leaving.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, all, nil)
				p := w.ada()
				p.signIn(notes)
				p.visit(photos)
				p.visit(news)
				before := p.Cookie(leaving.url("/"), "__Host-tandem")
				time.Sleep(time.Hour / 12)

				began := time.Now()
				done := p.Post(leaving.url("/auth/logout"), nil)
				if done.Status != http.StatusOK || done.URL.Path != "/auth/logged-out" ||
					done.URL.Host != leaving.name+".example" {
					t.Fatalf("not logged out: %s", done)
				}
				w.idp.Settle()
				if d := time.Since(began); d > time.Second {
					t.Errorf("the others followed after %v", d)
				}
				for _, a := range all {
					why := reason.BackchannelLogout
					if a == leaving {
						why = reason.UserLogout
					}
					p.hasState(a, "ended", why)
					w.ended(a, why)
				}
				if n := len(w.idp.Sessions()); n != 0 {
					t.Errorf("%d IdP sessions are left", n)
				}
				p.signIn(leaving)
				if after := p.Cookie(leaving.url("/"), "__Host-tandem"); before == "" || after == "" ||
					before == after {
					t.Errorf("cookies before %v, after %v: want another session", before, after)
				}
			})
		})
	}
}

// The IdP session ends after its absolute lifetime however busy the person is.
func TestAbsoluteEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, all, nil)
		p := w.ada()
		p.signIn(notes)
		p.visit(photos)
		end := time.Now().Add(day)
		for time.Now().Before(end.Add(-9 * time.Minute)) {
			p.visit(notes)
			p.visit(photos)
			time.Sleep(8 * time.Minute)
		}
		time.Sleep(time.Until(end) + 2*time.Second)
		p.isOut(notes)
		p.isOut(photos)
	})
}
