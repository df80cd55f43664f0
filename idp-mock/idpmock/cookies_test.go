package idpmock_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

// providers answer for their issuers, without a network.
type providers []*idpmock.IDP

func (all providers) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	for _, p := range all {
		if strings.HasPrefix(r.URL.String(), p.Issuer()+"/") {
			in := r.Clone(r.Context())
			in.RequestURI = r.URL.RequestURI()
			if in.Body == nil {
				in.Body = http.NoBody
			}
			p.Handler().ServeHTTP(w, in)
			break
		}
	}
	return w.Result(), nil
}

// Cookies know no ports (RFC 6265 §8.5): in one browser, two providers on one host leave each
// other's sessions, sign-in pages and sign-outs alone.
func TestTwoProvidersOnOneHost(t *testing.T) {
	for _, issuers := range [][2]string{
		{"http://localhost:9001", "http://localhost:9002"},
		{"http://localhost", "https://localhost"},
		{"http://localhost:9001/one", "http://localhost:9001/two"},
	} {
		var all providers
		for _, issuer := range issuers {
			p, err := idpmock.New(idpmock.Config{Issuer: issuer, SigningAlg: "ES256",
				Clients: []idpmock.Client{app("notes")},
				Users:   []idpmock.User{{Username: "ada"}}})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			all = append(all, p)
		}
		b := idptest.NewBrowser(t, all)
		b.Fill = url.Values{"username": {"ada"}}
		b.Stop = func(u *url.URL) bool { return u.Host == "notes.example" }
		ask := func(i int, more ...string) *idptest.Page { return b.Open(authURL(issuers[i], "notes", more...)) }
		signsIn := func(i int, page *idptest.Page) {
			t.Helper()
			if to := page.SignIn().To; to == nil || to.Query().Get("code") == "" {
				t.Errorf("%s: no code from the sign-in page: %s", issuers[i], page)
			}
		}
		first := ask(0)
		signsIn(1, ask(1)) // while the first waits
		signsIn(0, first)
		silent := func(i int) string {
			t.Helper()
			to := ask(i, "prompt", "none").To
			if to == nil {
				t.Fatalf("%s: prompt=none leads nowhere", issuers[i])
			}
			return to.Query().Get("error")
		}
		if a, b := silent(0), silent(1); a != "" || b != "" {
			t.Errorf("%v after a sign-in at both: %q, %q", issuers, a, b)
		}
		b.Open(issuers[1]+idpmock.PathEndSession).Submit("action", "signout")
		if a, b := silent(0), silent(1); a != "" || b != "login_required" {
			t.Errorf("%v after a sign-out at the second: %q, %q", issuers, a, b)
		}
	}
}
