package otherclaims_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tandem-sso/tandem/rp/otherclaims"
)

const (
	bank = "https://bank.example"
	city = "https://city.example"
)

// net is a network in memory: a handler for each address. An address that is not there fails the test.
type net struct {
	t     testing.TB
	at    map[string]http.HandlerFunc
	asked []*http.Request
}

func (n *net) RoundTrip(r *http.Request) (*http.Response, error) {
	n.asked = append(n.asked, r)
	h := n.at[r.URL.String()]
	if h == nil {
		n.t.Errorf("%s was asked", r.URL)
		return nil, http.ErrServerClosed
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	h(w, r)
	return w.Result(), nil
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sign(t testing.TB, alg jose.SignatureAlgorithm, key any, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(body)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func serveKeys(t testing.TB, keys ...crypto.Signer) http.HandlerFunc {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, k := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Public()})
	}
	body, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }
}

// world are two sources, bank and city, and a reader that believes both.
type world struct {
	*net
	bank, city *ecdsa.PrivateKey
	now        time.Time
	reader     *otherclaims.Reader
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{net: &net{t: t}, bank: newKey(t), city: newKey(t), now: time.Unix(1_800_000_000, 0)}
	w.at = map[string]http.HandlerFunc{bank + "/jwks": serveKeys(t, w.bank), city + "/jwks": serveKeys(t, w.city)}
	var err error
	w.reader, err = otherclaims.New(otherclaims.Config{Sources: []otherclaims.Source{
		{Issuer: bank, JWKSURL: bank + "/jwks", Alg: "ES256", Claims: []string{"credit_score", "address"},
			Endpoint: bank + "/claims"},
		{Issuer: city, JWKSURL: city + "/jwks", Alg: "ES256", Claims: []string{"address"}},
	}, HTTPClient: &http.Client{Transport: w.net}, Now: func() time.Time { return w.now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.reader.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func encoded(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// of are the claims of a person who has these from one source.
func of(t testing.TB, source map[string]any, names ...string) []byte {
	t.Helper()
	named := map[string]any{}
	for _, n := range names {
		named[n] = "src"
	}
	return encoded(t, map[string]any{"sub": "ada", "_claim_names": named,
		"_claim_sources": map[string]any{"src": source}})
}

func show(got map[string]otherclaims.Claim) string {
	var b strings.Builder
	for _, name := range []string{"address", "credit_score", "sub", "admin"} {
		if c, ok := got[name]; ok {
			fmt.Fprintf(&b, "%s=%s by %s;", name, c.Value, c.Issuer)
		}
	}
	return b.String()
}

// oidcc-client-test-aggregated-claims, and everything that may be wrong with them: nobody believes it.
func TestAggregated(t *testing.T) {
	other := newKey(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	good := func(w *world) map[string]any {
		return map[string]any{"iss": bank, "credit_score": 650, "address": map[string]any{"locality": "X"},
			"admin": true, "exp": w.now.Add(time.Minute).Unix()}
	}
	with := func(name string, v any) func(*world) string {
		return func(w *world) string {
			c := good(w)
			c[name] = v
			if v == nil {
				delete(c, name)
			}
			return sign(t, jose.ES256, w.bank, c)
		}
	}
	const all = `address={"locality":"X"} by https://bank.example;credit_score=650 by https://bank.example;`
	for name, row := range map[string]struct {
		token func(*world) string
		names []string // default both
		want  string
		says  string // of the error; empty: none
	}{
		"as it should be": {token: with("x", 1), want: all},
		"without an end":  {token: with("exp", nil), want: all},
		"a claim not named": {token: with("x", 1), names: []string{"address"},
			want: all[:strings.Index(all, "credit")]},
		"a claim not had":      {token: with("address", nil), want: all[strings.Index(all, "credit"):]},
		"no business of his":   {token: with("x", 1), names: []string{"admin", "sub", "iss"}},
		"expired":              {token: with("exp", 1_799_999_000), says: "expired"},
		"just expired":         {token: with("exp", 1_799_999_960), want: all},
		"exp is a text":        {token: with("exp", "never"), says: "can be read"},
		"not yet":              {token: with("nbf", 1_800_000_100), says: "not valid yet"},
		"another iss":          {token: with("iss", "https://evil.example"), says: "iss"},
		"no iss":               {token: with("iss", nil), says: "iss"},
		"another source's iss": {token: with("iss", city), says: "no key"},
		"another key": {token: func(w *world) string { return sign(t, jose.ES256, other, good(w)) },
			says: "no key"},
		"another algorithm": {token: func(w *world) string { return sign(t, jose.RS256, rsaKey, good(w)) },
			says: `signed with "RS256"`},
		"alg none": {token: func(w *world) string {
			e := base64.RawURLEncoding.EncodeToString
			return e([]byte(`{"alg":"none"}`)) + "." + e(encoded(t, good(w))) + "."
		}, says: "keyset"},
		"no token": {token: func(*world) string { return "x" }, says: "iss"},
		"endless":  {token: func(*world) string { return strings.Repeat("x", 65<<10) }, says: "longer than"},
		"nothing":  {token: func(*world) string { return "" }, says: "neither"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			names := row.names
			if names == nil {
				names = []string{"credit_score", "address"}
			}
			token := row.token(w)
			got, err := w.reader.Read(t.Context(), of(t, map[string]any{"JWT": token}, names...))
			if show(got) != row.want || (err == nil) != (row.says == "") ||
				err != nil && !strings.Contains(err.Error(), row.says) {
				t.Errorf("%s, %v", show(got), err)
			}
			if err != nil && len(token) > 10 && strings.Contains(err.Error(), token[:10]) {
				t.Errorf("a token in an error: %v", err)
			}
		})
	}
}

// oidcc-client-test-distributed-claims: they are fetched from the address that the app names, with the token that the
// IdP gives, and nowhere else.
func TestDistributed(t *testing.T) {
	type answer = func(*world, http.ResponseWriter)
	says := func(claims map[string]any) answer {
		return func(w *world, rw http.ResponseWriter) { fmt.Fprint(rw, sign(t, jose.ES256, w.bank, claims), "\n") }
	}
	good := says(map[string]any{"iss": bank, "credit_score": 650})
	const secret = "the-secret-of-the-source"
	for name, row := range map[string]struct {
		endpoint string // default the bank's
		token    any    // default secret
		answer   answer
		want     string
		says     string
		calls    int // of the endpoint
	}{
		"as it should be": {answer: good, want: "credit_score=650 by https://bank.example;", calls: 1},
		"without a token": {token: "", answer: good, want: "credit_score=650 by https://bank.example;", calls: 1},
		"another address": {endpoint: "https://evil.example/claims", says: "not called"},
		"a private one":   {endpoint: "http://169.254.169.254/latest", says: "not called"},
		"nearly the same": {endpoint: bank + "/claims/", says: "not called"},
		"over http":       {endpoint: "http://bank.example/claims", says: "not called"},
		"a redirect": {answer: func(_ *world, rw http.ResponseWriter) {
			rw.Header().Set("Location", "https://evil.example/")
			rw.WriteHeader(http.StatusFound)
		}, says: "302", calls: 1},
		"refused": {answer: func(_ *world, rw http.ResponseWriter) { rw.WriteHeader(401) }, says: "401", calls: 1},
		"endless": {answer: func(_ *world, rw http.ResponseWriter) {
			fmt.Fprint(rw, strings.Repeat("x", 1<<20))
		}, says: "longer than", calls: 1},
		"not signed": {answer: func(_ *world, rw http.ResponseWriter) {
			fmt.Fprint(rw, `{"iss":"`+bank+`","credit_score":850}`)
		}, says: "iss", calls: 1},
		"another source's word": {answer: func(w *world, rw http.ResponseWriter) {
			fmt.Fprint(rw, sign(t, jose.ES256, w.city, map[string]any{"iss": city, "credit_score": 850}))
		}, says: "iss", calls: 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			calls := 0
			w.at[bank+"/claims"] = func(rw http.ResponseWriter, r *http.Request) {
				calls++
				want := "Bearer " + secret
				if row.token != nil {
					want = ""
				}
				if r.Method != http.MethodGet || r.Header.Get("Authorization") != want || r.URL.RawQuery != "" {
					t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
				}
				row.answer(w, rw)
			}
			source := map[string]any{"endpoint": bank + "/claims", "access_token": secret}
			if row.endpoint != "" {
				source["endpoint"] = row.endpoint
			}
			if row.token != nil {
				source["access_token"] = row.token
			}
			got, err := w.reader.Read(t.Context(), of(t, source, "credit_score"))
			if show(got) != row.want || calls != row.calls || (err == nil) != (row.says == "") ||
				err != nil && !strings.Contains(err.Error(), row.says) {
				t.Errorf("%d calls: %s, %v", calls, show(got), err)
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("a token in an error: %v", err)
			}
		})
	}
}

// What cannot be read takes nothing along that can.
func TestSeveralSources(t *testing.T) {
	w := newWorld(t)
	w.at[bank+"/claims"] = func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(500) }
	token := sign(t, jose.ES256, w.city, map[string]any{"iss": city, "address": "X", "credit_score": 850})
	got, err := w.reader.Read(t.Context(), encoded(t, map[string]any{
		"_claim_names": map[string]string{"address": "a", "credit_score": "b"},
		"_claim_sources": map[string]any{"a": map[string]any{"JWT": token},
			"b": map[string]any{"endpoint": bank + "/claims"}},
	}))
	if show(got) != `address="X" by https://city.example;` || err == nil || !strings.Contains(err.Error(), `"b"`) ||
		!strings.Contains(err.Error(), "500") {
		t.Errorf("%s, %v", show(got), err)
	}
	// One that cannot be read takes no other along.
	got, err = w.reader.Read(t.Context(), encoded(t, map[string]any{
		"_claim_names":   map[string]any{"address": "a", "credit_score": "b", "age": []string{"a"}},
		"_claim_sources": map[string]any{"a": map[string]any{"JWT": token}, "b": map[string]any{"JWT": 5}},
	}))
	if show(got) != `address="X" by https://city.example;` || err == nil || !strings.Contains(err.Error(), `"b"`) {
		t.Errorf("%s, %v", show(got), err)
	}
	// Nobody else's claims, and none at all.
	for _, claims := range []string{`{}`, `{"sub":"ada","address":"Y"}`, `{"_claim_names":{}}`} {
		if got, err := w.reader.Read(t.Context(), []byte(claims)); len(got) != 0 || err != nil {
			t.Errorf("%s: %v, %v", claims, got, err)
		}
	}
	many, sources := map[string]any{}, map[string]any{}
	for i := range 9 {
		many[fmt.Sprint("c", i)], sources[fmt.Sprint("s", i)] = fmt.Sprint("s", i), map[string]any{"endpoint": bank}
	}
	asked := len(w.asked)
	_, err = w.reader.Read(t.Context(), encoded(t, map[string]any{"_claim_names": many, "_claim_sources": sources}))
	if err == nil || !strings.Contains(err.Error(), "at most 8") || len(w.asked) != asked {
		t.Errorf("%v", err)
	}
}

// Nobody waits longer than they want.
func TestCancelled(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.at[bank+"/claims"] = func(http.ResponseWriter, *http.Request) {}
	_, err := w.reader.Read(ctx, of(t, map[string]any{"endpoint": bank + "/claims"}, "credit_score"))
	if err == nil {
		t.Error("no error")
	}
}

// The error names every wrong field.
func TestMistakes(t *testing.T) {
	_, err := otherclaims.New(otherclaims.Config{Sources: []otherclaims.Source{
		{Issuer: bank, JWKSURL: "http://bank.example/jwks", Alg: "HS256", Endpoint: "http://10.0.0.1/"},
		{Issuer: bank, JWKSURL: bank + "/jwks", Claims: []string{"a"}},
		{Issuer: city, JWKSURL: city + "/jwks", Claims: []string{"a"}, Endpoint: city + "/claims"},
		{Issuer: city + "/2", JWKSURL: city + "/jwks", Claims: []string{"a"}, Endpoint: city + "/claims"},
	}})
	for _, want := range []string{"[0].JWKSURL", "[0].Alg", "[0].Claims", "[0].Endpoint", "[1].Issuer",
		"[3].Endpoint"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := otherclaims.New(otherclaims.Config{}); err == nil || !strings.Contains(err.Error(), "Config.Sources") {
		t.Errorf("%v", err)
	}
}

// Whatever the IdP says, nothing is believed that is not signed, and no other address is called.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{`{}`, `null`, `[`, `{"_claim_names":{"a":"s"},"_claim_sources":{"s":{"JWT":"a.b.c"}}}`,
		`{"_claim_names":{"address":"s"},"_claim_sources":{"s":{"endpoint":"https://evil.example/"}}}`,
		`{"_claim_names":{"address":"s"},"_claim_sources":{"s":{"JWT":"e30.eyJpc3MiOiJodHRwczovL2JhbmsuZXhhbXBsZSJ9."}}}`,
		`{"_claim_names":{"address":1},"_claim_sources":[]}`, `{"_claim_names":{"address":"s"}}`} {
		f.Add([]byte(seed))
	}
	w := newWorld(f)
	w.at[bank+"/claims"] = func(http.ResponseWriter, *http.Request) {}
	f.Fuzz(func(t *testing.T, claims []byte) {
		if got, _ := w.reader.Read(t.Context(), claims); len(got) != 0 {
			t.Errorf("%s: %v", claims, got)
		}
	})
}
