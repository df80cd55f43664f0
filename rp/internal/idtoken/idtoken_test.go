package idtoken

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tandem-sso/tandem/internal/jwttest"
)

const (
	issuer = "https://idp.example"
	client = "notes"
	nonce  = "n-0S6_WzA2Mj"
	access = "access-token"
	secret = "the client secret has 32 bytes…"
)

var (
	now = time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	key = jwttest.RS256("k", 0)
)

// keys believes every algorithm and, for HS256, the client secret: the one that
// was agreed on is for Verify itself to insist on.
type keys []jose.JSONWebKey

func (k keys) VerifySignature(_ context.Context, raw string) ([]byte, error) {
	jws, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{"RS256", "ES256", "HS256", "PS256"})
	if err != nil {
		return nil, err
	}
	for i := range k {
		if b, err := jws.Verify(&k[i]); err == nil {
			return b, nil
		}
	}
	if b, err := jws.Verify([]byte(secret)); err == nil {
		return b, nil
	}
	return nil, errors.New("no key fits")
}

func published(list ...*jwttest.Key) keys {
	var set jose.JSONWebKeySet
	if err := unmarshal(jwttest.Set(list...), &set); err != nil {
		panic(err)
	}
	return set.Keys
}

func claims() jwttest.Claims {
	return jwttest.Claims{
		"iss": issuer, "sub": "ada", "aud": client, "nonce": nonce, "sid": "sid-1",
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
		"auth_time": now.Add(-time.Minute).Unix(), "at_hash": jwttest.ATHash(access),
	}
}

func want() Want {
	return Want{Issuer: issuer, ClientID: client, Alg: "RS256", Keys: published(key), Now: now, Skew: time.Minute,
		Nonce: nonce, AccessToken: access}
}

func refresh() Want {
	w := want()
	w.Nonce, w.Refresh, w.Subject = "", true, "ada"
	return w
}

func after(d time.Duration) int64 { return now.Add(d).Unix() }

// A log-in's ID token, claim by claim: CORE-05 … CORE-09 and the Basic rows of
// table H (oidcc-client-test…).
func TestClaims(t *testing.T) {
	type mod func(jwttest.Claims) jwttest.Claims
	set := func(name string, v any) mod {
		return func(c jwttest.Claims) jwttest.Claims { return c.With(name, v) }
	}
	drop := func(names ...string) mod {
		return func(c jwttest.Claims) jwttest.Claims { return c.Without(names...) }
	}
	for _, row := range []struct {
		rule string
		mod  mod
		good bool
	}{
		{"H (bare)", set("unknown", map[string]any{"a": 1}), true},
		{"CORE-05 H -invalid-iss", set("iss", issuer+"INVALID"), false},
		{"CORE-05 iss with a slash more", set("iss", issuer+"/"), false},
		{"CORE-05 iss in another case", set("iss", "https://IDP.example"), false},
		{"CORE-05 iss is missing", drop("iss"), false},
		{"CORE-05 iss is empty", set("iss", ""), false},
		{"CORE-05 Google's other name is no exception", set("iss", "accounts.google.com"), false},
		{"CORE-05 H -invalid-aud", set("aud", client+"INVALID"), false},
		{"CORE-05 H -missing-aud", drop("aud"), false},
		{"CORE-05 aud is an empty list", set("aud", []string{}), false},
		{"CORE-05 fapi2 valid-aud-as-array", set("aud", []string{client}), true},
		{"CORE-05 fapi2 invalid-secondary-aud", set("aud", []string{client, "other"}), false},
		{"CORE-05 a trusted secondary aud", set("aud", []string{"project-7", client}), true},
		{"CORE-05 a trusted aud alone is not ours", set("aud", "project-7"), false},
		{"CORE-05 azp is this client", set("azp", client), true},
		{"CORE-05 azp is another client", set("azp", "other"), false},
		{"CORE-05 azp is empty", set("azp", ""), false},
		{"CORE-05 azp is a number", set("azp", 1), false},
		{"Core §2 H -missing-sub", drop("sub"), false},
		{"Core §2 sub is empty", set("sub", ""), false},
		{"Core §2 sub of 255 characters", set("sub", strings.Repeat("x", 255)), true},
		{"Core §2 sub of 256 characters", set("sub", strings.Repeat("x", 256)), false},
		{"sub is a number", set("sub", 7), false},
		{"CORE-07 H -missing-iat", drop("iat"), false},
		{"CORE-07 iat within the skew", set("iat", after(time.Minute)), true},
		{"CORE-07 iat beyond the skew", set("iat", after(time.Minute+time.Second)), false},
		{"CORE-07 iat ten minutes and the skew ago", set("iat", after(-11*time.Minute)), true},
		{"CORE-07 iat too long ago", set("iat", after(-11*time.Minute-time.Second)), false},
		{"CORE-07 iat is zero", set("iat", 0), false},
		{"CORE-07 iat is text", set("iat", "1"), false},
		{"CORE-07 iat is a fraction", set("iat", float64(now.Unix())+0.5), true},
		{"CORE-07 iat beyond all time", set("iat", 1e300), false},
		{"CORE-07 fapi2 invalid-missing-exp", drop("exp"), false},
		{"CORE-07 fapi2 invalid-expired-exp", set("exp", after(-5*time.Minute)), false},
		{"CORE-09 exp within the skew", set("exp", after(-59*time.Second)), true},
		{"CORE-09 exp beyond the skew", set("exp", after(-61*time.Second)), false},
		{"CORE-07 H -nonce-invalid", set("nonce", nonce+"x"), false},
		{"CORE-07 nonce in another case", set("nonce", strings.ToUpper(nonce)), false},
		{"CORE-07 fapi2 invalid-missing-nonce", drop("nonce"), false},
		{"CORE-07 nonce is empty", set("nonce", ""), false},
		{"CORE-07 nonce is null", set("nonce", nil), false},
		{"CORE-08 H -invalid-athash", set("at_hash", jwttest.ATHash("another")), false},
		{"CORE-08 H -missing-athash is fine in the code flow", drop("at_hash"), true},
		{"nbf in the far future", set("nbf", after(time.Hour)), false},
		{"sid is missing: back-channel logout may be without", drop("sid"), true},
		{"sid is a number", set("sid", 7), false},
		{"auth_time is missing, and nobody asked for it", drop("auth_time"), true},
	} {
		t.Run(row.rule, func(t *testing.T) {
			w := want()
			w.TrustedAudiences = []string{"project-7"}
			got, err := Verify(t.Context(), key.Sign(row.mod(claims())), w)
			if (err == nil) != row.good {
				t.Fatalf("error %v, want accepted %v", err, row.good)
			}
			if err == nil && (got == nil || got.Subject == "") || err != nil && got != nil {
				t.Errorf("%+v beside %v", got, err)
			}
			if errors.Is(err, ErrOtherUser) {
				t.Error("a log-in has no other user to be")
			}
		})
	}
}

// What is missing is called so: a time that is not there would else be one of the year 1.
func TestMissingTimes(t *testing.T) {
	for _, name := range []string{"exp", "iat"} {
		_, err := Verify(t.Context(), key.Sign(claims().Without(name)), want())
		if err == nil || err.Error() != "idtoken: "+name+" is missing" {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

// CORE-06 and the signature rows of table H.
func TestSignature(t *testing.T) {
	other, ec := jwttest.RS256("k", 1), jwttest.ES256("e")
	good := key.Sign(claims())
	parts := strings.Split(good, ".")
	for _, row := range []struct {
		rule string
		raw  string
		good bool
	}{
		{"H -idtoken-sig-rs256", good, true},
		{"H -kid-absent-single-jwks", key.Named("").Sign(claims()), true},
		{"H -idtoken-sig-none", jwttest.Unsigned(claims()), false},
		{"alg None in another case", jwttest.Unsigned(claims(), jwttest.Claims{"alg": "NonE"}), false},
		{"fapi2 invalid-null-alg", key.Sign(claims(), jwttest.Claims{"alg": nil}), false},
		{"H -invalid-sig-rs256", parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2])), false},
		{"no signature", parts[0] + "." + parts[1] + ".", false},
		{"another payload under the same signature", parts[0] + "." +
			strings.Split(key.Sign(claims().With("sub", "eve")), ".")[1] + "." + parts[2], false},
		{"another key under the same id", other.Sign(claims()), false},
		{"H -invalid-sig-hs256 by the client secret", jwttest.HS256([]byte(secret), claims()), false},
		{"HS256 by the public key", jwttest.HS256(jwttest.Set(key), claims(), jwttest.Claims{"kid": "k"}), false},
		{"H -invalid-sig-es256 by a published key", ec.Sign(claims()), false},
		{"alg says RS256, signed with ES256", ec.Sign(claims(), jwttest.Claims{"alg": "RS256", "kid": "k"}), false},
		{"alg says PS256", key.Sign(claims(), jwttest.Claims{"alg": "PS256"}), false},
		{"a critical header that nobody understands",
			key.Sign(claims(), jwttest.Claims{"crit": []string{"b64x"}, "b64x": true}), false},
		{"the key in the token", other.Sign(claims(), jwttest.Claims{"jwk": other.JWK()}), false},
	} {
		t.Run(row.rule, func(t *testing.T) {
			w := want()
			w.Keys = published(key, ec)
			if _, err := Verify(t.Context(), row.raw, w); (err == nil) != row.good {
				t.Errorf("error %v, want accepted %v", err, row.good)
			}
		})
	}
	t.Run("ES256 where it was agreed on", func(t *testing.T) {
		w := want()
		w.Alg, w.Keys = "ES256", published(ec)
		if _, err := Verify(t.Context(), ec.Sign(claims()), w); err != nil {
			t.Error(err)
		}
		if _, err := Verify(t.Context(), good, w); err == nil {
			t.Error("RS256 was accepted instead")
		}
	})
}

// RFC 8725 §3.11: a token that says it is something else is no ID token.
func TestType(t *testing.T) {
	for typ, good := range map[any]bool{
		nil: true, "JWT": true, "jwt": true, "": true,
		"logout+jwt": false, "application/logout+jwt": false, "LOGOUT+JWT": false, "at+jwt": false,
		"secevent+jwt": false, "token-introspection+jwt": false,
		7: false,
	} {
		_, err := Verify(t.Context(), key.Sign(claims(), jwttest.Claims{"typ": typ}), want())
		if (err == nil) != good {
			t.Errorf("typ %v: %v, want accepted %v", typ, err, good)
		}
	}
}

// An encrypted token is refused with the reason: no discovery document tells it
// beforehand.
func TestEncrypted(t *testing.T) {
	if _, err := Verify(t.Context(), "eyJhbGciOiJSU0EtT0FFUCJ9.a.b.c.d", want()); err == nil ||
		!strings.Contains(err.Error(), "it is encrypted") {
		t.Error(err)
	}
}

// What the library itself uses of a token.
func TestVerifyReturns(t *testing.T) {
	c := claims().With("session_expiry", after(8*time.Hour)).With("name", "Ada")
	got, err := Verify(t.Context(), key.Sign(c), want())
	if err != nil {
		t.Fatal(err)
	}
	if got.Subject != "ada" || got.SID != "sid-1" || !got.IssuedAt.Equal(now) ||
		!got.AuthTime.Equal(now.Add(-time.Minute)) || !got.SessionExpiry.Equal(now.Add(8*time.Hour)) {
		t.Errorf("%+v", got)
	}
	var raw map[string]any
	if err := unmarshal(got.Raw, &raw); err != nil || raw["name"] != "Ada" {
		t.Errorf("raw claims %s: %v", got.Raw, err)
	}
	for _, v := range []any{nil, 0, -1, 1e300} { // F5: nonsense is no ceiling
		got, err := Verify(t.Context(), key.Sign(claims().With("session_expiry", v)), want())
		if err != nil || !got.SessionExpiry.IsZero() {
			t.Errorf("session_expiry %v: %+v, %v", v, got, err)
		}
	}
}

// CORE-07: with max_age the authentication must be told and be recent.
func TestMaxAge(t *testing.T) {
	w := want()
	w.MaxAge = 5 * time.Minute
	for _, row := range []struct {
		name string
		auth any
		good bool
	}{
		{"recent", after(-time.Minute), true},
		{"the last instant", after(-6 * time.Minute), true},
		{"too long ago", after(-6*time.Minute - time.Second), false},
		{"not told", nil, false},
		{"zero", 0, false},
	} {
		_, err := Verify(t.Context(), key.Sign(claims().With("auth_time", row.auth)), w)
		if (err == nil) != row.good {
			t.Errorf("auth_time %s: %v, want accepted %v", row.name, err, row.good)
		}
	}
}
