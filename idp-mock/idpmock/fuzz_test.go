package idpmock_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

func fuzzIDP(f *testing.F) *idpmock.IDP {
	f.Helper()
	idp, err := idpmock.New(idpmock.Config{Issuer: "https://idp.example", SigningAlg: "ES256", SweepEvery: -1,
		CoordinateClientLifetimes: true,
		Clients: []idpmock.Client{app("notes"),
			{ID: "public", RedirectURIs: []string{"https://public.example/cb"}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(idp.Close)
	return idp
}

// send serves a raw request and returns what came.
func send(idp *idpmock.IDP, method, target, body string, header ...string) *httptest.ResponseRecorder {
	r, err := http.NewRequest(method, "https://idp.example/", strings.NewReader(body))
	if err != nil {
		return nil
	}
	path, query, _ := strings.Cut(target, "?")
	r.URL.Path, r.URL.RawQuery = path, query
	r.RequestURI = target
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	idp.Handler().ServeHTTP(w, r)
	return w
}

// Whatever the query, the provider never redirects to an address that no client
// registered, and never breaks.
func FuzzAuthorize(f *testing.F) {
	idp := fuzzIDP(f)
	for _, seed := range []string{
		strings.SplitN(authURL("", "notes"), "?", 2)[1], "client_id=notes&redirect_uri=https://evil.example/",
		"request_uri=urn:ietf:params:oauth:request_uri:x&client_id=notes",
		"request_uri=https://notes.example/r&client_id=notes",
		"client_id=notes&redirect_uri=https://notes.example/cb&prompt=none&max_age=9999999999999999999",
		"client_id=notes&client_id=public&%zz",
		"id_token_hint=a.b.c&client_id=notes&redirect_uri=https%3A%2F%2Fnotes.example%2Fcb",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		w := send(idp, http.MethodGet, idpmock.PathAuthorize+"?"+query, "")
		if w.Code >= 500 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if loc := w.Header().Get("Location"); loc != "" && !strings.HasPrefix(loc, "https://notes.example/cb?") &&
			!strings.HasPrefix(loc, "https://public.example/cb?") {
			t.Fatalf("redirected to %s", loc)
		}
	})
}

// Whatever the form, no token comes without a code.
func FuzzToken(f *testing.F) {
	idp := fuzzIDP(f)
	f.Add("grant_type=authorization_code&code=x&client_id=notes&client_secret=notes-secret", "", "")
	f.Add("grant_type=refresh_token&refresh_token=x", "Basic bm90ZXM6bm90ZXMtc2VjcmV0", "")
	f.Add("grant_type=refresh_token&refresh_token=x&client_assertion=a.b.c&client_assertion_type="+
		"urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "", "a.b.c")
	f.Add("grant_type=client_credentials&scope=a+openid&resource=x&audience=&client_id=notes&"+
		"client_secret=notes-secret", "", "")
	f.Add("grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token=x&actor_token=y&client_id=notes&"+
		"client_secret=notes-secret&subject_token_type=urn:ietf:params:oauth:token-type:access_token", "", "")
	f.Add("grant_type=refresh_token&client_id=public", "Basic %%%",
		"eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7fX0.e30.AA")
	f.Fuzz(func(t *testing.T, body, authorization, dpop string) {
		for _, path := range []string{idpmock.PathToken, idpmock.PathPAR, idpmock.PathIntrospect, idpmock.PathRevoke} {
			w := send(idp, http.MethodPost, path, body, "Authorization", authorization, "DPoP", dpop)
			if w.Code >= 500 || strings.Contains(w.Body.String(), "access_token") {
				t.Fatalf("%s: %d %s", path, w.Code, w.Body)
			}
			if ct := w.Header().Get("Content-Type"); w.Body.Len() > 0 && strings.HasPrefix(ct, "application/json") &&
				!json.Valid(w.Body.Bytes()) {
				t.Fatalf("%s: not JSON: %s", path, w.Body)
			}
		}
	})
}

// Whatever the query, end_session redirects to registered addresses only, and
// never without a session to end or a hint that fits.
func FuzzEndSession(f *testing.F) {
	idp := fuzzIDP(f)
	for _, seed := range []string{"client_id=notes&post_logout_redirect_uri=https://notes.example/bye&state=a%0d%0ab",
		"post_logout_redirect_uri=javascript:alert(1)", "id_token_hint=a.b.c", "state=x&state=y"} {
		f.Add(seed, "")
	}
	f.Fuzz(func(t *testing.T, query, cookie string) {
		w := send(idp, http.MethodGet, idpmock.PathEndSession+"?"+query, "", "Cookie", cookie)
		if w.Code >= 500 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if loc := w.Header().Get("Location"); loc != "" {
			if u, err := url.Parse(loc); err != nil || !strings.HasPrefix(loc, "https://notes.example/bye") ||
				u.Host != "notes.example" {
				t.Fatalf("redirected to %s", loc)
			}
		}
	})
}

// Whatever the access token, userinfo names nobody.
func FuzzUserinfo(f *testing.F) {
	idp := fuzzIDP(f)
	f.Add("Bearer x", "")
	f.Add("DPoP x", "a.b.c")
	f.Add("bearer", "")
	f.Fuzz(func(t *testing.T, authorization, dpop string) {
		w := send(idp, http.MethodGet, idpmock.PathUserinfo, "", "Authorization", authorization, "DPoP", dpop)
		if w.Code != http.StatusUnauthorized && w.Code != http.StatusBadRequest {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	})
}

// A configuration that can be read and used can be written and read again, and
// means the same.
func FuzzConfig(f *testing.F) {
	for _, seed := range []string{`{"issuer":"https://a.example","idle_window":"15m","clients":[{"id":"a","secret":"s","access_token_lifetime":90,"jwks":{"keys":[]}}],"users":[{"username":"ada","claims":{"x":[1]}}]}`,
		`{"idle_window":1e300}`, `{"delivery_retries":["1s",2.5]}`, `{"unknown":1}`, `{} {}`,
		`{"policies":{"most_restrictive":true}}`,
		`{"temperament":{"name":"keycloak","rotation":"strict","reuse_grace":3,"no_proof":["userinfo"]}}`,
		`{"temperament":{"refusals":{"userinfo":{"status":99,"error":"x"}},"lacks":["userinfo_endpoint"]}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var c idpmock.Config
		if json.Unmarshal(text, &c) != nil {
			return
		}
		for _, client := range c.Clients {
			reads(t, client)
		}
		reads(t, c.Temperament)
		c.SweepEvery = -1
		if idp, err := idpmock.New(c); err == nil {
			idp.Close()
		}
	})
}

// reads writes a value, reads it and writes it again.
func reads[T any](t *testing.T, v T) {
	t.Helper()
	once, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var again T
	if err := json.Unmarshal(once, &again); err != nil {
		t.Fatalf("%v: %s", err, once)
	}
	twice, _ := json.Marshal(again)
	if !bytes.Equal(once, twice) {
		t.Fatalf("%s became %s", once, twice)
	}
}
