package idpmock_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

func benchIDP(b *testing.B) *idpmock.IDP {
	b.Helper()
	idp, err := idpmock.New(idpmock.Config{Issuer: "https://idp.example", SigningAlg: "ES256",
		CoordinateClientLifetimes: true,
		Clients: []idpmock.Client{{ID: "notes", Secret: "notes-secret",
			RedirectURIs: []string{"https://notes.example/cb"}, RefreshTokens: true},
			{ID: "api", Secret: "api-secret"}}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(idp.Close)
	return idp
}

// direct posts a form in process.
func direct(h http.Handler, path, client string, form url.Values) (int, map[string]any) {
	r := httptest.NewRequest(http.MethodPost, "https://idp.example"+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(client, client+"-secret")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var fields map[string]any
	_ = json.Unmarshal(w.Body.Bytes(), &fields)
	return w.Code, fields
}

func signIn(b *testing.B, idp *idpmock.IDP) map[string]any {
	cb, err := idp.Browser("ada").Authorize(b.Context(), authURL("https://idp.example", "notes"))
	if err != nil {
		b.Fatal(err)
	}
	u, err := url.Parse(cb)
	if err != nil {
		b.Fatal(err)
	}
	status, tok := direct(idp.Handler(), idpmock.PathToken, "notes", url.Values{"grant_type": {"authorization_code"},
		"code":         {u.Query().Get("code")},
		"redirect_uri": {"https://notes.example/cb"}, "code_verifier": {verifier}})
	if status != http.StatusOK {
		b.Fatal(status, tok)
	}
	return tok
}

// BenchmarkSignIn is the whole code flow: authorization request, sign-in page,
// posted form, code exchange with an ES256 ID token and JWT access token.
func BenchmarkSignIn(b *testing.B) {
	idp := benchIDP(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			signIn(b, idp)
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sign-ins/s")
}

func BenchmarkRefresh(b *testing.B) {
	idp := benchIDP(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		tok := signIn(b, idp)
		for pb.Next() {
			status, next := direct(idp.Handler(), idpmock.PathToken, "notes",
				url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok["refresh_token"].(string)}})
			if status != http.StatusOK {
				b.Fatal(status, next)
			}
			tok = next
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "refreshes/s")
}

func BenchmarkIntrospect(b *testing.B) {
	idp := benchIDP(b)
	tok := signIn(b, idp)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if status, got := direct(idp.Handler(), idpmock.PathIntrospect, "api",
				url.Values{"token": {tok["access_token"].(string)}}); got["active"] != true {
				b.Fatal(status, got)
			}
		}
	})
}

// BenchmarkStart is how long a test waits for its provider: from New to the
// answer of the first discovery request.
func BenchmarkStart(b *testing.B) {
	for _, alg := range []string{"RS256", "ES256"} {
		b.Run(alg, func(b *testing.B) {
			for b.Loop() {
				idp, err := idpmock.New(idpmock.Config{Issuer: "https://idp.example", SigningAlg: alg})
				if err != nil {
					b.Fatal(err)
				}
				w := httptest.NewRecorder()
				idp.Handler().ServeHTTP(w,
					httptest.NewRequest(http.MethodGet, "https://idp.example"+idpmock.PathDiscovery, nil))
				if w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
				b.StopTimer()
				idp.Close()
				b.StartTimer()
			}
		})
	}
}
