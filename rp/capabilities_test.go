package rp_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/idps"
	"github.com/tandem-sso/tandem/rp/reason"
)

// provider is a kind of IdP as section I of the standards has it, and idp-mock
// configured like it.
type provider struct {
	issuer  string
	byHand  *idps.Capabilities // nil: chosen by the issuer
	idp     func(*idpmock.Config)
	client  func(*idpmock.Client)
	want    string // their name
	refresh bool   // a refresh extends the session and proves it
	calls   bool   // so do userinfo and introspection
}

func like(name string) idps.Capabilities {
	c, ok := idps.Named(name)
	if !ok {
		panic("nobody knows " + name)
	}
	return c
}

// Tokens with a life of their own: neither do they extend the session nor does
// its end take them away, and nobody is told that it has expired.
func independent(c *idpmock.Config) {
	c.CoordinateClientLifetimes, c.ExpiredSessionsTriggerBackchannelLogout = false, false
}

func coordinated(c *idpmock.Config) { c.CoordinateClientLifetimes = true }

func noBackchannel(c *idpmock.Client) { c.BackchannelLogoutURI = "" }

var providers = func() map[string]provider {
	duende, hydra := like("duende"), like("hydra")
	keycloak := func(c *idpmock.Config) {
		c.CoordinateClientLifetimes, c.ExpiredSessionsTriggerBackchannelLogout, c.RefreshExpiresIn = true, false, true
	}
	return map[string]provider{
		"an unknown one": {issuer: "https://login.example.com", idp: coordinated, want: "unverified",
			refresh: true, calls: true},
		"Duende by hand": {issuer: "https://login.example.com", byHand: &duende, idp: coordinated,
			want: "duende", refresh: true, calls: true},
		"Keycloak": {issuer: "https://sso.example.com/realms/staff", idp: keycloak, client: noBackchannel,
			want: "keycloak", refresh: true},
		"Keycloak before 17": {issuer: "https://sso.example.com/auth/realms/staff", idp: keycloak,
			client: noBackchannel, want: "keycloak", refresh: true},
		"Auth0": {issuer: "https://notes.eu.auth0.com", idp: independent, want: "auth0"},
		"Okta": {issuer: "https://notes.okta.com/oauth2/default", idp: independent,
			client: noBackchannel, want: "okta"},
		"Entra ID": {issuer: "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0",
			idp: independent, client: noBackchannel, want: "entra"},
		"login.gov": {issuer: "https://secure.login.gov", idp: independent, client: noBackchannel,
			want: "login.gov"},
		"Hydra of Ory Network": {issuer: "https://notes.projects.oryapis.com", idp: independent, want: "hydra"},
		"Hydra by hand": {issuer: "https://login.example.com", byHand: &hydra, idp: independent,
			want: "hydra"},
		"a name like auth0's": {issuer: "https://auth0.com.evil.example", idp: coordinated, want: "unverified",
			refresh: true, calls: true},
		"a name that ends in it": {issuer: "https://notauth0.com", idp: coordinated, want: "unverified", refresh: true,
			calls: true},
	}
}()

// inside runs f in a world whose IdP has this one's issuer and habits.
func (pr provider) inside(t *testing.T, s setup, f func(t *testing.T, w *world)) {
	t.Helper()
	change := s.config
	s.idp = func(c *idpmock.Config) { pr.idp(c); c.Issuer = pr.issuer }
	client := s.client
	s.client = func(c *idpmock.Client) {
		if client != nil {
			client(c)
		}
		if pr.client != nil {
			pr.client(c)
		}
	}
	s.config = func(c *rp.Config) {
		next := c.HTTPClient.Transport
		c.HTTPClient = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			if strings.HasPrefix(r.URL.String(), pr.issuer+"/") { // it lives at another address of our network
				r = r.Clone(r.Context())
				r.URL.Host = "idp.example"
			}
			resp, err := next.RoundTrip(r)
			if err == nil && strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration") {
				resp.Body = withoutMock(resp.Body)
			}
			return resp, err
		})}
		c.Capabilities, c.IdPWindow = pr.byHand, window
		if change != nil {
			change(c)
		}
	}
	inBubble(t, s, f)
}

// withoutMock is discovery that does not say that it is idp-mock's: a real IdP has no such word.
func withoutMock(body io.ReadCloser) io.ReadCloser {
	defer body.Close()
	text, err := io.ReadAll(body)
	if err != nil {
		return io.NopCloser(iotest.ErrReader(err))
	}
	return io.NopCloser(bytes.NewReader(bytes.ReplaceAll(text, []byte(`"idp_mock":true`), []byte(`"idp_none":true`))))
}

func eachProvider(t *testing.T, s setup, f func(t *testing.T, w *world, pr provider)) {
	t.Helper()
	for name, pr := range providers {
		t.Run(name, func(t *testing.T) {
			pr.inside(t, s, func(t *testing.T, w *world) { f(t, w, pr) })
		})
	}
}

// signIn logs in wherever the IdP is.
func (v *visitor) signIn() {
	v.w.Helper()
	if a, _ := v.follow("/auth/login?return_to=/private"); a.status != 200 {
		v.w.Fatalf("the log-in failed: %v", a)
	}
}

func (w *world) livesAtIdP(sid string) bool {
	_, err := w.idp.Session(sid)
	return err == nil
}

// A look-alike of a known host is not that host: U+212A is a k to strings.ToLower.
func TestCapabilitiesOfALookAlike(t *testing.T) {
	for issuer, want := range map[string]string{
		"https://am.example.com/am/oauth2/realms/root/realms/alpha": "unverified",
		"https://notes.O\u212Ata.com":                               "unverified", "https://notes.OKTA.com": "okta",
		"https://notes.okta.com.": "unverified", "https://okta.com:0443": "unverified",
	} {
		if got := idps.Guess(issuer).Name; got != want {
			t.Errorf("%+q is taken for %q, want %q", issuer, got, want)
		}
	}
}

// IDP-03: which are taken, and what it makes of an hour of activity. Where
// a refresh extends the session, the IdP is told and the session lives; elsewhere
// no refresh pretends to.
func TestCapabilitiesWhatExtends(t *testing.T) {
	eachProvider(t, setup{client: longToken}, func(t *testing.T, w *world, pr provider) {
		told := false
		for _, f := range w.auth[0].Findings() {
			told = told || f.Code == "capabilities" && strings.Contains(f.Text, `"`+pr.want+`"`)
		}
		if !told {
			t.Errorf("they are not those of %s: %v", pr.want, w.auth[0].Findings())
		}
		w.anHourOfUse(idpmock.EndpointRefresh, pr.refresh)
	})
}

// anHourOfUse keeps a person active for longer than W: calls of the endpoint are
// what keeps the IdP session alive, or there are none of them and it is over.
func (w *world) anHourOfUse(endpoint idpmock.Endpoint, extends bool) {
	w.Helper()
	v := w.visitor("ada")
	v.signIn()
	sid, atLogin := v.session().SID, w.idp.Count(endpoint, "notes")
	for range 20 {
		time.Sleep(3 * time.Minute)
		if a := v.get("/private"); a.status != 200 {
			w.Fatalf("after %v: %v", w.age(), a)
		}
	}
	n := w.idp.Count(endpoint, "notes") - atLogin
	if extends && n < 8 || !extends && n > 0 {
		w.Errorf("%d calls of %s in an hour", n, endpoint)
	}
	if w.livesAtIdP(sid) != extends {
		w.Errorf("the IdP session lives: %v", !extends)
	}
	w.expectEnds()
}

// What proves that the session lives: where tokens have a life of their own, a
// refresh that succeeds proves nothing, and the person is looked up by prompt=none.
func TestCapabilitiesWhatProves(t *testing.T) {
	s := setup{client: func(c *idpmock.Client) {
		c.AccessTokenLifetime = 2 * time.Minute
	}, config: func(c *rp.Config) { c.SilentCheck = true }}
	eachProvider(t, s, func(t *testing.T, w *world, pr provider) {
		w.idp.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
		// A page that calls an API: the token is renewed as it runs out.
		w.run = func(rw http.ResponseWriter, r *http.Request, s *rp.Session) {
			if accessToken(r, s) == "" {
				rw.WriteHeader(http.StatusBadGateway)
			}
		}
		v := w.visitor("ada")
		v.signIn()
		sid, silently := v.session().SID, 0
		for range 20 {
			time.Sleep(3 * time.Minute)
			a, asked := v.follow("/run")
			if a.status != 200 {
				t.Fatalf("after %v: %v", w.age(), a)
			}
			if asked {
				silently++
			}
		}
		if pr.refresh != (silently == 0) {
			t.Errorf("prompt=none %d times in an hour", silently)
		}
		if n := w.idp.Count(idpmock.EndpointRefresh, "notes"); n < 8 {
			t.Errorf("%d refreshes in an hour", n)
		}
		if !w.livesAtIdP(sid) {
			t.Error("an hour of activity did not keep the IdP session alive")
		}
		w.expectEnds()

		if err := w.idp.EndSession(sid); err != nil {
			t.Fatal(err)
		}
		refreshed := w.idp.Count(idpmock.EndpointRefresh, "notes")
		why := reason.RefreshRejected
		if !pr.refresh {
			why = reason.Unconfirmed
			time.Sleep(3 * time.Minute)
			if a := v.fetch("/run"); a.status != 200 || w.idp.Count(idpmock.EndpointRefresh, "notes") == refreshed {
				t.Fatalf("the token was not renewed: this IdP is not configured as the test needs it: %v", a)
			}
		}
		time.Sleep(6 * time.Minute)
		a := v.get("/private")
		if !pr.refresh {
			v.get(v.authorize(v.get(a.location()).location()))
		}
		v.expect("ended", why)
		w.expectEnds(why)
	})
}

// A client with an access token only: userinfo is called where it extends, and
// nowhere else.
func TestCapabilitiesUserinfo(t *testing.T) {
	eachProvider(t, setup{kind: rp.ReferenceToken}, func(t *testing.T, w *world, pr provider) {
		w.anHourOfUse(idpmock.EndpointUserinfo, pr.calls)
	})
}

// An API that introspects is a signal only where introspection extends; Keycloak's
// does not any more (KEYCLOAK-18982), so there the app refreshes beside it.
func TestCapabilitiesIntrospection(t *testing.T) {
	var here atomic.Pointer[idptest.Server] // of this provider
	introspecting := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		idp, token := here.Load(), strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		ask := httptest.NewRequest("POST", idp.URL+"/introspect", strings.NewReader("token="+token))
		ask.Header = fromIdP.Clone()
		ask.SetBasicAuth("api", "api")
		answer := httptest.NewRecorder()
		idp.Handler().ServeHTTP(answer, ask)
		if !strings.Contains(answer.Body.String(), `"active":true`) {
			rw.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			rw.WriteHeader(http.StatusUnauthorized)
		}
	})
	s := setup{api: introspecting, client: longToken, config: func(c *rp.Config) { c.APIIntrospects = true }}
	eachProvider(t, s, func(t *testing.T, w *world, pr provider) {
		here.Store(w.idp)
		v := w.visitor("ada")
		v.signIn()
		for range 20 {
			time.Sleep(2 * time.Minute) // more often than δ
			if status, _, err := w.calls(v, "/run", whoami); status != 200 {
				t.Fatalf("after %v: %d %v", w.age(), status, err)
			}
		}
		n := w.idp.Count(idpmock.EndpointRefresh, "notes")
		if refreshes := pr.refresh && !pr.calls; refreshes && n < 8 || !refreshes && n > 1 {
			t.Errorf("%d refreshes beside 20 calls of the API", n)
		}
		synctest.Wait() // signals are noted beside the page
		api := 0
		w.note(func() {
			for _, e := range w.signals {
				if e.How == "api" {
					api++
				}
			}
		})
		if (api > 0) != pr.calls {
			t.Errorf("%d calls of the API were taken for signals", api)
		}
	})
}

// The end, as each of them tells it.
func TestCapabilitiesLogout(t *testing.T) {
	token := func(faults ...idpmock.LogoutFault) func(*world, *visitor) {
		return func(w *world, v *visitor) { w.judged(w.deliver(w.logoutToken(v.session(), faults...)), true) }
	}
	for name, end := range map[string]func(*world, *visitor){
		"Duende by hand":       token(),
		"Keycloak":             token(idpmock.LogoutLikeOldKeycloak),
		"Auth0":                token(),
		"Hydra of Ory Network": token(idpmock.LogoutLikeHydra),
		"Entra ID": func(w *world, v *visitor) {
			w.visitor("").get("/auth/frontchannel-logout?sid=" + v.session().SID)
		},
		"Okta": func(w *world, v *visitor) {
			w.visitor("").get("/auth/frontchannel-logout?iss=" + w.idp.URL + "&sid=" + v.session().SID)
		},
	} {
		t.Run(name, func(t *testing.T) {
			providers[name].inside(t, setup{}, func(t *testing.T, w *world) {
				v, bob := w.visitor("ada"), w.visitor("bob")
				v.signIn()
				bob.signIn()
				end(w, v)
				if s := v.status(); s.State != "ended" {
					t.Errorf("%+v", s)
				}
				bob.expect("live", "")
			})
		})
	}
}
