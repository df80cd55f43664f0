package rp_test

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
)

// boundAPI is a resource server that takes DPoP-bound tokens alone (RFC 9449 §7).
type boundAPI struct {
	mu     sync.Mutex
	nonce  string // demanded; empty: none
	scheme string // of its challenges
	faults []string
	jkts   []string // of the requests that were good
	bodies []string
	seen   map[string]bool // jti
}

func (a *boundAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	refuse := func(code, format string, args ...any) {
		if code != "use_dpop_nonce" {
			a.faults = append(a.faults, fmt.Sprintf(format, args...))
		}
		w.Header().Set("WWW-Authenticate", a.scheme+` error="`+code+`"`)
		w.WriteHeader(http.StatusUnauthorized)
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "DPoP ")
	jws, err := jose.ParseSignedCompact(r.Header.Get("DPoP"), []jose.SignatureAlgorithm{jose.ES256})
	if !ok || err != nil {
		refuse("invalid_token", "no bound token: %v, %v", ok, err)
		return
	}
	key := jws.Signatures[0].Header.JSONWebKey
	payload, err := jws.Verify(key)
	if err != nil || !key.IsPublic() || jws.Signatures[0].Header.ExtraHeaders["typ"] != "dpop+jwt" {
		refuse("invalid_dpop_proof", "the proof: %v %+v", err, jws.Signatures[0].Header)
		return
	}
	var claims struct {
		Jti, Htm, Htu, Ath, Nonce string
		Iat                       int64
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		refuse("invalid_dpop_proof", "%v", err)
		return
	}
	sum := sha256.Sum256([]byte(token))
	thumb, _ := key.Thumbprint(crypto.SHA256)
	jkt := base64.RawURLEncoding.EncodeToString(thumb)
	switch {
	case claims.Htm != r.Method, claims.Htu != "https://api.example"+r.URL.Path,
		claims.Ath != base64.RawURLEncoding.EncodeToString(sum[:]),
		claims.Jti == "", a.seen[claims.Jti], time.Since(time.Unix(claims.Iat, 0)).Abs() > 5*time.Second:
		refuse("invalid_dpop_proof", "%s %s %+v", r.Method, r.URL, claims)
		return
	case cnf(token) != jkt:
		refuse("invalid_token", "bound to %s, shown by %s", cnf(token), jkt)
		return
	}
	a.seen[claims.Jti] = true
	if a.nonce != "" && claims.Nonce != a.nonce {
		w.Header().Set("DPoP-Nonce", a.nonce)
		refuse("use_dpop_nonce", "")
		return
	}
	a.jkts, a.bodies = append(a.jkts, jkt), append(a.bodies, string(body))
	io.WriteString(w, "the API's answer")
}

func newBoundAPI() *boundAPI { return &boundAPI{seen: map[string]bool{}, scheme: "DPoP"} }

// cnf is the jkt that idp-mock has written into a token.
func cnf(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	raw, _ := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Cnf struct{ Jkt string }
	}
	_ = json.Unmarshal(raw, &claims)
	return claims.Cnf.Jkt
}

// bound is a world in which tokens are bound.
func bound(s setup) setup {
	config, client := s.config, s.client
	s.config = func(c *rp.Config) {
		c.DPoP = true
		if config != nil {
			config(c)
		}
	}
	s.client = func(c *idpmock.Client) {
		c.DPoPBound = true
		if client != nil {
			client(c)
		}
	}
	return s
}

func noncing(c *idpmock.Config) { c.DPoPNonce = true }

// DPOP-01, DPOP-02: log-in, userinfo, refresh and API calls prove the key of the session,
// on every instance, with the nonces that the IdP and the API want. Suite:
// fapi2-…-happy-path, -happy-path-no-dpop-nonce, -rs-dpop-auth-scheme-case-insensitivity.
func TestDPoP(t *testing.T) {
	for _, row := range []struct {
		name   string
		idp    func(*idpmock.Config)
		nonce  string
		scheme string
	}{
		{"no nonces", nil, "", "DPoP"},
		{"nonces of the IdP", noncing, "", "DPoP"},
		{"nonces of the API", nil, "api-nonce", "DPoP"},
		{"nonces of both", noncing, "api-nonce", "DPoP"},
		{"another spelling", noncing, "api-nonce", "dpop"},
		{"among others", noncing, "api-nonce", `Bearer realm="x", dPoP`},
	} {
		t.Run(row.name, func(t *testing.T) {
			api := newBoundAPI()
			api.nonce, api.scheme = row.nonce, row.scheme
			s := bound(setup{api: api, instances: 2, idp: row.idp, config: func(c *rp.Config) {
				c.UserinfoClaims = true
			}})
			inBubble(t, s, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				to := v.start("/auth/login?return_to=/private")
				jkt := query(to).Get("dpop_jkt")
				if jkt == "" {
					t.Errorf("the code is bound to nothing: %s", to)
				}
				if a := v.get(v.authorize(to)); a.status != http.StatusSeeOther {
					t.Fatalf("%v", a)
				}
				for i := range 3 {
					v.instance = fmt.Sprint(i % 2)
					if status, body, err := w.calls(v, "/run", whoami); status != 200 || body != "the API's answer" ||
						err != nil {
						t.Errorf("call %d: %d %q %v", i, status, body, err)
					}
					status, _, err := w.calls(v, "/run", func(_ context.Context, s *rp.Session) (*http.Response,
						error) {
						return s.Client().PostForm("https://api.example/notes?q=1#f", url.Values{"a": {"b"}})
					})
					if status != 200 || err != nil || api.bodies[len(api.bodies)-1] != "a=b" {
						t.Errorf("call %d: %d %v %q", i, status, err, api.bodies)
					}
					time.Sleep(6 * time.Minute) // the token runs out
				}
				if len(api.faults) > 0 || len(api.jkts) != 6 {
					t.Errorf("%q, %d good calls", api.faults, len(api.jkts))
				}
				for _, got := range api.jkts {
					if got != jkt {
						t.Errorf("a key changed from %s to %s", jkt, got)
					}
				}
				if n := w.idp.Count(idpmock.EndpointRefresh, "notes"); n < 2 {
					t.Errorf("%d refreshes", n)
				}
				w.expectEnds()
			})
		})
	}
}

// Each session has a key of its own, and a silent renewal keeps it.
func TestDPoPKeyOfTheSession(t *testing.T) {
	api := newBoundAPI()
	s := bound(setup{kind: rp.ReferenceToken, api: api, client: func(c *idpmock.Client) {
		c.AccessTokenType, c.AccessTokenLifetime = idpmock.JWT, 5*time.Minute
	}})
	inBubble(t, s, func(t *testing.T, w *world) {
		ada, bob := w.visitor("ada"), w.visitor("bob")
		for _, v := range []*visitor{ada, bob} {
			v.login()
			if status, _, err := w.calls(v, "/run", whoami); status != 200 {
				t.Errorf("%d %v", status, err)
			}
		}
		time.Sleep(6 * time.Minute) // the token is over, and there is no refresh token
		silent := ada.get(ada.get("/private").location()).location()
		if got := query(silent).Get("dpop_jkt"); got != api.jkts[0] || query(silent).Get("prompt") != "none" {
			t.Errorf("the renewal asks with %q: %s", got, silent)
		}
		if a := ada.get(ada.authorize(silent)); a.status != http.StatusSeeOther {
			t.Errorf("%v", a)
		}
		if status, _, err := w.calls(ada, "/run", whoami); status != 200 {
			t.Errorf("%d %v", status, err)
		}
		if len(api.jkts) != 3 || api.jkts[0] == api.jkts[1] || api.jkts[0] != api.jkts[2] {
			t.Errorf("keys %q, faults %q", api.jkts, api.faults)
		}
	})
}

// RFC 9449 §5: an IdP that issues a token without binding it is told apart from one that
// does. At the log-in nobody gets in; at a refresh the token is shown to nobody.
func TestDPoPDowngrade(t *testing.T) {
	api, x := newBoundAPI(), &wire{}
	inBubble(t, x.under(bound(setup{api: api})), func(t *testing.T, w *world) {
		v := w.visitor("ada")
		bearer := func(fields map[string]any) { fields["token_type"] = "Bearer" }
		x.edits(idpmock.PathToken, bearer)
		if a := v.get(v.authorize(v.start("/auth/login"))); a.status != http.StatusBadGateway || v.id() != "" {
			t.Errorf("%v", a)
		}
		// RFC 6749 §5.1: any case
		x.edits(idpmock.PathToken, func(fields map[string]any) { fields["token_type"] = "dpop" })
		v.login()
		if status, _, err := w.calls(v, "/run", whoami); status != 200 {
			t.Errorf("%d %v", status, err)
		}
		x.edits(idpmock.PathToken, bearer)
		time.Sleep(6 * time.Minute)
		if _, _, err := w.calls(v, "/run", whoami); !errors.Is(err, rp.ErrNoAccessToken) ||
			!strings.Contains(err.Error(), "only DPoP is") {
			t.Errorf("%v", err)
		}
		if len(api.jkts) != 1 || len(api.faults) > 0 {
			t.Errorf("%q %q", api.jkts, api.faults)
		}
		w.found("token_type", "DPoP")
		x.edits(idpmock.PathToken, nil)
		time.Sleep(2 * time.Minute)
		if status, _, err := w.calls(v, "/run", whoami); status != 200 {
			t.Errorf("after the repair: %d %v", status, err)
		}
		w.expectEnds()
	})
}

// A session that began before Config.DPoP was set, or while it was, goes on as it began.
func TestDPoPIsSwitched(t *testing.T) {
	for _, first := range []bool{false, true} {
		t.Run(fmt.Sprint("first ", first), func(t *testing.T) {
			s := setup{config: func(c *rp.Config) { c.DPoP = first }}
			inBubble(t, s, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				v.login()
				w.restart(setup{config: func(c *rp.Config) { c.DPoP = !first }}, w.keys...)
				time.Sleep(6 * time.Minute)
				v.welcome()
				kind := ""
				w.calls(v, "/run", func(ctx context.Context, s *rp.Session) (*http.Response, error) {
					token, err := s.TokenSource(ctx).Token()
					if err == nil {
						kind = token.TokenType
					}
					return nil, errors.Join(err, errors.New("no call"))
				})
				if want := map[bool]string{false: "Bearer", true: "DPoP"}[first]; kind != want {
					t.Errorf("tokens are %q, want %q", kind, want)
				}
				w.expectEnds()
			})
		})
	}
}

// DPoPProof serves clients that cannot use Session.Client.
func TestDPoPProof(t *testing.T) {
	api := newBoundAPI()
	inBubble(t, bound(setup{api: api}), func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		by := func(method, address string) (int, error) {
			status, _, err := w.calls(v, "/run", func(ctx context.Context, s *rp.Session) (*http.Response, error) {
				token, err := s.TokenSource(ctx, "https://api.example").Token()
				if err != nil || token.TokenType != "DPoP" {
					return nil, fmt.Errorf("%v %w", token, err)
				}
				proof, err := s.DPoPProof("PUT", "https://api.example/notes", token.AccessToken, "")
				if err != nil {
					return nil, err
				}
				r, _ := http.NewRequestWithContext(ctx, method, address, nil)
				r.Header = http.Header{"Dpop": {proof}}
				token.SetAuthHeader(r)
				return w.idp.Net.Client().Do(r)
			})
			return status, err
		}
		if status, err := by("PUT", "https://api.example/notes"); status != 200 || err != nil {
			t.Errorf("%d %v %q", status, err, api.faults)
		}
		for _, other := range [][2]string{{"GET", "https://api.example/notes"}, {"PUT", "https://api.example/others"}} {
			if status, _ := by(other[0], other[1]); status != 401 {
				t.Errorf("%v: %d", other, status)
			}
		}
	})
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		_, _, err := w.calls(v, "/run", func(_ context.Context, s *rp.Session) (*http.Response, error) {
			_, err := s.DPoPProof("GET", "https://api.example/", "t", "")
			return nil, err
		})
		if !errors.Is(err, rp.ErrNoAccessToken) || !strings.Contains(err.Error(), "Config.DPoP") {
			t.Errorf("a session without a key: %v", err)
		}
	})
}

// C6, DPOP-02: a proof that is refused for whatever else than the clock is this client's
// fault. Nobody is sent to a log-in, which would prove no better; it is said aloud; after
// trust it is a 503, and over once the IdP takes proofs again. So it is at a log-in.
func TestDPoPProofIsRefused(t *testing.T) {
	refused := func(at idpmock.Endpoint) idpmock.Fault {
		return idpmock.Fault{Endpoint: at, Status: 400, Error: "invalid_dpop_proof", Times: idpmock.Always}
	}
	inBubble(t, bound(setup{api: newBoundAPI(), idp: patient}), func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		fault := w.idp.Fault(refused(idpmock.EndpointRefresh))
		time.Sleep(3 * time.Minute) // a signal is due, trust is not over
		v.welcome()
		synctest.Wait()
		w.found("dpop_proof_refused", "clocks", "proxy")
		if !w.log.has("the settings of this client and of the IdP do not match; sessions are kept") {
			t.Errorf("%s", w.log)
		}
		time.Sleep(6 * time.Minute)
		for range 3 {
			if a := v.get("/private"); a.status != http.StatusServiceUnavailable || a.location() != "" {
				t.Errorf("after trust: %v", a)
			}
			time.Sleep(20 * time.Second)
		}
		v.expect("live", "")
		fault.Remove()
		time.Sleep(time.Minute)
		v.welcome()
		w.expectEnds()
	})
	inBubble(t, bound(setup{api: newBoundAPI()}), func(t *testing.T, w *world) {
		v := w.visitor("ada")
		back := v.authorize(v.start("/auth/login"))
		w.idp.Fault(refused(idpmock.EndpointCode))
		if a := v.get(back); a.status != http.StatusBadGateway || v.id() != "" {
			t.Errorf("%v", a)
		}
		w.found("dpop_proof_refused")
	})
}
