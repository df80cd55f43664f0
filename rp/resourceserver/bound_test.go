package resourceserver_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/dpop"
	"github.com/tandem-sso/tandem/rp/resourceserver"
)

// key is that of a client, and shows tokens with it.
type key struct {
	t *testing.T
	*dpop.Key
}

func newKey(t *testing.T) key {
	k, err := dpop.Parse(dpop.NewSeed())
	if err != nil {
		t.Fatal(err)
	}
	return key{t, k}
}

func (k key) proof(method, address, token string, at time.Time) string {
	u, err := url.Parse(address)
	if err != nil {
		k.t.Fatal(err)
	}
	p, err := k.Proof(dpop.Call{Method: method, URL: u, Token: token, At: at})
	if err != nil {
		k.t.Fatal(err)
	}
	return p
}

const notes = "https://api.example/v1/notes"

func taking(c *resourceserver.Config) { c.BaseURL = "https://api.example/v1" }

// ask is a GET of /notes behind a proxy that takes /v1 away, by any name of the host.
func ask(s *resourceserver.Server, authorization string, proofs ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "http://10.0.0.7:8080/notes?page=2", nil)
	r.Header.Set("Authorization", authorization)
	for _, p := range proofs {
		r.Header.Add("DPoP", p)
	}
	w := httptest.NewRecorder()
	s.Require(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
	return w
}

// DPOP-01, RFC 9449 §7: a token that is bound to a key is taken with a proof of that key,
// for this request, lately, once, and in no other way.
func TestDPoPBoundTokens(t *testing.T) {
	i := start(t)
	k, thief := newKey(t), newKey(t)
	now := time.Now()
	mine := fmt.Sprintf(`{"active":true,"sub":"ada","token_type":"DPoP","cnf":{"jkt":%q}}`, k.Thumbprint())
	s := i.server(t, taking)
	fresh := func() string { return k.proof("GET", notes, "tok", now) }
	used := fresh()
	for _, row := range []struct {
		name   string
		says   string
		auth   string
		proofs []string
		want   string // "": it is good
	}{
		{"good", mine, "DPoP tok", []string{used}, ""},
		{"the scheme in another spelling", mine, "dpop tok", []string{fresh()}, ""},
		{"the query is not looked at", mine, "DPoP tok", []string{k.proof("GET", notes+"?page=3", "tok", now)}, ""},
		{"without a typ", fmt.Sprintf(`{"active":true,"cnf":{"jkt":%q}}`, k.Thumbprint()), "DPoP tok",
			[]string{fresh()}, ""},
		{"the same proof again", mine, "DPoP tok", []string{used}, "invalid_dpop_proof"},
		{"no proof", mine, "DPoP tok", nil, "invalid_dpop_proof"},
		{"two proofs", mine, "DPoP tok", []string{fresh(), fresh()}, "invalid_dpop_proof"},
		{"junk", mine, "DPoP tok", []string{"a.b.c"}, "invalid_dpop_proof"},
		{"another method", mine, "DPoP tok", []string{k.proof("POST", notes, "tok", now)}, "invalid_dpop_proof"},
		{"another path", mine, "DPoP tok", []string{k.proof("GET", "https://api.example/notes", "tok", now)},
			"invalid_dpop_proof"},
		{"another API", mine, "DPoP tok", []string{k.proof("GET", "https://other.example/v1/notes", "tok", now)},
			"invalid_dpop_proof"},
		{"the name that the proxy uses", mine, "DPoP tok",
			[]string{k.proof("GET", "http://10.0.0.7:8080/notes", "tok", now)}, "invalid_dpop_proof"},
		{"another token", mine, "DPoP tok", []string{k.proof("GET", notes, "other", now)}, "invalid_dpop_proof"},
		{"an old one", mine, "DPoP tok", []string{k.proof("GET", notes, "tok", now.Add(-2*time.Minute))},
			"invalid_dpop_proof"},
		{"another key", mine, "DPoP tok", []string{thief.proof("GET", notes, "tok", now)}, "DPoP invalid_token"},
		{"a bearer token", `{"active":true,"token_type":"Bearer"}`, "DPoP tok", []string{fresh()},
			"DPoP invalid_token"},
		{"bound to something else", `{"active":true,"cnf":{"x5t#S256":"x"}}`, "DPoP tok", []string{fresh()},
			"DPoP invalid_token"},
		{"not active", `{"active":false}`, "DPoP tok", []string{fresh()}, "DPoP invalid_token"},
		{"as a bearer token", mine, "Bearer tok", []string{fresh()}, "Bearer invalid_token"},
		{"malformed", mine, "DPoP t o k", []string{fresh()}, "DPoP invalid_token"},
	} {
		i.says(row.says)
		w := ask(s, row.auth, row.proofs...)
		if row.want == "" {
			if w.Code != 200 {
				t.Errorf("%s: %d %v", row.name, w.Code, w.Header())
			}
			continue
		}
		scheme, code, both := strings.Cut(row.want, " ")
		if !both {
			scheme, code = "DPoP", row.want
		}
		if got := w.Header().Get("WWW-Authenticate"); w.Code != 401 || !strings.HasPrefix(got, scheme+" ") ||
			!strings.Contains(got, `error="`+code+`"`) {
			t.Errorf("%s: %d %s", row.name, w.Code, got)
		}
	}
	if w := ask(s, ""); w.Code != 401 || w.Header().Get("WWW-Authenticate") != `Bearer, DPoP algs="ES256 PS256 EdDSA"` {
		t.Errorf("no token: %d %v", w.Code, w.Header())
	}
	i.says(mine)
	if _, err := s.Introspect(t.Context(), "tok"); !errors.Is(err, resourceserver.ErrInactive) {
		t.Errorf("nobody has looked for the key: %v", err)
	}
}

// Without BaseURL nobody knows what a proof is for: bound tokens are refused, as before.
func TestDPoPIsOff(t *testing.T) {
	i, k := start(t), newKey(t)
	i.says(fmt.Sprintf(`{"active":true,"token_type":"DPoP","cnf":{"jkt":%q}}`, k.Thumbprint()))
	s := i.server(t)
	for _, auth := range []string{"DPoP tok", "Bearer tok"} {
		if w := ask(s, auth, k.proof("GET", notes, "tok", time.Now())); w.Code != 401 ||
			strings.Contains(w.Header().Get("WWW-Authenticate"), "DPoP") {
			t.Errorf("%s: %d %v", auth, w.Code, w.Header())
		}
	}
}

// A cached answer does not replace the proof.
func TestDPoPWithACache(t *testing.T) {
	i, k, thief := start(t), newKey(t), newKey(t)
	i.says(fmt.Sprintf(`{"active":true,"cnf":{"jkt":%q}}`, k.Thumbprint()))
	s := i.server(t, taking, func(c *resourceserver.Config) { c.CacheFor = time.Minute })
	for n, by := range []key{k, k, thief, k} {
		want := 200
		if by == thief {
			want = 401
		}
		if w := ask(s, "DPoP tok", by.proof("GET", notes, "tok", time.Now())); w.Code != want {
			t.Errorf("call %d: %d", n, w.Code)
		}
	}
	if n := i.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	if w := ask(s, "Bearer tok"); w.Code != 401 {
		t.Errorf("as a bearer token: %d", w.Code)
	}
}

// RequireBound: what is bound to nothing is refused.
func TestRequireBound(t *testing.T) {
	i, k := start(t), newKey(t)
	s := i.server(t, taking, func(c *resourceserver.Config) { c.RequireBound = true })
	if w := ask(s, "Bearer tok"); w.Code != 401 {
		t.Errorf("a bearer token: %d", w.Code)
	}
	if _, err := s.Introspect(t.Context(), "tok"); !errors.Is(err, resourceserver.ErrInactive) {
		t.Errorf("%v", err)
	}
	if w := ask(s, ""); w.Header().Get("WWW-Authenticate") != `DPoP algs="ES256 PS256 EdDSA"` {
		t.Errorf("no token: %v", w.Header())
	}
	i.says(fmt.Sprintf(`{"active":true,"cnf":{"jkt":%q}}`, k.Thumbprint()))
	if w := ask(s, "DPoP tok", k.proof("GET", notes, "tok", time.Now())); w.Code != 200 {
		t.Errorf("a bound one: %d %v", w.Code, w.Header())
	}
}

// RFC 8705 §3: a token that is bound to a certificate is taken with that one.
func TestCertificateBoundTokens(t *testing.T) {
	i := start(t)
	ours, theirs := &x509.Certificate{Raw: []byte("ours")}, &x509.Certificate{Raw: []byte("theirs")}
	sum := sha256.Sum256(ours.Raw)
	i.says(fmt.Sprintf(`{"active":true,"token_type":"Bearer","cnf":{"x5t#S256":%q}}`,
		base64.RawURLEncoding.EncodeToString(sum[:])))
	s := i.server(t, func(c *resourceserver.Config) { c.RequireBound = true })
	for name, row := range map[string]struct {
		tls  *tls.ConnectionState
		good bool
	}{
		"ours":           {&tls.ConnectionState{PeerCertificates: []*x509.Certificate{ours, theirs}}, true},
		"another":        {&tls.ConnectionState{PeerCertificates: []*x509.Certificate{theirs, ours}}, false},
		"no certificate": {&tls.ConnectionState{}, false},
		"no TLS":         {nil, false},
	} {
		r := httptest.NewRequest("GET", "/notes", nil)
		r.Header.Set("Authorization", "Bearer tok")
		r.TLS = row.tls
		if _, err := s.Check(r); (err == nil) != row.good || err != nil && !errors.Is(err, resourceserver.ErrInactive) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A proof is remembered for as long as it is good, however many come.
func TestProofsComeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKey(t)
		s, err := resourceserver.New(t.Context(), resourceserver.Config{
			IntrospectionURL: "https://idp.example/introspect", ClientID: "api", ClientSecret: "s3cret",
			BaseURL: "https://api.example/v1", Audience: []string{"a"},
			HTTPClient: &http.Client{Transport: answering(fmt.Sprintf(`{"active":true,"aud":"a","cnf":{"jkt":%q}}`,
				k.Thumbprint()))},
		})
		if err != nil {
			t.Fatal(err)
		}
		future := k.proof("GET", notes, "tok", time.Now().Add(time.Minute))
		if w := ask(s, "DPoP tok", future); w.Code != 200 {
			t.Fatalf("%d %v", w.Code, w.Header())
		}
		for range 12 {
			time.Sleep(9 * time.Second)
			if w := ask(s, "DPoP tok", k.proof("GET", notes, "tok", time.Now())); w.Code != 200 {
				t.Errorf("another one: %d", w.Code)
			}
			if w := ask(s, "DPoP tok", future); w.Code != 401 {
				t.Errorf("again: %d", w.Code)
			}
		}
	})
}

type answering string

func (a answering) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.WriteString(string(a))
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

// A token that is bound to a key and to a certificate needs both.
func TestTokensBoundTwice(t *testing.T) {
	i, k := start(t), newKey(t)
	ours := &x509.Certificate{Raw: []byte("ours")}
	sum := sha256.Sum256(ours.Raw)
	i.says(fmt.Sprintf(`{"active":true,"token_type":"DPoP","cnf":{"jkt":%q,"x5t#S256":%q}}`, k.Thumbprint(), base64.RawURLEncoding.EncodeToString(sum[:])))
	s := i.server(t, taking)
	for name, row := range map[string]struct {
		tls  *tls.ConnectionState
		good bool
	}{
		"both":          {&tls.ConnectionState{PeerCertificates: []*x509.Certificate{ours}}, true},
		"another":       {&tls.ConnectionState{PeerCertificates: []*x509.Certificate{{Raw: []byte("theirs")}}}, false},
		"the key alone": {nil, false},
	} {
		r := httptest.NewRequest("GET", "/notes", nil)
		r.Header.Set("Authorization", "DPoP tok")
		r.Header.Set("DPoP", k.proof("GET", notes, "tok", time.Now()))
		r.TLS = row.tls
		if _, err := s.Check(r); (err == nil) != row.good || err != nil && !errors.Is(err, resourceserver.ErrInactive) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
