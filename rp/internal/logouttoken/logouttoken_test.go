package logouttoken

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/internal/jwttest"
)

const (
	issuer = "https://idp.example"
	client = "notes"
)

var (
	now = time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	key = jwttest.RS256("k", 0)
)

var errSignature = errors.New("bad signature")

// keys accepts what carries key's signature, and counts how often it was asked:
// a question may cost a fetch.
type keys struct {
	good  string // the one token whose signature is good; empty: any
	asked int
}

func (k *keys) VerifySignature(_ context.Context, raw string) ([]byte, error) {
	k.asked++
	if k.good != "" && raw != k.good {
		return nil, errSignature
	}
	return base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[1])
}

func after(d time.Duration) int64 { return now.Add(d).Unix() }

func events(members map[string]any) map[string]any { return members }

func valid() jwttest.Claims {
	return jwttest.Claims{
		"iss": issuer, "aud": client, "sub": "ada", "sid": "sid-1", "jti": "j-1",
		"iat": now.Unix(), "exp": after(2 * time.Minute), "events": events(map[string]any{event: struct{}{}}),
		"unknown": "claim",
	}
}

func want(k Keys, strict bool) Want {
	return Want{Issuer: issuer, ClientID: client, Alg: "RS256", Keys: k, Now: now, Skew: time.Minute, Strict: strict,
		TrustedAudiences: []string{"project-7"}}
}

var typ = jwttest.Claims{"typ": "logout+jwt"}

type mode uint8

const (
	never   mode = iota
	lenient      // but not in strict mode
	always
)

// Every BCL row that is about the token, in both modes.
func TestClaims(t *testing.T) {
	set := valid().With
	for _, row := range []struct {
		rule   string
		claims jwttest.Claims
		when   mode
	}{
		{"H -rpinitlogout", valid(), always},
		{"BCL-08 H -wrong-iss", set("iss", issuer+"INVALID"), never},
		{"BCL-08 iss with a slash more", set("iss", issuer+"/"), never},
		{"BCL-08 iss is missing", valid().Without("iss"), never},
		{"BCL-08 iss is null", set("iss", nil), never},
		{"BCL-08 iss is a list", set("iss", []string{issuer}), never},
		{"BCL-08 H -wrong-aud", set("aud", client+"INVALID"), never},
		{"BCL-08 aud is missing", valid().Without("aud"), never},
		{"BCL-08 aud is null", set("aud", nil), never},
		{"BCL-08 aud is empty", set("aud", []string{}), never},
		{"BCL-08 aud as a list", set("aud", []string{client}), always},
		{"BCL-08 aud has an untrusted extra", set("aud", []string{client, "other"}), never},
		{"BCL-08 aud has a trusted extra", set("aud", []string{client, "project-7"}), always},
		{"BCL-08 a trusted extra alone", set("aud", "project-7"), never},
		{"BCL-09 iat is missing", valid().Without("iat"), never},
		{"BCL-09 iat is zero", set("iat", 0), never},
		{"BCL-09 iat is negative", set("iat", -1), never},
		{"BCL-09 iat beyond all time", set("iat", 1e300), never},
		{"BCL-09 iat is text", set("iat", "now"), never},
		{"BCL-09 iat within the skew", set("iat", after(time.Minute)), always},
		{"BCL-09 iat beyond the skew", set("iat", after(time.Minute+time.Second)), never},
		{"BCL-09 exp within the skew", valid().With("iat", after(-3*time.Minute)).With("exp", after(-59*time.Second)),
			always},
		{"BCL-09 expired", valid().With("iat", after(-3*time.Minute)).With("exp", after(-time.Minute)), never},
		{"BCL-09 exp of 15 min, as ZITADEL's", set("exp", after(15*time.Minute)), always},
		{"BCL-09 exp of more: the ID token's life", set("exp", after(24*time.Hour)), lenient},
		{"BCL-09 exp of more, but old by iat", valid().With("iat", after(-17*time.Minute)).With("exp",
			after(24*time.Hour)), never},
		{"BCL-09 exp before iat", set("exp", after(-10*time.Minute)), never},
		{"BCL-09 exp is zero", set("exp", 0), never},
		{"BCL-09 F1 no exp, fresh", valid().Without("exp"), lenient},
		{"BCL-09 F1 no exp, iat 2 min ago", valid().Without("exp").With("iat", after(-2*time.Minute)), lenient},
		{"BCL-09 F1 no exp, iat 3 min ago", valid().Without("exp").With("iat", after(-3*time.Minute)), never},
		{"BCL-10 sid only", valid().Without("sub"), always},
		{"BCL-10 sub only", valid().Without("sid"), always},
		{"BCL-10 neither", valid().Without("sub", "sid"), never},
		{"BCL-10 both null", valid().With("sub", nil).With("sid", nil), never},
		{"BCL-10 sid is empty", set("sid", ""), never},
		{"BCL-10 sub is empty", set("sub", ""), never},
		{"BCL-10 sid is a number", set("sid", 42), never},
		{"BCL-10 sub is an object", set("sub", struct{}{}), never},
		{"BCL-11 H -no-event", valid().Without("events"), never},
		{"BCL-11 H -wrong-event", set("events", map[string]any{"http://schemas.openid.net/event/foobar": struct{}{}}),
			never},
		{"BCL-11 events is null", set("events", nil), never},
		{"BCL-11 events is a list", set("events", []string{event}), never},
		{"BCL-11 events is text", set("events", event), never},
		{"BCL-11 the event is null", set("events", map[string]any{event: nil}), never},
		{"BCL-11 the event is true", set("events", map[string]any{event: true}), never},
		{"BCL-11 the event is a list", set("events", map[string]any{event: []any{}}), never},
		{"BCL-11 the event has members", set("events", map[string]any{event: map[string]any{"a": 1}}), always},
		{"BCL-11 Keycloak's boolean beside it",
			set("events", map[string]any{event: struct{}{}, "revoke_offline_access": true}), always},
		{"BCL-12 H -with-nonce", set("nonce", "n"), never},
		{"BCL-12 nonce is empty", set("nonce", ""), never},
		{"BCL-12 nonce is null", set("nonce", nil), never},
		{"BCL-12 nonce is a number", set("nonce", 1), never},
		{"BCL-13 jti is missing", valid().Without("jti"), never},
		{"BCL-13 jti is empty", set("jti", ""), never},
		{"BCL-13 jti is null", set("jti", nil), never},
		{"BCL-13 jti is a number", set("jti", 1), never},
		{"BCL-26 audit hints", valid().With("logout_reason", "idle").With("cause", "x"), always},
		{"F1 as Ory Hydra sends it", valid().Without("sub", "exp").With("aud", []string{client}), lenient},
	} {
		t.Run(row.rule, func(t *testing.T) {
			for _, strict := range []bool{false, true} {
				good := row.when == always || row.when == lenient && !strict
				got, err := Verify(t.Context(), key.Sign(row.claims, typ), want(&keys{}, strict))
				if (err == nil) != good {
					t.Errorf("strict %v: error %v, want accepted %v", strict, err, good)
				}
				if err == nil && (got.Subject == "" && got.SID == "" || got.ID == "" || got.IssuedAt.IsZero() ||
					!got.Until.After(now)) {
					t.Errorf("strict %v: accepted as %+v", strict, got)
				}
			}
		})
	}
}

// BCL-07: explicit types, and what real IdPs send instead.
func TestType(t *testing.T) {
	for _, row := range []struct {
		typ  any
		when mode
	}{
		{"logout+jwt", always}, {"LOGOUT+JWT", always}, {"application/logout+jwt", always},
		{"Application/Logout+JWT", always},
		{nil, lenient}, {"", lenient}, {"JWT", lenient}, {"jwt", lenient}, {"application/jwt", lenient},
		{"at+jwt", never}, {"secevent+jwt", never}, {"id_token+jwt", never}, {"JOSE", never}, {"logout", never},
		{7, never},
	} {
		for _, strict := range []bool{false, true} {
			good := row.when == always || row.when == lenient && !strict
			_, err := Verify(t.Context(), key.Sign(valid(), jwttest.Claims{"typ": row.typ}), want(&keys{}, strict))
			if (err == nil) != good {
				t.Errorf("typ %v, strict %v: error %v, want accepted %v", row.typ, strict, err, good)
			}
		}
	}
}

// BCL-04, BCL-05, BCL-06: one algorithm, one form, and the signature decides.
func TestForm(t *testing.T) {
	good := key.Sign(valid(), typ)
	parts := strings.Split(good, ".")
	for _, row := range []struct {
		rule string
		raw  string
		good bool
	}{
		{"as it was signed", good, true},
		{"BCL-06 H -alg-none", jwttest.Unsigned(valid(), typ), false},
		{"BCL-06 alg is missing", key.Sign(valid(), typ, jwttest.Claims{"alg": nil}), false},
		{"BCL-06 H -wrong-alg", jwttest.ES256("k").Sign(valid(), typ), false},
		{"BCL-06 HS256 by the client secret", jwttest.HS256([]byte("s3cret"), valid(), typ), false},
		{"BCL-06 alg in another case", key.Sign(valid(), typ, jwttest.Claims{"alg": "rs256"}), false},
		{"BCL-05 another signature", parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2])), false},
		{"BCL-05 no signature", parts[0] + "." + parts[1] + ".", false},
		{"BCL-05 a critical header", key.Sign(valid(), typ, jwttest.Claims{"crit": []string{"x"}, "x": 1}), false},
		{"BCL-04 encrypted", "a.b.c.d.e", false},
		{"two parts", parts[0] + "." + parts[1], false},
		{"four parts", good + ".x", false},
		{"nothing", "", false},
		{"dots", "..", false},
		{"a header that is no JSON", "e." + parts[1] + "." + parts[2], false},
		{"padding", parts[0] + "=." + parts[1] + "." + parts[2], false},
		{"JSON serialization", `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] +
			`"}`, false},
		{"BCL-25 huge", key.Sign(valid().With("padding", strings.Repeat("x", MaxSize)), typ), false},
	} {
		t.Run(row.rule, func(t *testing.T) {
			_, err := Verify(t.Context(), row.raw, want(&keys{good: good}, false))
			if (err == nil) != row.good {
				t.Errorf("error %v, want accepted %v", err, row.good)
			}
		})
	}
}

// BCL-25: what can be refused without a key never costs a fetch of keys.
func TestCheapChecksFirst(t *testing.T) {
	for name, raw := range map[string]string{
		"another issuer":    key.Sign(valid().With("iss", "https://other.example"), typ),
		"another audience":  key.Sign(valid().With("aud", "other"), typ),
		"an ID token":       key.Sign(valid().Without("events").With("nonce", "n")),
		"expired":           key.Sign(valid().With("iat", after(-time.Hour)).With("exp", after(-time.Hour)), typ),
		"another algorithm": jwttest.ES256("k").Sign(valid(), typ),
		"huge":              key.Sign(valid().With("padding", strings.Repeat("x", MaxSize)), typ),
		"junk":              "x.y.z",
	} {
		k := &keys{}
		if _, err := Verify(t.Context(), raw, want(k, false)); err == nil || k.asked > 0 {
			t.Errorf("%s: error %v, keys asked %d times", name, err, k.asked)
		}
	}
	k := &keys{good: "another"}
	if _, err := Verify(t.Context(), key.Sign(valid(), typ), want(k, false)); !errors.Is(err, errSignature) ||
		k.asked != 1 {
		t.Errorf("a bad signature: error %v, keys asked %d times", err, k.asked)
	}
}

// What is believed is what was signed, not what was read beforehand.
func TestTheSignedPayloadCounts(t *testing.T) {
	raw := key.Sign(valid(), typ)
	other := signedPayload(`{"iss":"https://other.example"}`)
	if _, err := Verify(t.Context(), raw, want(other, false)); err == nil {
		t.Error("the unverified payload was believed")
	}
}

type signedPayload string

func (s signedPayload) VerifySignature(context.Context, string) ([]byte, error) {
	return []byte(s), nil
}

func TestVerifyReturns(t *testing.T) {
	got, err := Verify(t.Context(), key.Sign(valid(), typ), want(&keys{}, true))
	if err != nil {
		t.Fatal(err)
	}
	// Until: how long a replay can come, so how long jti is to be remembered.
	if *got != (Token{Subject: "ada", SID: "sid-1", ID: "j-1", IssuedAt: now, Until: now.Add(3 * time.Minute)}) {
		t.Errorf("%+v", *got)
	}
	w := want(&keys{}, true)
	for _, at := range []time.Time{got.Until.Add(-time.Millisecond), got.Until} {
		w.Now = at
		if _, err := Verify(t.Context(), key.Sign(valid(), typ), w); (err == nil) != at.Before(got.Until) {
			t.Errorf("at %v: %v", at, err)
		}
	}
}

// The text of an error reaches the IdP and the log: never the token.
func TestErrorsAreFitForALog(t *testing.T) {
	secret := "private-" + strings.Repeat("x", 300)
	for _, c := range []jwttest.Claims{
		valid().With("iss", secret), valid().With("aud", secret), valid().With("nonce", secret),
		valid().With("events", secret), valid().With("iat", secret),
	} {
		_, err := Verify(t.Context(), key.Sign(c, typ, jwttest.Claims{"x": secret}), want(&keys{}, false))
		if err == nil || strings.Contains(err.Error(), "private-") || len(err.Error()) > 200 {
			t.Errorf("%v", err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	good := key.Sign(valid(), typ)
	f.Add(good)
	f.Add(jwttest.Unsigned(valid(), typ))
	f.Add("e30.e30.e30")
	f.Fuzz(func(t *testing.T, raw string) {
		_, err := Verify(t.Context(), raw, want(&keys{good: good}, false))
		if err == nil && raw != good {
			t.Errorf("accepted %q", raw)
		}
	})
}

// Whatever a payload says, what is accepted names somebody and ends in time.
func FuzzClaims(f *testing.F) {
	f.Add([]byte(`{"iss":"https://idp.example","aud":"notes","sid":"s","jti":"j","iat":1795248000,"events":{"http://schemas.openid.net/event/backchannel-logout":{}}}`))
	f.Add([]byte(`{"iss":"https://idp.example","aud":["notes",null],"sub":"\u0000","jti":"j","iat":1.79e9,"exp":1e308,"events":{}}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, strict := range []bool{false, true} {
			got, err := Verify(t.Context(), key.Sign(payload, typ), want(&keys{}, strict))
			if err != nil {
				continue
			}
			if got.Subject == "" && got.SID == "" || got.ID == "" || !got.Until.After(now) ||
				got.Until.After(now.Add(MaxLife+2*time.Minute)) || got.IssuedAt.After(now.Add(time.Minute)) {
				t.Errorf("strict %v: accepted %s as %+v", strict, payload, got)
			}
		}
	})
}

// What is missing is called so: a time that is not there would else be one of the year 1.
func TestMissingTimes(t *testing.T) {
	for _, name := range []string{"exp", "iat"} {
		_, err := Verify(t.Context(), key.Sign(valid().Without(name), typ), want(&keys{}, true))
		if err == nil || err.Error() != "logout token has no "+name {
			t.Errorf("without %s: %v", name, err)
		}
	}
}
