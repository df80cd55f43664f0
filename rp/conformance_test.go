package rp_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
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
