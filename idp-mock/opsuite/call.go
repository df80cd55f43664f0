package opsuite

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

type metadata struct {
	Issuer        string   `json:"issuer"`
	Authorize     string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	Userinfo      string   `json:"userinfo_endpoint"`
	Introspection string   `json:"introspection_endpoint"`
	Revocation    string   `json:"revocation_endpoint"`
	EndSession    string   `json:"end_session_endpoint"`
	PAR           string   `json:"pushed_authorization_request_endpoint"`
	JWKS          string   `json:"jwks_uri"`
	PKCE          []string `json:"code_challenge_methods_supported"`
	IssParameter  bool     `json:"authorization_response_iss_parameter_supported"`
	Backchannel   bool     `json:"backchannel_logout_supported"`
	BackchannelSI bool     `json:"backchannel_logout_session_supported"`
	ResponseTypes []string `json:"response_types_supported"`
	IDTokenAlgs   []string `json:"id_token_signing_alg_values_supported"`
	SubjectTypes  []string `json:"subject_types_supported"`
	DPoPAlgs      []string `json:"dpop_signing_alg_values_supported"`
	AuthMethods   []string `json:"token_endpoint_auth_methods_supported"`
}

// answer of an endpoint that speaks JSON.
type answer struct {
	status int
	header http.Header
	fields map[string]any
	body   string
}

func (a answer) String() string { return fmt.Sprintf("%d %s", a.status, a.body) }

func (a answer) text(name string) string {
	v, _ := a.fields[name].(string)
	return v
}

// call sends a request. Header pairs follow the form; a nil form is a GET.
func (s *suite) call(t *testing.T, to string, form url.Values, header ...string) answer {
	t.Helper()
	method, body := http.MethodGet, io.Reader(nil)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	req, err := http.NewRequest(method, to, body)
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := s.agent(t, "").Do(req) // without a cookie
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, body: string(text)}
	_ = json.Unmarshal(text, &a.fields) // no JSON, no fields: the tests look at what they need
	return a
}

// as authenticates form as the client, and returns the header that goes with it.
func (s *suite) as(t *testing.T, c Client, form url.Values) []string {
	t.Helper()
	switch c.AuthMethod {
	case "client_secret_basic":
		pair := url.QueryEscape(c.ID) + ":" + url.QueryEscape(c.Secret)
		return []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))}
	case "client_secret_post":
		form.Set("client_id", c.ID)
		form.Set("client_secret", c.Secret)
	case "none":
		form.Set("client_id", c.ID)
	case "private_key_jwt":
		s.assert(t, c, form, nil)
	}
	return nil
}

// assert adds a client assertion with changed claims; a nil claim is removed.
func (s *suite) assert(t *testing.T, c Client, form url.Values, change map[string]any) {
	t.Helper()
	now := time.Now()
	claims := map[string]any{"iss": c.ID, "sub": c.ID, "aud": s.meta.Issuer,
		"jti": fmt.Sprintf("%s-%d", t.Name(), now.UnixNano()), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix()}
	for k, v := range change {
		if claims[k] = v; v == nil {
			delete(claims, k)
		}
	}
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", sign(t, jose.SigningKey{Algorithm: jose.ES256, Key: c.key}, &jose.SignerOptions{},
		claims))
}

func sign(t *testing.T, key jose.SigningKey, opts *jose.SignerOptions, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(key, opts)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// exchange redeems a code; pairs change the form.
func (s *suite) exchange(t *testing.T, c Client, code string, change ...string) answer {
	t.Helper()
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {c.RedirectURIs[0]},
		"code_verifier": {verifier}}
	return s.token(t, c, form, change...)
}

func (s *suite) refresh(t *testing.T, c Client, token string, change ...string) answer {
	t.Helper()
	return s.token(t, c, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}, change...)
}

func (s *suite) token(t *testing.T, c Client, form url.Values, change ...string) answer {
	t.Helper()
	for i := 0; i+1 < len(change); i += 2 {
		if form.Del(change[i]); change[i+1] != "" {
			form.Set(change[i], change[i+1])
		}
	}
	return s.call(t, s.meta.Token, form, s.as(t, c, form)...)
}

func (s *suite) userinfo(t *testing.T, token string) answer {
	t.Helper()
	return s.call(t, s.meta.Userinfo, nil, "Authorization", "Bearer "+token)
}

func (s *suite) introspect(t *testing.T, c Client, token string) answer {
	t.Helper()
	form := url.Values{"token": {token}}
	return s.call(t, s.meta.Introspection, form, s.as(t, c, form)...)
}

// claims verifies a JWT with the provider's keys and returns header and claims.
func (s *suite) claims(t *testing.T, raw string) (header jose.Header, claims map[string]any) {
	t.Helper()
	jws, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatalf("not a JWT signed with RS256: %v", err)
	}
	var set jose.JSONWebKeySet
	got := s.call(t, s.meta.JWKS, nil)
	if err := json.Unmarshal([]byte(got.body), &set); err != nil {
		t.Fatal(err)
	}
	header = jws.Signatures[0].Header
	for _, key := range set.Key(header.KeyID) {
		if payload, err := jws.Verify(key); err == nil {
			if err := json.Unmarshal(payload, &claims); err != nil {
				t.Fatal(err)
			}
			return header, claims
		}
	}
	t.Fatalf("no key of the JWKS verifies the token with kid %q", header.KeyID)
	return
}

func halfHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// wantError checks status and OAuth error code.
func wantError(t *testing.T, got answer, status int, code string) {
	t.Helper()
	if got.status != status || got.text("error") != code {
		t.Errorf("got %v, want %d %s", got, status, code)
	}
	if got.fields["access_token"] != nil || got.fields["refresh_token"] != nil {
		t.Errorf("an error carries tokens: %v", got)
	}
}
