package rp_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"html/template"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/pages"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// faults lists the fields that an error of New names.
func faults(err error) []string {
	var out []string
	var walk func(error)
	walk = func(err error) {
		var one *rp.ConfigError
		if many, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range many.Unwrap() {
				walk(e)
			}
		} else if errors.As(err, &one) {
			out = append(out, one.Field)
		}
	}
	walk(err)
	return out
}

func goodConfig() rp.Config {
	return rp.Config{Issuer: issuer, ClientID: "notes", BaseURL: base, Keys: rp.Keys{rp.NewKey()},
		Store: memstore.New(memstore.Options{}), IDTokenAlg: "ES256",
		HTTPClient: &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			return nil, errors.New("a wrong configuration must not reach the network")
		})}}
}

// Wrong configuration stops New with the field's name and the cure, before
// anything is asked of the network.
func TestConfigFaults(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*rp.Config)
		field  string
	}{
		{"no issuer", func(c *rp.Config) { c.Issuer = "" }, "Issuer"},
		{"issuer is no URL", func(c *rp.Config) { c.Issuer = "idp.example" }, "Issuer"},
		{"issuer is a path", func(c *rp.Config) { c.Issuer = "/idp" }, "Issuer"},
		{"issuer on http", func(c *rp.Config) { c.Issuer = "http://idp.example" }, "Issuer"},
		{"issuer with a query", func(c *rp.Config) { c.Issuer = issuer + "?a=b" }, "Issuer"},
		{"issuer with a fragment", func(c *rp.Config) { c.Issuer = issuer + "#x" }, "Issuer"},
		{"issuer with another scheme", func(c *rp.Config) { c.Issuer = "ftp://idp.example" }, "Issuer"},
		{"issuer with a broken escape", func(c *rp.Config) { c.Issuer = "https://idp.example/%zz" }, "Issuer"},
		{"no client", func(c *rp.Config) { c.ClientID = "" }, "ClientID"},
		{"an unknown client authentication", func(c *rp.Config) {
			c.ClientSecret, c.ClientAuth = "s", "client_secret_jwt"
		}, "ClientAuth"},
		{"a key that is not there", func(c *rp.Config) { c.ClientAuth = "private_key_jwt" }, "ClientAuth"},
		{"a certificate that is not there", func(c *rp.Config) {
			c.ClientAuth, c.HTTPClient = "tls_client_auth", nil
		}, "ClientAuth"},
		{"an empty key", func(c *rp.Config) { c.ClientKeys = []rp.ClientKey{{ID: "k"}} }, "ClientKeys"},
		{"a nil pointer as a key", func(c *rp.Config) {
			c.ClientKeys = []rp.ClientKey{{ID: "k", Key: (*rsa.PrivateKey)(nil)}}
		}, "ClientKeys"},
		{"two keys of one name", func(c *rp.Config) {
			c.ClientKeys = []rp.ClientKey{{ID: "k", Key: newES256(t)}, {ID: "k", Key: newES256(t)}}
		}, "ClientKeys"},
		{"another key's certificate", func(c *rp.Config) {
			c.ClientKeys = []rp.ClientKey{{Key: newES256(t),
				Certificate: &x509.Certificate{PublicKey: newES256(t).Public()}}}
		}, "ClientKeys"},
		{"a key with another algorithm", func(c *rp.Config) {
			c.ClientKeys = []rp.ClientKey{{Key: newES256(t), Alg: "RS256"}}
		}, "ClientKeys"},
		{"a secret that nobody shows", func(c *rp.Config) {
			c.ClientSecret, c.ClientAuth, c.ClientKeys = "s", "private_key_jwt", []rp.ClientKey{{Key: newES256(t)}}
		}, "ClientSecret"},
		{"signed requests without a key", func(c *rp.Config) { c.JAR = true }, "JAR"},
		{"requests that are pushed and fetched", func(c *rp.Config) { c.PAR, c.RequestURI = true, true }, "RequestURI"},
		{"requests that are fetched over http", func(c *rp.Config) {
			c.BaseURL, c.InsecureAllowHTTP, c.RequestURI = "http://notes.internal", true, true
		}, "RequestURI"},
		{"a key that decrypts nothing", func(c *rp.Config) {
			c.DecryptionKeys = []rp.ClientKey{{Key: struct{ crypto.Signer }{newES256(t)}}}
		}, "DecryptionKeys"},
		{"Apple without a team", func(c *rp.Config) {
			c.ClientAuth, c.ClientKeys = "apple_client_secret", []rp.ClientKey{{Key: newES256(t)}}
		}, "ClientKeys"},
		{"client authentication without a secret", func(c *rp.Config) {
			c.ClientAuth = "client_secret_post"
		}, "ClientAuth"},
		{"no base", func(c *rp.Config) { c.BaseURL = "" }, "BaseURL"},
		{"base on http", func(c *rp.Config) { c.BaseURL = "http://notes.example" }, "BaseURL"},
		{"base with a path that is not plain", func(c *rp.Config) { c.BaseURL = base + "/a//b" }, "BaseURL"},
		{"base with dots in its path", func(c *rp.Config) { c.BaseURL = base + "/a/../b" }, "BaseURL"},
		{"base with an escape in its path", func(c *rp.Config) { c.BaseURL = base + "/a%2fb" }, "BaseURL"},
		{"another name on http", func(c *rp.Config) { c.BaseURLs = []string{"http://localhost"} }, "BaseURLs"},
		{"another name with another path", func(c *rp.Config) {
			c.BaseURLs = []string{"https://www.notes.example/app"}
		}, "BaseURLs"},
		{"another name that is no URL", func(c *rp.Config) { c.BaseURLs = []string{"www.notes.example"} }, "BaseURLs"},
		{"base with a query", func(c *rp.Config) { c.BaseURL = base + "?x" }, "BaseURL"},
		{"base without a scheme", func(c *rp.Config) { c.BaseURL = "notes.example" }, "BaseURL"},
		{"userinfo again, and never before", func(c *rp.Config) { c.UserinfoAgain = true }, "UserinfoAgain"},
		{"userinfo again without a token", func(c *rp.Config) {
			c.UserinfoClaims, c.UserinfoAgain, c.Kind = true, true, rp.NoToken
		}, "UserinfoAgain"},
		{"unknown kind", func(c *rp.Config) { c.Kind = 7 }, "Kind"},
		{"no keys", func(c *rp.Config) { c.Keys = nil }, "Keys"},
		{"a short key", func(c *rp.Config) { c.Keys = rp.Keys{make([]byte, 16)} }, "Keys"},
		{"a short second key", func(c *rp.Config) { c.Keys = append(c.Keys, make([]byte, 31)) }, "Keys"},
		{"a key of zeros", func(c *rp.Config) { c.Keys = rp.Keys{make([]byte, 32)} }, "Keys"},
		{"an old key of zeros", func(c *rp.Config) { c.Keys = append(c.Keys, make([]byte, 32)) }, "Keys"},
		{"no store", func(c *rp.Config) { c.Store = nil }, "Store"},
		{"prefix is the root", func(c *rp.Config) { c.Prefix = "/" }, "Prefix"},
		{"prefix with a query", func(c *rp.Config) { c.Prefix = "/a?b" }, "Prefix"},
		{"prefix with two slashes", func(c *rp.Config) { c.Prefix = "/a//b" }, "Prefix"},
		{"prefix with an escape", func(c *rp.Config) { c.Prefix = "/a%2fb" }, "Prefix"},
		{"prefix with a wildcard", func(c *rp.Config) { c.Prefix = "/{x}" }, "Prefix"},
		{"prefix with dots", func(c *rp.Config) { c.Prefix = "/a/../b" }, "Prefix"},
		{"prefix with a line end", func(c *rp.Config) { c.Prefix = "/a\r\nX: y" }, "Prefix"},
		{"prefix with markup", func(c *rp.Config) { c.Prefix = `/a"><script>` }, "Prefix"},
		{"prefix is a host", func(c *rp.Config) { c.Prefix = "https://evil.example" }, "Prefix"},
		{"scopes without openid", func(c *rp.Config) { c.Scopes = []string{"profile"} }, "Scopes"},
		{"API with a path", func(c *rp.Config) { c.APIs = []rp.API{{Origin: "https://api.example/v1"}} }, "APIs"},
		{"API on http", func(c *rp.Config) { c.APIs = []rp.API{{Origin: "http://api.example"}} }, "APIs"},
		{"API of a look-alike", func(c *rp.Config) { c.APIs = []rp.API{{Origin: "https://ap\u0130.example"}} }, "APIs"},
		{"API with a dot at the end", func(c *rp.Config) {
			c.APIs = []rp.API{{Origin: "https://api.example."}}
		}, "APIs"},
		{"API with a port that nobody compares", func(c *rp.Config) {
			c.APIs = []rp.API{{Origin: "https://api.example:0443"}}
		}, "APIs"},
		{"issuer of a look-alike", func(c *rp.Config) { c.Issuer = "https://\u0130dp.example" }, "Issuer"},
		{"API is a pattern", func(c *rp.Config) { c.APIs = []rp.API{{Origin: "*.example"}} }, "APIs"},
		{"API twice", func(c *rp.Config) {
			c.APIs = []rp.API{{Origin: "https://a.example"}, {Origin: "https://a.example:443", Resource: "urn:x"}}
		}, "APIs"},
		{"API with a relative resource", func(c *rp.Config) {
			c.APIs = []rp.API{{Origin: "https://a.example", Resource: "notes"}}
		}, "APIs"},
		{"API with a fragment in its resource", func(c *rp.Config) {
			c.APIs = []rp.API{{Origin: "https://a.example", Resource: "https://a.example/#x"}}
		}, "APIs"},
		{"API with two scopes in one", func(c *rp.Config) {
			c.APIs = []rp.API{{Origin: "https://a.example", Scopes: []string{"a b"}}}
		}, "APIs"},
		{"API with an empty scope", func(c *rp.Config) {
			c.APIs = []rp.API{{Origin: "https://a.example", Scopes: []string{""}}}
		}, "APIs"},
		{"API with a name of 2 KB", func(c *rp.Config) {
			c.APIs = []rp.API{{Origin: "https://a.example", Audience: strings.Repeat("x", 2000)}}
		}, "APIs"},
		{"API with a token of its own without a refresh token", func(c *rp.Config) {
			c.Kind, c.APIs = rp.ReferenceToken, []rp.API{{Origin: "https://a.example", Audience: "a"}}
		}, "APIs"},
		{"nine tokens of APIs", func(c *rp.Config) {
			c.APIs = nil
			for _, n := range "123456789" {
				c.APIs = append(c.APIs, rp.API{Origin: "https://a" + string(n) + ".example", Audience: string(n)})
			}
		}, "APIs"},
		{"texts of no language", func(c *rp.Config) {
			c.Pages.Texts = map[string]map[string]string{"de_DE": {}}
		}, "Pages"},
		{"a text that no page shows", func(c *rp.Config) {
			c.Pages.Texts = map[string]map[string]string{"de": {"hello": "Hallo"}}
		}, "Pages"},
		{"a text of 2 KB", func(c *rp.Config) {
			c.Pages.Texts = map[string]map[string]string{"de": {"error": strings.Repeat("x", 2000)}}
		}, "Pages"},
		{"a frame that fails", func(c *rp.Config) {
			c.Pages.Frame = func(io.Writer, pages.Page) error { return errors.New("no") }
		}, "Pages"},
		{"a frame without the page", func(c *rp.Config) {
			c.Pages.Frame = func(io.Writer, pages.Page) error { return nil }
		}, "Pages"},
		{"a frame that escapes the page", func(c *rp.Config) {
			c.Pages.Frame = func(w io.Writer, p pages.Page) error {
				return template.Must(template.New("").Parse("{{.}}")).Execute(w, string(p.Body))
			}
		}, "Pages"},
		{"trusted origin with a path", func(c *rp.Config) {
			c.TrustedOrigins = []string{"https://a.example/x"}
		}, "TrustedOrigins"},
		{"TrustFor is negative", func(c *rp.Config) { c.TrustFor = -1 }, "TrustFor"},
		{"Skew is negative", func(c *rp.Config) { c.Skew = -1 }, "Skew"},
		{"CORE-09 Skew above 5 min", func(c *rp.Config) { c.Skew = 5*time.Minute + 1 }, "Skew"},
		{"LoginTimeout is negative", func(c *rp.Config) { c.LoginTimeout = -1 }, "LoginTimeout"},
		{"LoginTimeout outlives the memory of ends", func(c *rp.Config) {
			c.LoginTimeout = 24 * time.Hour
		}, "LoginTimeout"},
		{"RequestTimeout is negative", func(c *rp.Config) { c.RequestTimeout = -1 }, "RequestTimeout"},
		{"SignalEvery is negative", func(c *rp.Config) { c.SignalEvery = -1 }, "SignalEvery"},
		{"IdPWindow is negative", func(c *rp.Config) { c.IdPWindow = -1 }, "IdPWindow"},
		{"Idle is negative", func(c *rp.Config) { c.Idle = -1 }, "Idle"},
		{"MaxAge has no whole second", func(c *rp.Config) { c.MaxAge = time.Second / 2 }, "MaxAge"},
		{"MassLogoutPause is negative", func(c *rp.Config) { c.MassLogoutPause = -1 }, "MassLogoutPause"},
		{"MaxStreamsPerSession is negative", func(c *rp.Config) {
			c.MaxStreamsPerSession = -1
		}, "MaxStreamsPerSession"},
		{"an end_session_endpoint over http", func(c *rp.Config) {
			c.Logout.URL = "http://idp.example/logout"
		}, "Logout.URL"},
		{"a word of the log-out that is ours", func(c *rp.Config) {
			c.Logout.Params = map[string]string{"state": "x"}
		}, "Logout.Params"},
		{"a field of the log-out that is ours", func(c *rp.Config) {
			c.Logout.Form = []string{"everywhere"}
		}, "Logout.Form"},
		{"an unknown response mode", func(c *rp.Config) { c.ResponseMode = "fragment" }, "ResponseMode"},
		{"a name of another site's log-in", func(c *rp.Config) { c.LoginQuery = []string{"iss"} }, "LoginQuery"},
		{"MaxAge is negative", func(c *rp.Config) { c.MaxAge = -1 }, "MaxAge"},
		{"C1 δ is not below W", func(c *rp.Config) {
			c.SignalEvery, c.IdPWindow = time.Minute, time.Minute
		}, "SignalEvery"},
		{"alg none", func(c *rp.Config) { c.IDTokenAlg = "none" }, "IDTokenAlg"},
		{"a symmetric alg", func(c *rp.Config) { c.IDTokenAlg = "HS256" }, "IDTokenAlg"},
		{"alg in small letters", func(c *rp.Config) { c.IDTokenAlg = "rs256" }, "IDTokenAlg"},
		{"a name that is no cookie's", func(c *rp.Config) { c.CookieName = "a b" }, "CookieName"},
		{"a name with =", func(c *rp.Config) { c.CookieName = "a=b" }, "CookieName"},
		{"introspection without tokens", func(c *rp.Config) {
			c.Kind, c.APIIntrospects = rp.NoToken, true
		}, "APIIntrospects"},
	} {
		c := goodConfig()
		row.change(&c)
		_, err := rp.New(t.Context(), c)
		if got := faults(err); len(got) != 1 || got[0] != row.field {
			t.Errorf("%s: New names %v, want %s: %v", row.name, got, row.field, err)
		}
		if err != nil && !strings.Contains(err.Error(), "Config."+row.field+": ") {
			t.Errorf("%s: the text does not name the field: %v", row.name, err)
		}
	}
}

// All faults are told at once, so that nobody repairs one after the other.
func TestConfigFaultsAllAtOnce(t *testing.T) {
	_, err := rp.New(t.Context(), rp.Config{TrustFor: -1, IDTokenAlg: "none", Kind: 9})
	got := strings.Join(faults(err), " ")
	if want := "Issuer ClientID BaseURL Kind Keys Store TrustFor IDTokenAlg"; got != want {
		t.Errorf("New names %q, want %q", got, want)
	}
}

// What is right passes, up to the network.
func TestConfigAccepts(t *testing.T) {
	for name, change := range map[string]func(*rp.Config){
		"nothing more than needed": func(*rp.Config) {},
		"loopback on http": func(c *rp.Config) {
			c.Issuer, c.BaseURL = "http://127.0.0.1:8080", "http://notes.localhost:9101"
		},
		"IPv6 loopback":            func(c *rp.Config) { c.Issuer = "http://[::1]:8080" },
		"http where it is allowed": func(c *rp.Config) { c.Issuer, c.InsecureAllowHTTP = "http://idp.example", true },
		"an issuer with a path":    func(c *rp.Config) { c.Issuer = issuer + "/realms/x" },
		"a base with a slash":      func(c *rp.Config) { c.BaseURL = base + "/" },
		"a base with a path":       func(c *rp.Config) { c.BaseURL = base + "/app/notes/" },
		"another name":             func(c *rp.Config) { c.BaseURLs = []string{"https://www.notes.example/"} },
		"no absolute limit":        func(c *rp.Config) { c.Absolute = -1 },
		"another prefix":           func(c *rp.Config) { c.Prefix = "account/" },
	} {
		c := goodConfig()
		change(&c)
		_, err := rp.New(t.Context(), c)
		if got := faults(err); len(got) > 0 || err == nil || !strings.Contains(err.Error(), "discovery") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Discovery: an IdP that does not fit stops New with the field's name; one that
// cannot be reached is another error, because trying again may help.
func TestDiscoveryFaults(t *testing.T) {
	for _, row := range []struct {
		name    string
		replace []string // pairs of old and new in the discovery document
		fault   idpmock.Fault
		alg     string
		field   string // "": not a fault of the configuration
	}{
		{name: "CORE-04 H -discovery-issuer-mismatch", replace: []string{`"issuer":"https://idp.example"`,
			`"issuer":"https://evil.example"`}, field: "Issuer"},
		{name: "CORE-04 issuer with a slash more", replace: []string{`"issuer":"https://idp.example"`,
			`"issuer":"https://idp.example/"`}, field: "Issuer"},
		{name: "http token endpoint", replace: []string{"https://idp.example/token", "http://idp.example/token"},
			field: "Issuer"},
		{name: "http jwks_uri", replace: []string{"https://idp.example/jwks", "http://idp.example/jwks"},
			field: "Issuer"},
		{name: "http userinfo", replace: []string{"https://idp.example/userinfo", "http://idp.example/userinfo"},
			field: "Issuer"},
		{name: "javascript: as end_session_endpoint", replace: []string{"https://idp.example/end_session",
			"javascript:alert(1)"}, field: "Issuer"},
		{name: "no token endpoint", replace: []string{`"token_endpoint"`, `"x"`}, field: "Issuer"},
		{name: "no authorization endpoint", replace: []string{`"authorization_endpoint"`, `"x"`}, field: "Issuer"},
		{name: "no jwks_uri", replace: []string{`"jwks_uri"`, `"x"`}, field: "Issuer"},
		{name: "CORE-01 no S256", replace: []string{`"S256"`, `"plain"`}, field: "Issuer"},
		{name: "another algorithm", alg: "RS256", field: "IDTokenAlg"},
		{name: "not JSON", replace: []string{`{`, `<`}},
		{name: "404 with a long page", fault: idpmock.Fault{Status: 404, Body: strings.Repeat("<p>no</p>", 9999)}},
		{name: "500", fault: idpmock.Fault{Status: 500}},
		{name: "a redirect", fault: idpmock.Fault{Status: 302,
			Header: map[string]string{"Location": "https://evil.example/"}}},
		{name: "no answer", fault: idpmock.Fault{DropBefore: true}},
		{name: "too slow", fault: idpmock.Fault{Delay: time.Hour}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := idptest.StartMem(t, idptest.WithConfig(func(c *idpmock.Config) { c.SigningAlg = "ES256" }))
				if row.replace != nil {
					row.fault.Body = strings.NewReplacer(row.replace...).Replace(discoveryDocument(t, s))
				}
				if row.alg == "" {
					row.fault.Endpoint, row.fault.Times = idpmock.EndpointDiscovery, idpmock.Always
					s.Fault(row.fault)
				}
				c := goodConfig()
				c.HTTPClient = s.Net.Client()
				if row.alg != "" {
					c.IDTokenAlg = row.alg
				}
				began := time.Now()
				a, err := rp.New(t.Context(), c)
				if err == nil {
					a.Close()
					t.Fatal("New succeeded")
				}
				if took := time.Since(began); took > time.Minute {
					t.Errorf("New gave up after %v", took)
				}
				if got := strings.Join(faults(err), " "); got != row.field {
					t.Errorf("New names %q, want %q: %v", got, row.field, err)
				}
				if len(err.Error()) > 1000 {
					t.Errorf("an error of %d bytes", len(err.Error()))
				}
				if !strings.Contains(err.Error(), "Config.") {
					t.Errorf("the error does not say where to look: %v", err)
				}
			})
		})
	}
}

func discoveryDocument(t *testing.T, s *idptest.Server) string {
	t.Helper()
	resp, err := s.Net.Client().Get(s.URL + idpmock.PathDiscovery)
	if err != nil {
		t.Fatal(err)
	}
	return readAll(t, resp)
}

// A document without the optional parts is fine: nothing is invented in their
// place.
func TestMinimalDiscovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := idptest.StartMem(t, idptest.WithConfig(func(c *idpmock.Config) { c.SigningAlg = "ES256" }))
		s.Fault(idpmock.Fault{Endpoint: idpmock.EndpointDiscovery, Times: idpmock.Always, Body: `{"issuer":"https://idp.example","authorization_endpoint":"https://idp.example/authorize",
			"token_endpoint":"https://idp.example/token?tenant=7","jwks_uri":"https://idp.example/jwks","response_types_supported":["code"]}`})
		c := goodConfig()
		c.HTTPClient = s.Net.Client()
		a, err := rp.New(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		if err := a.Close(); err != nil {
			t.Errorf("Close twice: %v", err)
		}
	})
}
