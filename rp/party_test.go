package rp_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// stranger is another relying party for the world's store.
type stranger struct {
	name   string
	config func(w *world, c *rp.Config)
}

// strangers are all the ways of not being "notes" at the world's IdP.
func strangers() []stranger {
	return []stranger{
		{"another client of the same IdP", func(_ *world, c *rp.Config) { c.ClientID = "photos" }},
		{"the same client id at another IdP, with the same people", func(w *world, c *rp.Config) {
			client := idpmock.Client{ID: "notes", Secret: "s3cret", RedirectURIs: []string{base + "/auth/callback"},
				RefreshTokens: true}
			second, err := idpmock.New(idpmock.Config{Issuer: "https://idp2.example", SigningAlg: "ES256",
				Clients: []idpmock.Client{client}})
			if err != nil {
				w.Fatal(err)
			}
			w.Cleanup(second.Close)
			w.serve("idp2.example", second.Handler())
			c.Issuer = "https://idp2.example"
		}},
	}
}

// withStranger runs f with "notes" as instance 0 and a stranger as instance 1 of
// the load balancer, on the same store and keys.
func withStranger(t *testing.T, change func(*rp.Config), f func(t *testing.T, w *world, ends *[]event.End)) {
	for _, other := range strangers() {
		t.Run(other.name, func(t *testing.T) {
			s := setup{idp: patient, config: change}
			inBubble(t, s, func(t *testing.T, w *world) {
				var ends []event.End
				theirs := setup{config: func(c *rp.Config) {
					if change != nil {
						change(c)
					}
					other.config(w, c)
					c.Events = event.Handlers{End: func(e event.End) { w.note(func() { ends = append(ends, e) }) }}
				}}
				auth := w.relyingParty(theirs)
				w.auth, w.apps = append(w.auth, auth), append(w.apps, w.app(auth))
				f(t, w, &ends)
			})
		})
	}
}

// C9: a cookie of one party opens nothing at the other, whatever is asked for.
func TestForeignCookie(t *testing.T) {
	withStranger(t, nil, func(t *testing.T, w *world, ends *[]event.End) {
		v := w.visitor("ada")
		v.login()
		v.instance = "1"
		if a := v.get("/private"); a.status != http.StatusFound || strings.Contains(a.body, "ada") {
			t.Errorf("a page: %v", a)
		}
		for _, path := range []string{"/private", "/auth/draft-key", "/auth/events"} {
			if a := v.fetch(path); a.status != http.StatusUnauthorized || !strings.Contains(a.body, "login_required") {
				t.Errorf("%s: %v", path, a)
			}
		}
		if s := v.status(); s.State != "anonymous" || s.Subject != "" {
			t.Errorf("status: %+v", s)
		}
		if a := v.submit("/auth/logout"); a.location() != "/auth/logged-out" {
			t.Errorf("logging out there: %v", a)
		}
		v.instance = "0"
		v.welcome()
		w.expectEnds()
		if len(*ends) > 0 {
			t.Errorf("the stranger reports %+v", *ends)
		}
	})
}

// C9: the same person at both: neither can list, end or revoke what the other
// has, by subject or sid, nor use its once-ids up.
func TestForeignReferences(t *testing.T) {
	withStranger(t, nil, func(t *testing.T, w *world, ends *[]event.End) {
		v := w.visitor("ada")
		v.login()
		sid := v.session().SID
		if _, err := w.auth[1].Plant(t.Context(), "ada", sid); err != nil {
			t.Fatal(err)
		}
		underWay := w.visitor("ada")
		callback := underWay.authorize(underWay.start("/auth/login?return_to=/private"))
		for what, end := range map[string]func() (int, error){
			"subject": func() (int, error) { return w.auth[1].EndSessions(t.Context(), rp.Whose{Subject: "ada"}) },
			"sid":     func() (int, error) { return w.auth[1].EndSessions(t.Context(), rp.Whose{SID: sid}) },
			"both": func() (int, error) {
				return w.auth[1].EndSessions(t.Context(), rp.Whose{Subject: "ada", SID: sid})
			},
		} {
			if _, err := end(); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		v.welcome()
		if a := underWay.get(callback); a.location() != "/private" {
			t.Errorf("a log-in under way: %v", a)
		}
		w.run = func(rw http.ResponseWriter, r *http.Request, s *rp.Session) {
			if s.Issuer() != issuer {
				t.Errorf("issuer %q", s.Issuer())
			}
			list, err := s.List(r.Context())
			if err != nil || len(list) != 2 {
				t.Errorf("%d sessions, %v: want both of this party", len(list), err)
			}
			if n, err := s.EndOthers(r.Context()); n != 1 || err != nil {
				t.Errorf("EndOthers: %d, %v", n, err)
			}
		}
		v.get("/run")
		w.expectEnds(reason.UserLogout)
		synctest.Wait()
		if len(*ends) != 1 || (*ends)[0].Reason != reason.Admin {
			t.Errorf("the stranger reports %+v, want the end of its own session", *ends)
		}
		for i, auth := range w.auth {
			if first, err := auth.Once(t.Context(), "id", time.Now().Add(time.Hour)); !first || err != nil {
				t.Errorf("party %d: the id is used up, %v", i, err)
			}
		}
	})
}

// C9: the sweeper claims its own only: the stranger neither reports the other's
// expired session nor sends its tokens to its own IdP.
func TestForeignSweeper(t *testing.T) {
	idle := func(c *rp.Config) { c.Idle = 10 * time.Minute }
	withStranger(t, idle, func(t *testing.T, w *world, ends *[]event.End) {
		w.visitor("ada").login()
		if err := w.auth[0].Close(); err != nil { // only the stranger is left
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		if len(*ends) > 0 {
			t.Errorf("the stranger reports %+v", *ends)
		}
		w.idp.Expect(idpmock.EndpointRevoke, "", 0)
		w.auth[0] = w.relyingParty(setup{idp: patient, config: idle})
		time.Sleep(10 * time.Minute)
		w.expectEnds(reason.Idle)
		w.idp.Expect(idpmock.EndpointRevoke, "notes", 2)
	})
}

// RFC 9700 §4.4: a log-in that one party has begun is not taken up by the other,
// nor used up there.
func TestForeignCallback(t *testing.T) {
	withStranger(t, nil, func(t *testing.T, w *world, _ *[]event.End) {
		v := w.visitor("ada")
		callback := v.authorize(v.start("/auth/login?return_to=/private"))
		thief := v.thief()
		thief.instance = "1"
		if a := thief.get(callback); a.status != http.StatusBadRequest || thief.id() != "" {
			t.Errorf("the stranger's callback: %v", a)
		}
		w.idp.Expect(idpmock.EndpointCode, "", 0) // the code was sent to nobody
		if a := v.get(callback); a.location() != "/private" {
			t.Errorf("the callback: %v", a)
		}
		v.welcome()
	})
}

// C9: the same client with other keys on the same store, as after a mistake: no
// session of it is read, ended or forgotten by mistake.
func TestOtherKeysOnOneStore(t *testing.T) {
	s := setup{idp: patient, config: func(c *rp.Config) { c.Idle = time.Hour }}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		other := s
		other.config = func(c *rp.Config) { c.Keys, c.Idle = rp.Keys{rp.NewKey()}, time.Minute }
		auth := w.relyingParty(other)
		if n, err := auth.EndSessions(t.Context(), rp.Whose{SID: v.session().SID}); n != 0 || err != nil {
			t.Errorf("EndSID: %d, %v", n, err)
		}
		if n, err := auth.EndSessions(t.Context(), rp.Whose{Subject: "ada"}); n != 0 || err != nil {
			t.Errorf("EndSubject: %d, %v", n, err)
		}
		for range 12 {
			time.Sleep(30 * time.Minute)
			v.welcome()
		}
		// It is due while its own instance rests: the stranger cannot read it, and so
		// cannot know that it is over.
		if err := w.auth[0].Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(90 * time.Minute)
		w.expectEnds()
		w.relyingParty(s)
		time.Sleep(10 * time.Minute)
		w.expectEnds(reason.Idle)
	})
}

// A subject or sid in a store is hidden by Config.Keys: whoever has a dump and a
// list of people cannot tell who is in it.
func TestReferencesAreKeyed(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		before, err := w.store.Load(t.Context(), w.auth[0].KeyOf(v.id()))
		if err != nil {
			t.Fatal(err)
		}
		w.restart(setup{}, rp.NewKey())
		v.login()
		after, err := w.store.Load(t.Context(), w.auth[0].KeyOf(v.id()))
		if err != nil {
			t.Fatal(err)
		}
		if before.Owner != after.Owner || before.Owner == (store.Key{}) {
			t.Error("the owner depends on Config.Keys")
		}
		for i := range before.Refs {
			if before.Refs[i] == after.Refs[i] {
				t.Errorf("reference %d does not depend on Config.Keys", i)
			}
		}
	})
}

// Instances whose keys roll one after the other: each finds, ends and forbids
// what the other has begun, and a session that a log-out has spared goes on.
func TestLogoutWhileKeysRoll(t *testing.T) {
	old, fresh := rp.NewKey(), rp.NewKey()
	for name, rolled := range map[string]bool{"begun before the roll": false, "begun after it": true} {
		t.Run(name, func(t *testing.T) {
			s := setup{idp: patient, instances: 2}
			inBubble(t, s, func(t *testing.T, w *world) {
				w.idp.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
				w.restart(s, old, fresh)
				end := "1"
				w.keys = rp.Keys{fresh, old}
				if err := w.auth[1].Close(); err != nil {
					t.Fatal(err)
				}
				w.auth[1] = w.relyingParty(s)
				w.apps[1] = w.app(w.auth[1])
				v, underWay := w.visitor("ada"), w.visitor("ada")
				if rolled {
					end = "0"
					v.instance, underWay.instance = "1", "1"
				}
				v.login()
				callback := underWay.authorize(underWay.start("/auth/login"))
				idp := w.visitor("")
				idp.instance = end
				form := url.Values{"logout_token": {w.logoutToken(v.session(), idpmock.LogoutSubOnly)}}
				w.judged(idp.do("POST", "/auth/backchannel-logout", form, fromIdP), true)
				v.expect("ended", reason.BackchannelLogout)
				if a := underWay.get(callback); a.status != http.StatusBadRequest {
					t.Errorf("a log-in under way: %v", a)
				}

				// Who logs in again is spared, and the roll goes on around them.
				time.Sleep(2 * time.Second)
				v.login()
				for range 4 {
					time.Sleep(5 * time.Minute)
					v.instance = map[string]string{"0": "1", "1": "0", "": "1"}[v.instance]
					v.welcome()
				}
				w.expectEnds(reason.BackchannelLogout)
			})
		})
	}
}
