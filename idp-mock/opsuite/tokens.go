package opsuite

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

var codeTests = map[string]func(*testing.T, *suite){
	"ID token": func(t *testing.T, s *suite) {
		before := time.Now().Add(-2 * time.Second)
		got := s.agent(t, "ada").login(s.clients.Web)
		if got.header.Get("Cache-Control") == "" || !strings.EqualFold(got.text("token_type"), "Bearer") {
			t.Errorf("Cache-Control %q, token_type %q", got.header.Get("Cache-Control"), got.text("token_type"))
		}
		_, c := s.claims(t, got.text("id_token"))
		now := time.Now()
		number := func(name string) time.Time { n, _ := c[name].(float64); return time.Unix(int64(n), 0) }
		if c["iss"] != s.meta.Issuer || c["aud"] != s.clients.Web.ID || c["nonce"] != "nonce-1" || c["sub"] == "" {
			t.Errorf("claims %v", c)
		}
		if iat := number("iat"); iat.Before(before) || iat.After(now.Add(time.Second)) {
			t.Errorf("iat %v, now %v", iat, now)
		}
		if !number("exp").After(now) {
			t.Errorf("exp %v", number("exp"))
		}
		if at := number("auth_time"); at.Before(before) || at.After(now.Add(time.Second)) { // CORE-07: max_age was sent
			t.Errorf("auth_time %v", at)
		}
		if sid, _ := c["sid"].(string); sid == "" { // BCLO-03
			t.Error("no sid")
		}
		if h, ok := c["at_hash"]; ok && h != halfHash(got.text("access_token")) { // CORE-08
			t.Error("at_hash does not fit the access token")
		}
		if azp, ok := c["azp"]; ok && azp != s.clients.Web.ID {
			t.Errorf("azp %v", azp)
		}
	},
	"the verifier must fit": func(t *testing.T, s *suite) { // CORE-01
		a := s.agent(t, "ada")
		for name, v := range map[string]string{"wrong": strings.Repeat("a", 43), "missing": "",
			"the challenge itself": challenge, "too short": verifier[:42]} {
			t.Run(name, func(t *testing.T) {
				got := s.exchange(t, s.clients.Web, a.code(s.clients.Web), "code_verifier", v)
				if got.status != http.StatusBadRequest || got.text("error") != "invalid_grant" &&
					got.text("error") != "invalid_request" {
					t.Errorf("%v", got)
				}
			})
		}
	},
	"redirect_uri must be the same again": func(t *testing.T, s *suite) {
		got := s.exchange(t, s.clients.Web, s.agent(t, "ada").code(s.clients.Web), "redirect_uri",
			s.clients.Web.RedirectURIs[0]+"/")
		wantError(t, got, http.StatusBadRequest, "invalid_grant")
	},
	"a code is of one client": func(t *testing.T, s *suite) {
		got := s.exchange(t, s.clients.Other, s.agent(t, "ada").code(s.clients.Web), "redirect_uri",
			s.clients.Web.RedirectURIs[0])
		wantError(t, got, http.StatusBadRequest, "invalid_grant")
	},
	"an unknown code": func(t *testing.T, s *suite) {
		wantError(t, s.exchange(t, s.clients.Web, "nonsense"), http.StatusBadRequest, "invalid_grant")
	},
	"reuse of a code revokes its tokens": func(t *testing.T, s *suite) { // RFC 6749 §4.1.2
		code := s.agent(t, "ada").code(s.clients.Web)
		first := s.exchange(t, s.clients.Web, code)
		if first.status != http.StatusOK {
			t.Fatal(first)
		}
		wantError(t, s.exchange(t, s.clients.Web, code), http.StatusBadRequest, "invalid_grant")
		if got := s.userinfo(t, first.text("access_token")); got.status != http.StatusUnauthorized {
			t.Errorf("the access token lives on: %v", got)
		}
		wantError(t, s.refresh(t, s.clients.Web, first.text("refresh_token")), http.StatusBadRequest, "invalid_grant")
	},
	"an unknown grant type": func(t *testing.T, s *suite) {
		got := s.token(t, s.clients.Web, url.Values{"grant_type": {"password"}, "username": {"ada"}, "password": {"x"}})
		wantError(t, got, http.StatusBadRequest, "unsupported_grant_type")
	},
	"the token endpoint takes no query": func(t *testing.T, s *suite) {
		form := url.Values{"grant_type": {"authorization_code"}, "redirect_uri": {s.clients.Web.RedirectURIs[0]},
			"code_verifier": {verifier}}
		code := s.agent(t, "ada").code(s.clients.Web)
		got := s.call(t, s.meta.Token+"?code="+url.QueryEscape(code), form, s.as(t, s.clients.Web, form)...)
		if got.status != http.StatusBadRequest {
			t.Errorf("a code in the query was taken: %v", got)
		}
	},
}

var clientAuthTests = map[string]func(*testing.T, *suite){
	"every method works": func(t *testing.T, s *suite) {
		for _, c := range []Client{s.clients.Web, s.clients.Other, s.clients.Public, s.clients.Key} {
			t.Run(c.AuthMethod, func(t *testing.T) {
				if !slices.Contains(s.meta.AuthMethods, c.AuthMethod) {
					t.Errorf("%s is not announced", c.AuthMethod)
				}
				s.agent(t, "ada").login(c)
			})
		}
	},
	"a wrong secret": func(t *testing.T, s *suite) {
		for _, c := range []Client{s.clients.Web, s.clients.Other} {
			good := c
			c.Secret += "x"
			got := s.exchange(t, c, s.agent(t, "ada").code(good))
			wantError(t, got, http.StatusUnauthorized, "invalid_client")
			if c.AuthMethod == "client_secret_basic" && got.header.Get("WWW-Authenticate") == "" { // RFC 6749 §5.2
				t.Error("no WWW-Authenticate")
			}
		}
	},
	"no secret where one is due": func(t *testing.T, s *suite) {
		c := s.clients.Web
		code := s.agent(t, "ada").code(c)
		c.AuthMethod = "none"
		wantError(t, s.exchange(t, c, code), http.StatusUnauthorized, "invalid_client")
	},
	"two methods at once": func(t *testing.T, s *suite) { // RFC 6749 §2.3
		c := s.clients.Web
		code := s.agent(t, "ada").code(c)
		got := s.exchange(t, c, code, "client_id", c.ID, "client_secret", c.Secret)
		if got.status < 400 || got.status > 401 || got.fields["access_token"] != nil {
			t.Errorf("%v", got)
		}
	},
	"an assertion is good once": func(t *testing.T, s *suite) { // PKJWT-01
		c, a := s.clients.Key, s.agent(t, "ada")
		form := func() url.Values {
			f := url.Values{"grant_type": {"authorization_code"}, "code": {a.code(c)},
				"redirect_uri": {c.RedirectURIs[0]}, "code_verifier": {verifier}}
			s.assert(t, c, f, map[string]any{"jti": "the same " + t.Name()})
			return f
		}
		if got := s.call(t, s.meta.Token, form()); got.status != http.StatusOK {
			t.Fatal(got)
		}
		wantError(t, s.call(t, s.meta.Token, form()), http.StatusUnauthorized, "invalid_client")
	},
	"assertions that are no good": func(t *testing.T, s *suite) {
		c, a := s.clients.Key, s.agent(t, "ada")
		for name, change := range map[string]map[string]any{
			"expired": {"exp": time.Now().Add(-10 * time.Minute).Unix()}, "no exp": {"exp": nil},
			"no jti":      {"jti": nil},
			"foreign iss": {"iss": "web"}, "foreign aud": {"aud": "https://elsewhere.example"}, "no aud": {"aud": nil},
		} {
			t.Run(name, func(t *testing.T) {
				f := url.Values{"grant_type": {"authorization_code"}, "code": {a.code(c)},
					"redirect_uri": {c.RedirectURIs[0]}, "code_verifier": {verifier}}
				s.assert(t, c, f, change)
				wantError(t, s.call(t, s.meta.Token, f), http.StatusUnauthorized, "invalid_client")
			})
		}
	},
}

var refreshTests = map[string]func(*testing.T, *suite){
	"rotation": func(t *testing.T, s *suite) { // RT-00, CORE-10
		first := s.agent(t, "ada").login(s.clients.Web)
		second := s.refresh(t, s.clients.Web, first.text("refresh_token"))
		if second.status != http.StatusOK || second.text("refresh_token") == "" ||
			second.text("refresh_token") == first.text("refresh_token") ||
			second.text("access_token") == first.text("access_token") {
			t.Fatalf("%v", second)
		}
		if got := s.userinfo(t, second.text("access_token")); got.status != http.StatusOK {
			t.Errorf("userinfo with the new token: %v", got)
		}
		_, old := s.claims(t, first.text("id_token"))
		_, fresh := s.claims(t, second.text("id_token"))
		for _, name := range []string{"iss", "sub", "aud", "sid"} {
			if old[name] != fresh[name] {
				t.Errorf("%s changed from %v to %v", name, old[name], fresh[name])
			}
		}
		if v, ok := fresh["auth_time"]; ok && v != old["auth_time"] {
			t.Error("auth_time is not the original one")
		}
		if v, ok := fresh["nonce"]; ok && v != old["nonce"] {
			t.Error("nonce differs")
		}
	},
	"reuse revokes the family": func(t *testing.T, s *suite) { // RFC 9700 §4.14.2
		first := s.agent(t, "ada").login(s.clients.Web)
		second := s.refresh(t, s.clients.Web, first.text("refresh_token"))
		wantError(t, s.refresh(t, s.clients.Web, first.text("refresh_token")), http.StatusBadRequest, "invalid_grant")
		wantError(t, s.refresh(t, s.clients.Web, second.text("refresh_token")), http.StatusBadRequest, "invalid_grant")
		if got := s.userinfo(t, second.text("access_token")); got.status != http.StatusUnauthorized {
			t.Errorf("the access token of the family lives on: %v", got)
		}
	},
	"a refresh token is of one client": func(t *testing.T, s *suite) {
		got := s.agent(t, "ada").login(s.clients.Web)
		wantError(t, s.refresh(t, s.clients.Other, got.text("refresh_token")), http.StatusBadRequest, "invalid_grant")
	},
	"public clients rotate too": func(t *testing.T, s *suite) { // RFC 9700 §2.2.2
		first := s.agent(t, "ada").login(s.clients.Public)
		second := s.refresh(t, s.clients.Public, first.text("refresh_token"))
		if second.status != http.StatusOK || second.text("refresh_token") == first.text("refresh_token") {
			t.Fatalf("%v", second)
		}
		wantError(t, s.refresh(t, s.clients.Public, first.text("refresh_token")), http.StatusBadRequest,
			"invalid_grant")
	},
	"more scope than was granted": func(t *testing.T, s *suite) {
		got := s.agent(t, "ada").login(s.clients.Web)
		wantError(t, s.refresh(t, s.clients.Web, got.text("refresh_token"), "scope", "openid email"),
			http.StatusBadRequest, "invalid_scope")
	},
	"an unknown token": func(t *testing.T, s *suite) {
		wantError(t, s.refresh(t, s.clients.Web, "nonsense"), http.StatusBadRequest, "invalid_grant")
	},
	"no token": func(t *testing.T, s *suite) {
		got := s.token(t, s.clients.Web, url.Values{"grant_type": {"refresh_token"}})
		if got.status != http.StatusBadRequest {
			t.Errorf("%v", got)
		}
	},
	"an access token is no refresh token": func(t *testing.T, s *suite) {
		got := s.agent(t, "ada").login(s.clients.Web)
		wantError(t, s.refresh(t, s.clients.Web, got.text("access_token")), http.StatusBadRequest, "invalid_grant")
	},
}

var accessTests = map[string]func(*testing.T, *suite){
	"userinfo is of the same person": func(t *testing.T, s *suite) { // CORE-11
		got := s.agent(t, "ada").login(s.clients.Web)
		_, c := s.claims(t, got.text("id_token"))
		info := s.userinfo(t, got.text("access_token"))
		if info.status != http.StatusOK || info.fields["sub"] != c["sub"] {
			t.Errorf("%v, want sub %v", info, c["sub"])
		}
	},
	"userinfo without a token": func(t *testing.T, s *suite) { // RFC 6750 §3
		got := s.call(t, s.meta.Userinfo, nil)
		if got.status != http.StatusUnauthorized && got.status != http.StatusBadRequest || got.fields["sub"] != nil {
			t.Errorf("%v", got)
		}
	},
	"userinfo with a bad token": func(t *testing.T, s *suite) { // API-01
		got := s.userinfo(t, "nonsense")
		if got.status != http.StatusUnauthorized || !strings.Contains(got.header.Get("WWW-Authenticate"),
			`error="invalid_token"`) {
			t.Errorf("%v, WWW-Authenticate %q", got, got.header.Get("WWW-Authenticate"))
		}
	},
	"a refresh token is no access token": func(t *testing.T, s *suite) {
		got := s.agent(t, "ada").login(s.clients.Web)
		if info := s.userinfo(t, got.text("refresh_token")); info.status != http.StatusUnauthorized {
			t.Errorf("%v", info)
		}
	},
	"introspection": func(t *testing.T, s *suite) { // INTR-01
		tok := s.agent(t, "ada").login(s.clients.Web)
		_, c := s.claims(t, tok.text("id_token"))
		got := s.introspect(t, s.clients.API, tok.text("access_token"))
		if got.status != http.StatusOK || got.fields["active"] != true || got.fields["client_id"] != s.clients.Web.ID ||
			got.fields["sub"] != c["sub"] {
			t.Errorf("%v", got)
		}
	},
	"introspection needs authentication": func(t *testing.T, s *suite) { // RFC 7662 §2.1
		tok := s.agent(t, "ada").login(s.clients.Web)
		got := s.call(t, s.meta.Introspection, url.Values{"token": {tok.text("access_token")}})
		if got.status < 400 || got.fields["active"] != nil {
			t.Errorf("%v", got)
		}
		wrong := s.clients.API
		wrong.Secret += "x"
		wantError(t, s.introspect(t, wrong, tok.text("access_token")), http.StatusUnauthorized, "invalid_client")
	},
	"a public client learns nothing of foreign tokens": func(t *testing.T, s *suite) {
		tok := s.agent(t, "ada").login(s.clients.Web)
		if got := s.introspect(t, s.clients.Public, tok.text("access_token")); got.fields["active"] == true {
			t.Errorf("%v", got)
		}
	},
	"an inactive token says nothing else": func(t *testing.T, s *suite) { // RFC 7662 §2.2
		got := s.introspect(t, s.clients.API, "nonsense")
		if got.status != http.StatusOK || got.fields["active"] != false || len(got.fields) != 1 {
			t.Errorf("%v", got)
		}
	},
	"revocation of a refresh token": func(t *testing.T, s *suite) { // REV-01
		tok := s.agent(t, "ada").login(s.clients.Web)
		form := url.Values{"token": {tok.text("refresh_token")}, "token_type_hint": {"access_token"}} // a hint, no more
		if got := s.call(t, s.meta.Revocation, form, s.as(t, s.clients.Web, form)...); got.status != http.StatusOK {
			t.Fatal(got)
		}
		wantError(t, s.refresh(t, s.clients.Web, tok.text("refresh_token")), http.StatusBadRequest, "invalid_grant")
	},
	"revocation of an access token": func(t *testing.T, s *suite) {
		tok := s.agent(t, "ada").login(s.clients.Web)
		form := url.Values{"token": {tok.text("access_token")}}
		if got := s.call(t, s.meta.Revocation, form, s.as(t, s.clients.Web, form)...); got.status != http.StatusOK {
			t.Fatal(got)
		}
		if got := s.introspect(t, s.clients.API, tok.text("access_token")); got.fields["active"] != false {
			t.Errorf("%v", got)
		}
	},
	"revocation of nonsense is a success": func(t *testing.T, s *suite) { // RFC 7009 §2.2
		form := url.Values{"token": {"nonsense"}}
		if got := s.call(t, s.meta.Revocation, form, s.as(t, s.clients.Web, form)...); got.status != http.StatusOK {
			t.Error(got)
		}
	},
	"nobody revokes foreign tokens": func(t *testing.T, s *suite) {
		tok := s.agent(t, "ada").login(s.clients.Web)
		form := url.Values{"token": {tok.text("refresh_token")}}
		s.call(t, s.meta.Revocation, form, s.as(t, s.clients.Other, form)...)
		if got := s.refresh(t, s.clients.Web, tok.text("refresh_token")); got.status != http.StatusOK {
			t.Errorf("%v", got)
		}
	},
	"revocation needs authentication": func(t *testing.T, s *suite) {
		tok := s.agent(t, "ada").login(s.clients.Web)
		pair := base64.StdEncoding.EncodeToString([]byte("web:wrong"))
		got := s.call(t, s.meta.Revocation, url.Values{"token": {tok.text("refresh_token")}}, "Authorization",
			"Basic "+pair)
		wantError(t, got, http.StatusUnauthorized, "invalid_client")
	},
}
