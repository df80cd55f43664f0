package rp_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	tandemcookie "github.com/tandem-sso/tandem/rp/internal/cookie"
	"github.com/tandem-sso/tandem/rp/store"
)

// byReference is a setup whose IdP fetches the requests of this client, from registered addresses alone.
func byReference(s setup) setup {
	s.idp = both(orNothing(s.idp), func(c *idpmock.Config) {
		c.RequestURI, c.RequireRequestURIRegistration = true, true
	})
	s.client = both(orNothing(s.client), func(c *idpmock.Client) { c.RequestURIs = []string{base + "/auth/request*"} })
	s.config = both(orNothing(s.config), func(c *rp.Config) { c.RequestURI = true })
	return s
}

func orNothing[T any](f func(*T)) func(*T) {
	if f == nil {
		return func(*T) {}
	}
	return f
}

// fetches are the answers of the app to whoever fetches its requests.
func (w *world) fetches() *[]*httptest.ResponseRecorder {
	var all []*httptest.ResponseRecorder
	for i, next := range w.apps {
		w.apps[i] = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/auth/request" {
				next.ServeHTTP(rw, r)
				return
			}
			if len(r.Cookies()) > 0 {
				w.Errorf("the IdP sends cookies: %v", r.Cookies())
			}
			kept := httptest.NewRecorder()
			next.ServeHTTP(kept, r)
			w.note(func() { all = append(all, kept) })
			for name, values := range kept.Header() {
				rw.Header()[name] = values
			}
			rw.WriteHeader(kept.Code)
			_, _ = rw.Write(kept.Body.Bytes())
		})
	}
	return &all
}

// objectIn are header and claims of a request object.
func objectIn(t *testing.T, object string) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(object, ".")
	if len(parts) != 3 {
		t.Fatalf("no token: %s", object)
	}
	for i, to := range []*map[string]any{&header, &claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, to); err != nil {
			t.Fatal(err)
		}
	}
	return header, claims
}

// namesIn are those of the parameters in an address.
func namesIn(address string) (all []string) {
	for name := range query(address) {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

var namesByReference = []string{"client_id", "request_uri", "response_type", "scope"}

// The browser carries an address, at which the IdP fetches the request: signed, or not; from whichever instance of the
// client it meets.
func TestRequestURI(t *testing.T) {
	for name, row := range map[string]struct {
		s   setup
		alg string
	}{
		"not signed":         {setup{}, "none"},
		"signed":             {keyed(t, setup{config: func(c *rp.Config) { c.JAR = true }}), "ES256"},
		"the IdP demands it": {keyed(t, setup{idp: func(c *idpmock.Config) { c.RequireJAR = true }}), "ES256"},
		"a form comes back":  {setup{config: formPosts}, "none"},
	} {
		t.Run(name, func(t *testing.T) {
			s := byReference(row.s)
			s.instances = 2
			inBubble(t, s, func(t *testing.T, w *world) {
				fetched := w.fetches()
				w.apps[0], w.apps[1] = w.apps[1], w.apps[0] // the IdP meets the other one
				v := w.visitor("ada")
				v.instance = "1"
				to := v.start("/auth/login?return_to=/private")
				uri := query(to).Get("request_uri")
				if !slices.Equal(namesIn(to), namesByReference) || !strings.HasPrefix(uri, base+"/auth/request?r=") ||
					len(uri) > 512 {
					t.Errorf("%d characters, %v", len(uri), to)
				}
				back := v.authorize(to)
				if len(*fetched) != 1 {
					t.Fatalf("%d fetches: %s", len(*fetched), back)
				}
				a := (*fetched)[0]
				header, claims := objectIn(t, a.Body.String())
				if a.Code != http.StatusOK || a.Header().Get("Content-Type") != "application/oauth-authz-req+jwt" ||
					a.Header().Get("Cache-Control") != "no-store" || header["alg"] != row.alg ||
					header["typ"] != "oauth-authz-req+jwt" {
					t.Errorf("%d %v %v", a.Code, a.Header(), header)
				}
				if claims["aud"] != issuer || claims["iss"] != "notes" || claims["client_id"] != "notes" ||
					claims["redirect_uri"] != base+"/auth/callback" || claims["state"] == nil ||
					claims["code_challenge"] == nil || claims["response_type"] != "code" ||
					claims["exp"].(float64)-claims["iat"].(float64) != 60 {
					t.Errorf("%v", claims)
				}
				var got *reply
				if claims["response_mode"] == "form_post" {
					got = v.again(v.cookieless("/auth/callback", query(back), issuer))
				} else {
					got = v.get(back)
				}
				if got.status != http.StatusSeeOther || got.location() != "/private" {
					t.Errorf("%v", got)
				}
			})
		})
	}
}

// Whoever has the address may have the request, for as long as a log-in may take, and nobody gets anything else there.
func TestRequestURIsAreSealed(t *testing.T) {
	s := byReference(setup{config: func(c *rp.Config) { c.LoginTimeout = 10 * time.Minute }})
	inBubble(t, s, func(t *testing.T, w *world) {
		uri := func(w *world) string { return query(w.visitor("ada").start("/auth/login")).Get("request_uri") }
		get := func(path string) *reply { return w.visitor("").get(path) }
		good := strings.TrimPrefix(uri(w), base)
		time.Sleep(10 * time.Minute)
		a := get(good)
		if _, claims := objectIn(t, a.body); a.status != http.StatusOK || claims["nonce"] == nil {
			t.Fatalf("%v", a)
		}
		time.Sleep(time.Second)
		sealed := strings.TrimPrefix(good, "/auth/request?r=")
		fresh := strings.TrimPrefix(uri(w), base)
		bad := map[string]string{"too old": good, "nothing": "/auth/request", "empty": "/auth/request?r=",
			"not base64": fresh + "=", "cut off": fresh[:len(fresh)-4], "too long": fresh + strings.Repeat("A", 9000),
			"an old one with a new name": "/auth/request?r=" + sealed[:20] + fresh[len(fresh)-40:]}
		for i := 0; i < len(fresh)-len("/auth/request?r="); i += 7 {
			at := len(fresh) - 1 - i
			flipped := byte('A')
			if fresh[at] == flipped {
				flipped = 'B'
			}
			bad["changed"+fresh[:at]] = fresh[:at] + string(flipped) + fresh[at+1:]
		}
		others := w.config(s)
		others.ClientID = "photos"
		other, err := rp.New(t.Context(), others)
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		rec := httptest.NewRecorder()
		if err := other.StartLogin(rec, httptest.NewRequest("GET", base+"/auth/login", nil)); err != nil {
			t.Fatal(err)
		}
		bad["another client's"] = strings.TrimPrefix(query(rec.Header().Get("Location")).Get("request_uri"), base)
		_, claims := objectIn(t, a.body)
		state, _ := claims["state"].(string)
		bad["another seal of this client"] = "/auth/request?r=" + state[tandemcookie.IDLen:]
		want := get("/auth/request")
		for name, path := range bad {
			if a := get(path); a.status != http.StatusNotFound || a.body != want.body ||
				a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%.40s: %v", name, a)
			}
		}
		if a := get(fresh); a.status != http.StatusOK {
			t.Errorf("%v", a)
		}
	})
}

// A request that is too long for an address goes as without the option; so does a silent check with a hint.
func TestRequestURIIsTooLong(t *testing.T) {
	long := map[string]string{"audience": strings.Repeat("x", 400)}
	for name, row := range map[string]struct {
		s    setup
		want []string
	}{
		"not signed": {setup{config: func(c *rp.Config) { c.LoginParams = long }}, []string{"audience", "client_id",
			"code_challenge", "code_challenge_method", "nonce", "redirect_uri", "response_type", "scope", "state"}},
		"signed": {keyed(t, setup{config: func(c *rp.Config) { c.LoginParams, c.JAR = long, true }}),
			[]string{"client_id", "request", "response_type", "scope"}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, byReference(row.s), func(t *testing.T, w *world) {
				v := w.visitor("ada")
				to := v.start("/auth/login?return_to=/private")
				if !slices.Equal(namesIn(to), row.want) {
					t.Errorf("%v", namesIn(to))
				}
				if a := v.get(v.authorize(to)); a.status != http.StatusSeeOther || a.location() != "/private" {
					t.Errorf("%v", a)
				}
			})
		})
	}
}

// An IdP that takes signed requests by reference alone gets the long address, too.
func TestRequestURIOnly(t *testing.T) {
	s := keyed(t, setup{config: func(c *rp.Config) {
		c.JAR, c.LoginParams = true, map[string]string{"audience": strings.Repeat("x", 400)}
	}})
	inBubble(t, byReference(s), func(t *testing.T, w *world) {
		c := w.config(byReference(s))
		next := c.HTTPClient.Transport
		c.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(r)
			if err == nil && strings.HasSuffix(r.URL.Path, "/openid-configuration") {
				doc := readAll(t, resp)
				resp.Body = io.NopCloser(strings.NewReader(strings.Replace(doc, `"request_parameter_supported":true`,
					`"request_parameter_supported":false`, 1)))
			}
			return resp, err
		})}
		auth, err := rp.New(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		defer auth.Close()
		rec := httptest.NewRecorder()
		if err := auth.StartLogin(rec, httptest.NewRequest("GET", base+"/auth/login", nil)); err != nil {
			t.Fatal(err)
		}
		to := rec.Header().Get("Location")
		if !slices.Equal(namesIn(to), namesByReference) {
			t.Errorf("%s", to)
		}
		rec = httptest.NewRecorder()
		w.app(auth).ServeHTTP(rec, httptest.NewRequest("GET", query(to).Get("request_uri"), nil))
		if _, claims := objectIn(t, rec.Body.String()); rec.Code != http.StatusOK || claims["audience"] == nil {
			t.Errorf("%d %v", rec.Code, claims)
		}
	})
}

// Diagnose and New say which address to register.
func TestRequestURIHasToBeRegistered(t *testing.T) {
	for _, demanded := range []bool{true, false} {
		s := byReference(setup{})
		s.idp = both(s.idp, func(c *idpmock.Config) { c.RequireRequestURIRegistration = demanded })
		inBubble(t, s, func(t *testing.T, w *world) {
			found, err := rp.Diagnose(t.Context(), w.config(s))
			if err != nil {
				t.Fatal(err)
			}
			for what, all := range map[string][]store.Finding{"Diagnose": found, "Findings": w.auth[0].Findings()} {
				says := ""
				for _, f := range all {
					if f.Code == "request_uri_registered" {
						says = f.Text
					}
				}
				if strings.Contains(says, base+"/auth/request*") != demanded {
					t.Errorf("%s: %q", what, says)
				}
			}
		})
	}
}
