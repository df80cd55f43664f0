package resourceserver_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/internal/jwttest"
	"github.com/tandem-sso/tandem/rp/resourceserver"
)

const signedAnswer = "application/token-introspection+jwt"

// signing is an IdP that signs its answers with one key.
func signing(t *testing.T, key *jwttest.Key) *idp {
	i := start(t)
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write(jwttest.Set(key))
	}))
	t.Cleanup(keys.Close)
	i.meta.Store(&map[string]string{"jwks_uri": `"` + keys.URL + `"`})
	return i
}

// RFC 9701 §5, §8.1: an answer counts if the IdP has signed it for this API, as an answer, and
// not long ago. Whatever else came is trouble, no verdict, and is named.
func TestSignedAnswers(t *testing.T) {
	key, other, rsa := jwttest.ES256("k"), jwttest.ES256("k"), jwttest.RS256("k", 0)
	i := signing(t, key)
	s := i.server(t, func(c *resourceserver.Config) { c.IntrospectionAlg = "ES256" })
	inside := jwttest.Claims{"active": true, "sub": "ada", "client_id": "notes"}
	good := jwttest.Claims{"iss": i.URL, "aud": "api", "iat": time.Now().Unix(), "token_introspection": inside}
	typ := jwttest.Claims{"typ": "token-introspection+jwt"}
	for name, row := range map[string]struct {
		raw  string
		says string // empty: it is good
	}{
		"good":             {key.Sign(good, typ), ""},
		"a long typ":       {key.Sign(good, jwttest.Claims{"typ": signedAnswer}), ""},
		"aud as a list":    {key.Sign(good.With("aud", []string{"others", "api"}), typ), ""},
		"a newline behind": {key.Sign(good, typ) + "\n", ""},
		"an ID token":      {key.Sign(good), "typ"},
		"an access token":  {key.Sign(good, jwttest.Claims{"typ": "at+jwt"}), "typ"},
		"no typ":           {key.Sign(good, jwttest.Claims{"typ": nil}), "typ"},
		"another issuer":   {key.Sign(good.With("iss", "https://evil.example"), typ), "iss"},
		"no issuer":        {key.Sign(good.Without("iss"), typ), "iss"},
		"for another API":  {key.Sign(good.With("aud", "other"), typ), "aud"},
		"for nobody":       {key.Sign(good.Without("aud"), typ), "aud"},
		"without iat":      {key.Sign(good.Without("iat"), typ), "iat"},
		"old":              {key.Sign(good.With("iat", time.Now().Add(-time.Hour).Unix()), typ), "clocks"},
		"of tomorrow":      {key.Sign(good.With("iat", time.Now().Add(time.Hour).Unix()), typ), "clocks"},
		"iat is text":      {key.Sign(good.With("iat", "now"), typ), "claims"},
		"nothing in it":    {key.Sign(good.Without("token_introspection"), typ), "token_introspection"},
		"at its top": {key.Sign(good.With("active", true).Without("token_introspection"), typ),
			"token_introspection"},
		"not an object":     {key.Sign(good.With("token_introspection", "x"), typ), "JSON object"},
		"says nothing":      {key.Sign(good.With("token_introspection", jwttest.Claims{}), typ), "active"},
		"another key":       {other.Sign(good, typ), "no key of the IdP verifies"},
		"another algorithm": {rsa.Sign(good, typ), `signed with "RS256", and ES256 is expected`},
		"not signed":        {"eyJhbGciOiJub25lIn0.e30.", `signed with "none"`},
		"encrypted": {"e30.AA.AA.AA.AA", "it is encrypted, which this library does not read: take " +
			"introspection_encrypted_response_alg out of this client's registration"},
		"plain in its place":  {`{"active":true}`, "not a token"},
		"nothing":             {"", "not a token"},
		"a claim of the case": {key.Sign(good.Without("iss").With("ISS", "https://evil.example"), typ), "iss"},
	} {
		t.Run(name, func(t *testing.T) {
			i.does(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Accept") != signedAnswer {
					t.Errorf("Accept %q", r.Header.Get("Accept"))
				}
				w.Header().Set("Content-Type", signedAnswer)
				io.WriteString(w, row.raw)
			})
			token, err := s.Introspect(t.Context(), "tok")
			var trouble *resourceserver.UnavailableError
			switch {
			case row.says == "" && (err != nil || token.Subject != "ada"):
				t.Errorf("%v %v", token, err)
			case row.says != "" && (token != nil || !errors.As(err, &trouble) ||
				!strings.Contains(err.Error(), row.says)):
				t.Errorf("%v %v, want %q", token, err, row.says)
			}
		})
	}
	i.does(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", signedAnswer)
		io.WriteString(w, key.Sign(good.With("token_introspection", jwttest.Claims{"active": false}), typ))
	})
	if _, err := s.Introspect(t.Context(), "tok"); !errors.Is(err, resourceserver.ErrInactive) {
		t.Errorf("inactive: %v", err)
	}
}

// Nobody can drop the signature that is asked for, and one that is not is named.
func TestSignedOrNot(t *testing.T) {
	key := jwttest.ES256("k")
	i := signing(t, key)
	var trouble *resourceserver.UnavailableError
	s := i.server(t, func(c *resourceserver.Config) { c.IntrospectionAlg = "ES256" })
	_, err := s.Introspect(t.Context(), "tok") // plain JSON, active
	if !errors.As(err, &trouble) || !strings.Contains(err.Error(), "Config.IntrospectionAlg asks for") {
		t.Errorf("%v", err)
	}
	s = i.server(t)
	i.does(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", signedAnswer)
		io.WriteString(w, key.Sign(jwttest.Claims{}))
	})
	_, err = s.Introspect(t.Context(), "tok")
	if !errors.As(err, &trouble) || !strings.Contains(err.Error(), "not asked for: set Config.IntrospectionAlg") {
		t.Errorf("%v", err)
	}
	if r := call(s, "tok"); r.StatusCode != http.StatusServiceUnavailable {
		t.Error(r.Status)
	}
}

// FuzzSignedAnswer: what is not signed by the IdP makes no token and no panic.
func FuzzSignedAnswer(f *testing.F) {
	key := jwttest.ES256("k")
	for _, raw := range []string{"", "a.b.c", "a.b.c.d.e", "eyJhbGciOiJub25lIn0.e30.",
		jwttest.ES256("k").Sign(jwttest.Claims{"iss": "https://idp.example"})} {
		f.Add(raw)
	}
	var raw string
	way := byPath{"/.well-known/openid-configuration": func() (string, string) {
		return "application/json", `{"issuer":"https://idp.example","introspection_endpoint":"https://idp.example/i",` +
			`"jwks_uri":"https://idp.example/k"}`
	}, "/k": func() (string, string) { return "application/json", string(jwttest.Set(key)) },
		"/i": func() (string, string) { return signedAnswer, raw }}
	s, err := resourceserver.New(f.Context(), resourceserver.Config{Issuer: "https://idp.example", ClientID: "api",
		ClientSecret: "s3cret", IntrospectionAlg: "ES256", HTTPClient: &http.Client{Transport: way},
		Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		raw = answer
		if token, err := s.Introspect(t.Context(), "token"); err == nil || token != nil {
			t.Errorf("%q makes a good token: %+v", answer, token)
		}
	})
}

// byPath answers without a network.
type byPath map[string]func() (kind, body string)

func (b byPath) RoundTrip(r *http.Request) (*http.Response, error) {
	kind, body := b[r.URL.Path]()
	return &http.Response{StatusCode: 200, Status: "200 OK", Header: http.Header{"Content-Type": {kind}},
		Body: io.NopCloser(strings.NewReader(body))}, nil
}
