package rp_test

import (
	stdcrypto "crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// BenchmarkLogoutTokens compares 10,000 logout tokens for distinct sessions, each
// posted to the endpoint, with the bare verification of their signatures by
// go-jose, the key at hand. "ratio" is to stay below 2; "ratio-to-crypto" compares
// with the hash and the public-key operation alone. Where the client has refresh
// tokens, they are revoked in the background meanwhile, at an IdP that is 20 ms
// away.
func BenchmarkLogoutTokens(b *testing.B) {
	for _, alg := range []string{"RS256", "ES256"} {
		for _, kind := range []rp.Kind{rp.NoToken, rp.RefreshToken} {
			b.Run(alg+"/"+kind.String(), func(b *testing.B) { benchmarkLogoutTokens(b, alg, kind) })
		}
	}
}

const logoutTokens = 10_000

func benchmarkLogoutTokens(b *testing.B, alg string, kind rp.Kind) {
	idp := idptest.Start(b, idptest.WithConfig(func(c *idpmock.Config) {
		c.SigningAlg = alg
	}), idptest.WithClients(idpmock.Client{
		ID: "notes", Secret: "s3cret", RedirectURIs: []string{base + "/auth/callback"}, BackchannelLogoutURI: base +
			"/auth/backchannel-logout",
	}))
	idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRevoke, Delay: 20 * time.Millisecond, Times: idpmock.Always})
	var crypto, bare, whole time.Duration
	for b.Loop() {
		auth, err := rp.New(b.Context(), rp.Config{
			Issuer: idp.URL, ClientID: "notes", ClientSecret: "s3cret", BaseURL: base, Kind: kind,
			Keys:  rp.Keys{rp.NewKey()},
			Store: memstore.New(memstore.Options{}), IDTokenAlg: alg,
			Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		})
		if err != nil {
			b.Fatal(err)
		}
		tokens := make([]string, logoutTokens+1)
		for i := range tokens {
			sid := fmt.Sprintf("session-%d", i)
			if _, err := auth.Plant(b.Context(), "ada", sid); err != nil {
				b.Fatal(err)
			}
			if tokens[i], err = idp.LogoutToken("notes", idpmock.Session{Subject: "ada", SID: sid}); err != nil {
				b.Fatal(err)
			}
		}
		key := signingKey(b, idp.URL, alg)
		postLogout(b, auth, tokens[logoutTokens]) // fetches the keys
		// In turns, so that whatever else the machine does weighs on all three.
		for batch := range slices.Chunk(tokens[:logoutTokens], 100) {
			crypto += timed(func() {
				for _, t := range batch {
					if !cryptoVerify(key.Key, t) {
						b.Fatal("the public-key operation fails")
					}
				}
			})
			bare += timed(func() {
				for _, t := range batch {
					bareVerify(b, alg, key, t)
				}
			})
			whole += timed(func() {
				for _, t := range batch {
					postLogout(b, auth, t)
				}
			})
		}
		if n, err := auth.EndSessions(b.Context(), rp.Whose{Subject: "ada"}); n != 0 || err != nil {
			b.Fatalf("%d sessions were left, %v", n, err)
		}
		auth.Abort() // to revoke the rest would take a while
		if err := auth.Close(); err != nil {
			b.Fatal(err)
		}
	}
	n := float64(b.N) * logoutTokens
	b.ReportMetric(float64(bare.Nanoseconds())/n, "bare-ns/token")
	b.ReportMetric(float64(whole.Nanoseconds())/n, "ns/token")
	b.ReportMetric(float64(whole)/float64(bare), "ratio")
	b.ReportMetric(float64(whole)/float64(crypto), "ratio-to-crypto")
	b.ReportMetric(0, "ns/op") // it would tell of the preparations
}

func timed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

func postLogout(b *testing.B, auth *rp.RelyingParty, token string) {
	form := "logout_token=" + token
	r := &http.Request{Method: http.MethodPost, ContentLength: int64(len(form)),
		URL: &url.URL{Path: "/auth/backchannel-logout"}, Body: io.NopCloser(strings.NewReader(form)),
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}}
	w := &bareWriter{header: http.Header{}}
	if err := auth.BackchannelLogout(w, r.WithContext(b.Context())); err != nil || w.status != http.StatusOK {
		b.Fatalf("status %d, %v", w.status, err)
	}
}

type bareWriter struct {
	header http.Header
	status int
}

func (w *bareWriter) Header() http.Header         { return w.header }
func (w *bareWriter) WriteHeader(status int)      { w.status = status }
func (w *bareWriter) Write(p []byte) (int, error) { return len(p), nil }

func signingKey(b *testing.B, issuer, alg string) *jose.JSONWebKey {
	resp, err := http.Get(issuer + idpmock.PathJWKS)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	var set jose.JSONWebKeySet
	if err := json.NewDecoder(resp.Body).Decode(&set); err != nil {
		b.Fatal(err)
	}
	for _, k := range set.Keys {
		if k.Algorithm == alg {
			return &k
		}
	}
	b.Fatal("no such key")
	return nil
}

func bareVerify(b *testing.B, alg string, key *jose.JSONWebKey, token string) {
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := jws.Verify(key); err != nil {
		b.Fatal(err)
	}
}

func cryptoVerify(key any, token string) bool {
	dot := strings.LastIndexByte(token, '.')
	sig, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil {
		return false
	}
	hash := sha256.Sum256([]byte(token[:dot]))
	switch key := key.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, stdcrypto.SHA256, hash[:], sig) == nil
	case *ecdsa.PublicKey:
		return ecdsa.Verify(key, hash[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:]))
	}
	return false
}
