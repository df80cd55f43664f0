package rp_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

const basicModule = "oidcc-client-test"

// module is one test of the OpenID Foundation's suite for clients. Those that are not here
// have a test of their own: docs/conformance.md has them all.
type module struct {
	name  string // without basicModule
	tune  func(*setup)
	run   func(*conformance)
	plans string // b basic and form_post, c config, r refresh token, o others, l logout
}

var oidcModules = []module{
	{"", nil, (*conformance).accepts, "b"},
	{"-invalid-iss", nil, (*conformance).refuses, "b"},
	{"-missing-sub", nil, (*conformance).refuses, "b"},
	{"-invalid-aud", nil, (*conformance).refuses, "b"},
	{"-missing-iat", nil, (*conformance).refuses, "b"},
	{"-kid-absent-single-jwks", nil, (*conformance).accepts, "b"},
	{"-kid-absent-multiple-jwks", nil, (*conformance).severalKeys, "b"},
	{"-idtoken-sig-rs256", nil, (*conformance).accepts, "b"},
	{"-idtoken-sig-none", nil, (*conformance).refuses, "bc"},
	{"-invalid-sig-rs256", nil, (*conformance).refuses, "b"},
	{"-userinfo-bearer-header", nil, (*conformance).bearer, "b"},
	{"-userinfo-bearer-body", inForm, (*conformance).bearerInForm, "b"},
	{"-userinfo-invalid-sub", nil, (*conformance).refusesUserinfo, "b"},
	{"-nonce-invalid", nil, (*conformance).refuses, "b"},
	{"-scope-userinfo-claims", nil, (*conformance).scopes, "b"},
	{"-client-secret-basic", onlyBasic, (*conformance).accepts, "b"},

	{"-discovery-openid-config", nil, (*conformance).discovery, "c"},
	{"-discovery-jwks-uri-keys", nil, (*conformance).keys, "c"},
	{"-discovery-issuer-mismatch", nil, (*conformance).issuerMismatch, "c"},
	{"-signing-key-rotation-just-before-signing", nil, (*conformance).accepts, "c"},
	{"-signing-key-rotation", nil, (*conformance).rotation, "c"},

	{"-request-uri-signed-rs256", fetchedRS256, (*conformance).byReference, "c"},
	{"-request-uri-signed-none", fetched, (*conformance).byReference, "c"},

	{"-refresh-token", nil, (*conformance).refresh, "r"},
	{"-refresh-token-invalid-issuer", nil, (*conformance).refreshOtherIssuer, "r"},
	{"-refresh-token-invalid-sub", nil, (*conformance).refreshOtherSub, "r"},

	{"-missing-aud", nil, (*conformance).refuses, "o"},
	{"-invalid-sig-hs256", nil, (*conformance).refuses, "o"},
	{"-invalid-sig-es256", es256, (*conformance).refuses, "o"},
	{"-invalid-athash", nil, (*conformance).refuses, "o"},
	{"-missing-athash", nil, (*conformance).accepts, "o"}, // it is optional in the code flow
	{"-invalid-chash", nil, (*conformance).accepts, "o"},  // it means nothing there
	{"-form-post-error", byFormPost, (*conformance).formPostError, "o"},
	{"-aggregated-claims", nil, (*conformance).claimsOfOthers, "o"},
	{"-distributed-claims", nil, (*conformance).claimsOfOthers, "o"},

	{"-rp-init-logout", nil, (*conformance).logout, "l"},
	{"-rp-init-logout-other-state", nil, (*conformance).logout, "l"},
	{"-rp-init-logout-no-state", nil, (*conformance).logout, "l"},
	{"-rp-frontchannel-rpinitlogout", frontchannel, (*conformance).frontchannelLogout, "l"},
	{"-rp-frontchannel-opinitlogout", frontchannel, (*conformance).frontchannelLogout, "l"},
	{"-rp-backchannel-rpinitlogout", nil, (*conformance).backchannelLogout, "l"},
	{"-rp-backchannel-rpinitlogout-alg-none", nil, (*conformance).backchannelLogout, "l"},
	{"-rp-backchannel-rpinitlogout-no-event", nil, (*conformance).backchannelLogout, "l"},
	{"-rp-backchannel-rpinitlogout-with-nonce", nil, (*conformance).backchannelLogout, "l"},
	{"-rp-backchannel-rpinitlogout-wrong-alg", nil, (*conformance).backchannelLogout, "l"},
	{"-rp-backchannel-rpinitlogout-wrong-aud", nil, (*conformance).backchannelLogout, "l"},
	{"-rp-backchannel-rpinitlogout-wrong-event", nil, (*conformance).backchannelLogout, "l"},
	{"-rp-backchannel-rpinitlogout-wrong-iss", nil, (*conformance).backchannelLogout, "l"},
}

// Each module as the suite's plans have it: the basic ones also with response_mode=form_post.
func TestConformance(t *testing.T) {
	for _, plan := range []struct{ letter, name string }{{"b", "basic"}, {"b", "formpost"}, {"c", "config"},
		{"r", "refreshtoken"}, {"o", "others"}, {"l", "logout"}} {
		for _, m := range oidcModules {
			if !strings.Contains(m.plans, plan.letter) {
				continue
			}
			t.Run(plan.name+"/"+basicModule+m.name, func(t *testing.T) {
				c := &conformance{name: basicModule + m.name}
				s := setup{kind: rp.RefreshToken, idp: rs256, config: func(c *rp.Config) {
					c.IDTokenAlg, c.UserinfoClaims, c.UserinfoAgain = "RS256", true, true
					c.Scopes = []string{"openid", "profile", "email"}
				}}
				if plan.name == "formpost" {
					byFormPost(&s)
				}
				if m.tune != nil {
					m.tune(&s)
				}
				s.config = both(s.config, c.watch)
				c.setup = s
				inBubble(t, s, func(_ *testing.T, w *world) {
					c.world = w
					m.run(c)
				})
			})
		}
	}
}

func rs256(c *idpmock.Config) {
	c.SigningAlg, c.Temperament.ProfileAtUserinfo = "RS256", true
	c.Users = []idpmock.User{{Username: "ada", Name: "Ada L.", Email: "ada@example.com"}, {Username: "bob"}}
}

func both[T any](f, g func(*T)) func(*T) { return func(v *T) { f(v); g(v) } }

func byFormPost(s *setup) { s.config = both(s.config, formPosts) }

func onlyBasic(s *setup) {
	s.client = func(c *idpmock.Client) { c.AuthMethod = "client_secret_basic" }
}

func es256(s *setup) {
	s.idp = both(s.idp, func(c *idpmock.Config) { c.SigningAlg = "ES256" })
	s.config = both(s.config, func(c *rp.Config) { c.IDTokenAlg = "ES256" })
}

func frontchannel(s *setup) {
	s.client = func(c *idpmock.Client) {
		c.BackchannelLogoutURI = ""
		c.FrontchannelLogoutURI, c.FrontchannelSessionRequired = base+"/auth/frontchannel-logout", true
	}
}

func fetched(s *setup) { *s = byReference(*s) }

func fetchedRS256(s *setup) {
	key := oneRSA()
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "sign"}}})
	if err != nil {
		panic(err)
	}
	*s = byReference(*s)
	s.client = both(s.client, func(c *idpmock.Client) { c.Secret, c.JWKS, c.RequireJAR = "", set, true })
	s.config = both(s.config, func(c *rp.Config) {
		c.ClientSecret, c.JAR, c.ClientKeys = "", true, []rp.ClientKey{{ID: "sign", Key: key}}
	})
}

// conformance is one module at work.
type conformance struct {
	*world
	name  string
	setup setup

	mu    sync.Mutex
	asked []*http.Request // by the app
}

// watch remembers what the app asks others.
func (c *conformance) watch(cfg *rp.Config) {
	cfg.IdPTransport = func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			c.mu.Lock()
			c.asked = append(c.asked, r)
			c.mu.Unlock()
			return next.RoundTrip(r)
		})
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// attempt is a log-in, whose answers the module spoils if it does; in reports whether a session
// has begun.
func (c *conformance) attempt(v *visitor) (a *reply, in bool) {
	c.Helper()
	if fault, err := idpmock.NamedFault(c.name); err == nil {
		c.idp.Fault(fault)
	}
	to := v.start("/auth/login?return_to=/private")
	back := v.authorize(to)
	if query(to).Get("response_mode") == "form_post" {
		a = v.again(v.cookieless("/auth/callback", query(back), issuer))
	} else {
		a = v.get(back)
	}
	return a, a.status == http.StatusSeeOther && a.location() == "/private" && v.id() != ""
}

// calls are what the app has asked others so far.
func (c *conformance) calls() []*http.Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.asked)
}

func (c *conformance) userinfos() int { return c.idp.Count(idpmock.EndpointUserinfo, "notes") }

func (c *conformance) accepts() {
	if a, in := c.attempt(c.visitor("ada")); !in || c.userinfos() != 1 {
		c.Errorf("userinfo asked %d times: %v", c.userinfos(), a)
	}
}

func (c *conformance) refuses() {
	if a, in := c.attempt(c.visitor("ada")); in || a.status != http.StatusBadRequest || c.userinfos() != 0 {
		c.Errorf("userinfo asked %d times: %v", c.userinfos(), a)
	}
}

func (c *conformance) refusesUserinfo() {
	if a, in := c.attempt(c.visitor("ada")); in || c.userinfos() != 1 || !c.log.has("another subject") {
		c.Errorf("%v\n%s", a, c.log)
	}
}

func (c *conformance) severalKeys() {
	if err := c.idp.RotateKeys(true); err != nil {
		c.Fatal(err)
	}
	c.accepts()
}

func (c *conformance) bearer() {
	c.accepts()
	for _, r := range c.calls() {
		if r.URL.Path == "/userinfo" && (!strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") ||
			r.URL.RawQuery != "" || r.Method != http.MethodGet) {
			c.Errorf("%s %s, Authorization %.7s", r.Method, r.URL, r.Header.Get("Authorization"))
		}
	}
}

func inForm(s *setup) {
	s.config = both(s.config, func(c *rp.Config) {
		can := *c.Capabilities
		can.UserinfoByPost = true
		c.Capabilities = &can
	})
}

// bearerInForm is what Capabilities.UserinfoByPost makes of it: the token is in the form, and nowhere else.
func (c *conformance) bearerInForm() {
	c.accepts()
	asked := 0
	for _, r := range c.calls() {
		if r.URL.Path != "/userinfo" {
			continue
		}
		asked++
		body, err := r.GetBody()
		if err != nil {
			c.Fatal(err)
		}
		again := &http.Request{Method: r.Method, Header: r.Header, Body: body}
		if err := again.ParseForm(); err != nil || r.Method != http.MethodPost || r.URL.RawQuery != "" ||
			r.Header.Get("Authorization") != "" || len(again.PostForm) != 1 ||
			again.PostForm.Get("access_token") == "" {
			c.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
	}
	if asked != 1 {
		c.Errorf("userinfo was asked %d times", asked)
	}
}

func (c *conformance) scopes() {
	v := c.visitor("ada")
	if a, in := c.attempt(v); !in {
		c.Fatalf("%v", a)
	}
	if got := v.claimsOf(); got["name"] != "Ada L." || got["email"] != "ada@example.com" {
		c.Errorf("%v", got)
	}
}

// byReference: the IdP fetches the request, which is signed as the module wants it, and the log-in goes on. What the
// modules want of the registration is in TestFor of rp/registration.
func (c *conformance) byReference() {
	fetched := c.fetches()
	c.accepts()
	if len(*fetched) != 1 {
		c.Fatalf("%d fetches", len(*fetched))
	}
	want := map[bool]string{true: "RS256", false: "none"}[strings.HasSuffix(c.name, "-rs256")]
	if header, _ := objectIn(c.T, (*fetched)[0].Body.String()); header["alg"] != want {
		c.Errorf("%v", header)
	}
}

func (c *conformance) discovery() {
	c.accepts()
	if c.idp.Count(idpmock.EndpointDiscovery, "") == 0 || c.calls()[0].URL.Path != "/.well-known/openid-configuration" {
		c.Errorf("the first call is %s", c.calls()[0].URL)
	}
}

func (c *conformance) keys() {
	c.accepts()
	if !slices.ContainsFunc(c.calls(), func(r *http.Request) bool { return r.URL.Path == "/jwks" }) {
		c.Error("jwks_uri was not asked")
	}
}

// The foundation's FAPI plan has this one, too.
func (c *conformance) issuerMismatch() {
	fault, err := idpmock.NamedFault(c.name)
	if err != nil {
		c.Fatal(err)
	}
	fault.Times = idpmock.Always
	c.idp.Fault(fault)
	_, err = rp.Diagnose(c.Context(), c.config(c.setup))
	if wrong := (*rp.ConfigError)(nil); !errors.As(err, &wrong) || wrong.Field != "Issuer" {
		c.Errorf("%v", err)
	}
}

func (c *conformance) rotation() {
	c.accepts()
	if err := c.idp.RotateKeys(false); err != nil {
		c.Fatal(err)
	}
	time.Sleep(time.Minute) // keys are not read faster
	if a, in := c.attempt(c.visitor("bob")); !in {
		c.Errorf("%v", a)
	}
}

// refreshes is a log-in, and a refresh whose answer the module spoils.
func (c *conformance) refreshes() *visitor {
	v := c.visitor("ada")
	if a, in := c.attempt(v); !in || c.userinfos() != 1 {
		c.Fatalf("%v", a)
	}
	time.Sleep(6 * time.Minute)
	v.get("/private")
	synctest.Wait()
	time.Sleep(time.Second)
	if n := c.idp.Count(idpmock.EndpointRefresh, "notes"); n != 1 {
		c.Errorf("%d refreshes", n)
	}
	return v
}

func (c *conformance) refresh() {
	c.refreshes().expect("live", "")
	if c.userinfos() != 2 {
		c.Errorf("userinfo asked %d times", c.userinfos())
	}
}

func (c *conformance) refreshOtherIssuer() {
	c.refreshes().expect("live", "")
	if c.userinfos() != 1 {
		c.Error("userinfo was asked with the token beside a bad ID token")
	}
}

func (c *conformance) refreshOtherSub() {
	c.refreshes().expect("ended", reason.OtherSubject)
	if c.userinfos() != 1 {
		c.Error("userinfo was asked with another person's token")
	}
}

// formPostError: the person sees a page that says so, and no session begins.
func (c *conformance) formPostError() {
	v := c.visitor("ada")
	if a, in := c.attempt(v); in || a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, "<h1>") {
		c.Errorf("%v", a)
	}
	v.expect("anonymous", "")
}

// claimsOfOthers: claims that others vouch for (Core §5.6.2) reach the app as they came. Nobody
// believes them, and no address in them is asked: the IdP's user may have chosen it.
func (c *conformance) claimsOfOthers() {
	const elsewhere = "https://elsewhere.example/claims"
	sources := map[string]any{"src": map[string]any{"JWT": "e30.e30.e30"}}
	if strings.HasSuffix(c.name, "distributed-claims") {
		sources = map[string]any{"src": map[string]any{"endpoint": elsewhere, "access_token": "t"}}
	}
	if err := c.idp.Update(func(cfg *idpmock.Config) {
		cfg.Users[0].Claims = map[string]any{"_claim_names": map[string]any{"credit_score": "src"},
			"_claim_sources": sources}
	}); err != nil {
		c.Fatal(err)
	}
	v := c.visitor("ada")
	if a, in := c.attempt(v); !in {
		c.Fatalf("%v", a)
	}
	if got := v.claimsOf(); fmt.Sprint(got["_claim_sources"]) != fmt.Sprint(sources) || got["credit_score"] != nil {
		c.Errorf("%v", got)
	}
	for _, r := range c.calls() {
		if r.URL.Host != "idp.example" {
			c.Errorf("%s was asked", r.URL)
		}
	}
}

// logsOut goes to the IdP from the app's button, and returns the IdP's page and where it leads to.
func (c *conformance) logsOut(v *visitor) (endSession, back string) {
	a := v.submit("/auth/logout")
	endSession = a.location()
	if query(endSession).Get("id_token_hint") == "" {
		c.Fatalf("%v", a)
	}
	back, err := v.idp.Logout(context.Background(), endSession)
	if err != nil {
		c.Fatal(err)
	}
	return endSession, back
}

func (c *conformance) logout() {
	v := c.visitor("ada")
	v.login()
	if fault, err := idpmock.NamedFault(c.name); err == nil {
		c.idp.Fault(fault)
	}
	endSession, back := c.logsOut(v)
	sent, got := query(endSession).Get("state"), query(back).Get("state")
	if same := c.name == basicModule+"-rp-init-logout"; sent == "" || (sent == got) != same ||
		!strings.HasPrefix(back, base+"/auth/logged-out") {
		c.Errorf("state %q, then %q: %s", sent, got, back)
	}
	v.landed(v.get(back))
	v.expect("ended", reason.UserLogout)
}

var frames = regexp.MustCompile(`iframe src="([^"]*)"`)

// frontchannelLogout: the IdP's page loads our address in a frame, without cookies. With
// -opinitlogout the person starts there, and the frame ends the session; with -rpinitlogout here,
// and the frame finds it ended, which is a success.
func (c *conformance) frontchannelLogout() {
	v := c.visitor("ada")
	v.login()
	endSession, ends := c.idp.URL+"/end_session", reason.FrontchannelLogout
	if strings.HasSuffix(c.name, "-rpinitlogout") {
		endSession, ends = v.submit("/auth/logout").location(), reason.UserLogout
	}
	page := c.signOut(v, endSession)
	m := frames.FindStringSubmatch(page)
	if m == nil {
		c.Fatalf("no frame: %s", page)
	}
	frame := strings.ReplaceAll(m[1], "&amp;", "&")
	if q := query(frame); q.Get("iss") != issuer || q.Get("sid") == "" {
		c.Errorf("%s", frame)
	}
	a := c.visitor("").do("GET", frame, nil, with(navigating, "Sec-Fetch-Dest", "iframe", "Sec-Fetch-Site",
		"cross-site"))
	if a.status != http.StatusOK || a.header.Get("Cache-Control") != "no-store" {
		c.Errorf("%v", a)
	}
	v.expect("ended", ends)
}

var transaction = regexp.MustCompile(`name="tx" value="([^"]*)"`)

// signOut is the IdP's page after the person has agreed to the log-out.
func (c *conformance) signOut(v *visitor, endSession string) string {
	client := c.idp.Net.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	do := func(method, to string, form url.Values) string {
		r, err := http.NewRequestWithContext(c.Context(), method, to, strings.NewReader(form.Encode()))
		if err != nil {
			c.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, k := range v.idp.Cookies() {
			r.AddCookie(k)
		}
		resp, err := client.Do(r)
		if err != nil {
			c.Fatal(err)
		}
		return readAll(c.T, resp)
	}
	page := do("GET", endSession, nil)
	if m := transaction.FindStringSubmatch(page); m != nil {
		page = do("POST", c.idp.URL+"/end_session/confirm", url.Values{"tx": {m[1]}, "action": {"signout"}})
	}
	return page
}

// backchannelLogout: the IdP sends a logout token during the log-out. A good one is answered with
// 200 exactly, a spoilt one with 400, and neither may be stored; then the person comes back.
func (c *conformance) backchannelLogout() {
	v := c.visitor("ada")
	v.login()
	var answers []string
	next := c.apps[0]
	c.apps[0] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/auth/backchannel-logout" {
			next.ServeHTTP(w, r)
			return
		}
		kept := httptest.NewRecorder()
		next.ServeHTTP(kept, r)
		c.note(func() { answers = append(answers, fmt.Sprint(kept.Code, " ", kept.Header().Get("Cache-Control"))) })
		w.WriteHeader(kept.Code)
	})
	want := "[200 no-store]"
	if fault, err := idpmock.NamedDeliveryFault(c.name); err == nil {
		c.idp.FaultDelivery(fault)
		want = "[400 no-store]"
	}
	_, back := c.logsOut(v)
	c.idp.Settle()
	if fmt.Sprint(answers) != want {
		c.Errorf("answered %v, want %s", answers, want)
	}
	v.landed(v.get(back))
	v.expect("ended", reason.UserLogout)
}
