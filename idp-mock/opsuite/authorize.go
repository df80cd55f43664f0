package opsuite

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

func (s *suite) discover(t *testing.T) {
	t.Helper()
	got := s.call(t, s.target.Issuer+"/.well-known/openid-configuration", nil)
	if got.status != http.StatusOK {
		t.Fatalf("discovery: %v", got)
	}
	f := func(name string) string { return got.text(name) }
	list := func(name string) (out []string) {
		values, _ := got.fields[name].([]any)
		for _, v := range values {
			text, _ := v.(string)
			out = append(out, text)
		}
		return out
	}
	flag := func(name string) bool { v, _ := got.fields[name].(bool); return v }
	s.meta = metadata{Issuer: f("issuer"), Authorize: f("authorization_endpoint"), Token: f("token_endpoint"),
		Userinfo: f("userinfo_endpoint"), Introspection: f("introspection_endpoint"),
		Revocation: f("revocation_endpoint"), EndSession: f("end_session_endpoint"),
		PAR: f("pushed_authorization_request_endpoint"), JWKS: f("jwks_uri"),
		PKCE:          list("code_challenge_methods_supported"),
		IssParameter:  flag("authorization_response_iss_parameter_supported"),
		Backchannel:   flag("backchannel_logout_supported"),
		BackchannelSI: flag("backchannel_logout_session_supported"), ResponseTypes: list("response_types_supported"),
		IDTokenAlgs:  list("id_token_signing_alg_values_supported"),
		SubjectTypes: list("subject_types_supported"), DPoPAlgs: list("dpop_signing_alg_values_supported"),
		AuthMethods: list("token_endpoint_auth_methods_supported")}
}

var discoveryTests = map[string]func(*testing.T, *suite){
	// CORE-04: the issuer is exactly the one asked for.
	"issuer": func(t *testing.T, s *suite) {
		if s.meta.Issuer != s.target.Issuer {
			t.Errorf("issuer %q, want %q", s.meta.Issuer, s.target.Issuer)
		}
	},
	"metadata": func(t *testing.T, s *suite) {
		m := s.meta
		for name, v := range map[string]string{"authorization_endpoint": m.Authorize, "token_endpoint": m.Token,
			"userinfo_endpoint": m.Userinfo, "introspection_endpoint": m.Introspection,
			"revocation_endpoint": m.Revocation, "end_session_endpoint": m.EndSession,
			"pushed_authorization_request_endpoint": m.PAR, "jwks_uri": m.JWKS} {
			if u, err := url.Parse(v); err != nil || u.Host == "" {
				t.Errorf("%s: %q is no URL", name, v)
			}
		}
		if !slices.Contains(m.PKCE, "S256") || slices.Contains(m.PKCE, "plain") { // CORE-01
			t.Errorf("code_challenge_methods_supported: %q", m.PKCE)
		}
		if !m.IssParameter { // CORE-03
			t.Error("authorization_response_iss_parameter_supported is not true")
		}
		if !m.Backchannel || !m.BackchannelSI { // BCL-02
			t.Error("back-channel logout with sessions is not announced")
		}
		if !slices.Contains(m.ResponseTypes, "code") || !slices.Contains(m.SubjectTypes, "public") ||
			len(m.DPoPAlgs) == 0 {
			t.Errorf("%+v", m)
		}
		if slices.Contains(m.IDTokenAlgs, "none") {
			t.Error("alg none is offered for ID tokens")
		}
	},
	"jwks has public keys only": func(t *testing.T, s *suite) {
		got := s.call(t, s.meta.JWKS, nil)
		keys, _ := got.fields["keys"].([]any)
		if len(keys) == 0 {
			t.Fatalf("no keys: %v", got)
		}
		for _, k := range keys {
			key, _ := k.(map[string]any)
			for _, private := range []string{"d", "p", "q", "k"} {
				if key[private] != nil {
					t.Errorf("the JWKS shows %q", private)
				}
			}
		}
	},
}

// staysAtProvider demands that a request is refused without any redirect to the
// client (RFC 6749 §4.1.2.1).
func staysAtProvider(t *testing.T, p *idptest.Page) {
	t.Helper()
	if p.To != nil {
		t.Fatalf("redirected to %s", p.To)
	}
	if p.Status < 400 {
		t.Errorf("status %d, want an error", p.Status)
	}
}

// sentBack demands an error that is sent to the client, with state and iss
// (CORE-03: on errors too).
func sentBack(t *testing.T, s *suite, p *idptest.Page, codes ...string) {
	t.Helper()
	if p.To == nil {
		t.Fatalf("not sent back to the client: %d\n%s", p.Status, p.Body)
	}
	q := p.To.Query()
	if !slices.Contains(codes, q.Get("error")) || q.Get("code") != "" {
		t.Errorf("error %q (%s), want one of %q", q.Get("error"), q.Get("error_description"), codes)
	}
	if q.Get("state") != "state-1" || q.Get("iss") != s.meta.Issuer {
		t.Errorf("state %q, iss %q", q.Get("state"), q.Get("iss"))
	}
}

var authorizeTests = map[string]func(*testing.T, *suite){
	"redirect_uri is compared exactly": func(t *testing.T, s *suite) {
		good := s.clients.Web.RedirectURIs[0]
		for _, bad := range []string{good + "/", good + "?x=1", good + "#f", strings.ToUpper(good), good + "%2e",
			strings.Replace(good, "/cb", "/./cb", 1),
			strings.Replace(good, "127.0.0.1", "localhost", 1), "https" + strings.TrimPrefix(good, "http"), good +
				"/../cb", "//" + strings.TrimPrefix(good, "http://"), "/cb",
			s.clients.Other.RedirectURIs[0]} {
			t.Run(bad, func(t *testing.T) {
				staysAtProvider(t, s.agent(t, "ada").authorize(s.request(s.clients.Web, "redirect_uri", bad)))
			})
		}
		// OpenID Connect wants it always; RFC 6749 §3.1.2.3 lets a provider take
		// the only one that is registered. Nothing else is possible.
		if p := s.agent(t, "ada").authorize(s.request(s.clients.Web, "redirect_uri", "")); p.To != nil {
			t.Errorf("redirected to %s", p.To)
		}
	},
	"an unknown client is not redirected": func(t *testing.T, s *suite) {
		staysAtProvider(t, s.agent(t, "ada").authorize(s.request(s.clients.Web, "client_id", "nobody")))
		staysAtProvider(t, s.agent(t, "ada").authorize(s.request(s.clients.Web, "client_id", "")))
	},
	"state and iss come back": func(t *testing.T, s *suite) {
		a := s.agent(t, "ada")
		p := a.settle(a.authorize(s.request(s.clients.Web)))
		if p.To == nil || p.To.Query().Get("state") != "state-1" || p.To.Query().Get("iss") != s.meta.Issuer ||
			p.To.Query().Get("code") == "" {
			t.Fatalf("sent to %v", p.To)
		}
	},
	"plain PKCE is refused": func(t *testing.T, s *suite) { // CORE-01
		sentBack(t, s, s.agent(t, "ada").authorize(s.request(s.clients.Web, "code_challenge_method", "plain")),
			"invalid_request")
	},
	"no method means plain and is refused": func(t *testing.T, s *suite) {
		sentBack(t, s, s.agent(t, "ada").authorize(s.request(s.clients.Web, "code_challenge_method", "")),
			"invalid_request")
	},
	"no PKCE is refused": func(t *testing.T, s *suite) {
		sentBack(t, s, s.agent(t, "ada").authorize(s.request(s.clients.Public, "code_challenge_method", "",
			"code_challenge", "")), "invalid_request")
	},
	"a response type that nobody registered": func(t *testing.T, s *suite) {
		p := s.agent(t, "ada").authorize(s.request(s.clients.Web, "response_type", "token"))
		if p.To != nil && p.To.Query().Get("error") == "" && !strings.Contains(p.To.Fragment, "error=") {
			t.Fatalf("sent to %v", p.To)
		}
	},
	"no response type": func(t *testing.T, s *suite) {
		sentBack(t, s, s.agent(t, "ada").authorize(s.request(s.clients.Web, "response_type", "")), "invalid_request",
			"unsupported_response_type")
	},
	"repeated parameter": func(t *testing.T, s *suite) { // RFC 6749 §3.1
		v := s.request(s.clients.Web)
		v.Add("nonce", "another")
		sentBack(t, s, s.agent(t, "ada").authorize(v), "invalid_request")
	},
	"repeated redirect_uri": func(t *testing.T, s *suite) {
		v := s.request(s.clients.Web)
		v["redirect_uri"] = append([]string{s.clients.Other.RedirectURIs[0]}, v["redirect_uri"]...)
		p := s.agent(t, "ada").authorize(v)
		if p.To != nil && (p.To.Query().Get("error") == "" ||
			strings.HasPrefix(p.To.String(), s.clients.Other.RedirectURIs[0])) || p.To == nil && p.Status < 400 {
			t.Errorf("%d %v", p.Status, p.To)
		}
	},
	"prompt=none stands alone": func(t *testing.T, s *suite) { // Core §3.1.2.1
		sentBack(t, s, s.agent(t, "ada").authorize(s.request(s.clients.Web, "prompt", "none login")), "invalid_request")
	},
	"a request object is refused": func(t *testing.T, s *suite) {
		sentBack(t, s, s.agent(t, "ada").authorize(s.request(s.clients.Web, "request", "e30.e30.")),
			"request_not_supported", "invalid_request")
	},
}
