package rp_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
)

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
