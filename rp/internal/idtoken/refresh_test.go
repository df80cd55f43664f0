package idtoken

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/internal/jwttest"
)

func unmarshal(b []byte, v any) error { return json.Unmarshal(b, v) }

// CORE-10, H -refresh-token-…: a refreshed ID token is of the same issuer and
// subject. Another subject of the same issuer ends the session. What tokens that were
// mixed up would show keeps the access token beside it from being used, too; any other
// fault only makes the ID token useless.
func TestRefresh(t *testing.T) {
	base := claims().Without("nonce")
	for _, row := range []struct {
		rule   string
		claims jwttest.Claims
		good   bool
		other  bool
		mixed  bool
	}{
		{"CORE-10 the same user", base, true, false, false},
		{"CORE-10 H -refresh-token-invalid-issuer", base.With("iss", issuer+"INVALID"), false, false, true},
		{"CORE-10 H -refresh-token-invalid-sub", base.With("sub", "ada1"), false, true, false},
		{"CORE-10 sub in another case", base.With("sub", "Ada"), false, true, false},
		{"CORE-10 sub is missing", base.Without("sub"), false, false, false},
		{"CORE-10 another aud", base.With("aud", "other"), false, false, true},
		{"CORE-10 a foreign azp", base.With("azp", "other"), false, false, true},
		{"CORE-10 iat of the first token", base.With("iat", after(-time.Hour)), false, false, false},
		{"CORE-10 iat is missing", base.Without("iat"), false, false, false},
		{"CORE-10 not yet valid", base.With("nbf", after(time.Hour)), false, false, false},
		{"CORE-10 auth_time as text", base.With("auth_time", "now"), false, false, false},
		{"CORE-10 sid as a number", base.With("sid", 7), false, false, false},
		{"CORE-10 expired, of another user", base.With("exp", after(-time.Hour)).With("sub", "eve"), false, true,
			false},
		{"CORE-10 expired, with a wrong at_hash", base.With("exp", after(-time.Hour)).With("at_hash",
			jwttest.ATHash("old")), false, false, true},
		{"CORE-10 another issuer and another user", base.With("iss", issuer+"INVALID").With("sub", "eve"), false, false,
			true},
		{"CORE-10 expired", base.With("exp", after(-time.Hour)), false, false, false},
		{"CORE-10 the nonce of the log-in may come again", base.With("nonce", nonce), true, false, false},
		{"CORE-10 another sid: the session was moved", base.With("sid", "sid-2"), true, false, false},
		{"CORE-08 at_hash of the old access token", base.With("at_hash", jwttest.ATHash("old")), false, false, true},
	} {
		t.Run(row.rule, func(t *testing.T) {
			_, err := Verify(t.Context(), key.Sign(row.claims), refresh())
			var mixed *MixedUpError
			if (err == nil) != row.good || errors.Is(err, ErrOtherUser) != row.other ||
				errors.As(err, &mixed) != row.mixed {
				t.Errorf("error %v, want accepted %v, other user %v, mixed up %v", err, row.good, row.other, row.mixed)
			}
		})
	}
	t.Run("a forged token of another user ends nothing", func(t *testing.T) {
		forged := jwttest.RS256("k", 1).Sign(base.With("sub", "eve"))
		var mixed *MixedUpError
		if _, err := Verify(t.Context(), forged, refresh()); !errors.As(err, &mixed) || errors.Is(err, ErrOtherUser) {
			t.Errorf("%v", err)
		}
	})
}

func TestSize(t *testing.T) {
	big := key.Sign(claims().With("padding", strings.Repeat("x", MaxSize)))
	if _, err := Verify(t.Context(), big, want()); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a token of any size is accepted: %v", err)
	}
	fits := key.Sign(claims().With("padding", strings.Repeat("x", MaxSize/2)))
	if _, err := Verify(t.Context(), fits, want()); err != nil {
		t.Error(err)
	}
}

// Errors go to the log: they must not carry the token, nor text without bounds.
func TestErrorsAreFitForALog(t *testing.T) {
	long := strings.Repeat("é", 5000)
	for name, c := range map[string]jwttest.Claims{
		"iss": claims().With("iss", long), "aud": claims().With("aud", []string{client, long}),
		"azp": claims().With("azp", long),
	} {
		raw := key.Sign(c)
		_, err := Verify(t.Context(), raw, want())
		if err == nil {
			t.Fatalf("%s: accepted", name)
		}
		if len(err.Error()) > 1000 {
			t.Errorf("%s: an error of %d bytes", name, len(err.Error()))
		}
		if strings.Contains(err.Error(), raw[len(raw)-40:]) {
			t.Errorf("%s: the signature stands in the error", name)
		}
	}
}

// Nothing that is not one of the tokens signed here is ever accepted, and no
// input makes Verify panic.
func FuzzVerify(f *testing.F) {
	good := key.Sign(claims())
	parts := strings.Split(good, ".")
	f.Add(good)
	f.Add(jwttest.Unsigned(claims()))
	f.Add(parts[0] + "." + parts[1] + ".")
	f.Add("e30.e30.e30")
	f.Add("..")
	f.Add(`{"payload":"e30","signatures":[]}`)
	f.Fuzz(func(t *testing.T, raw string) {
		_, err := Verify(t.Context(), raw, want())
		_, again := Verify(t.Context(), raw, refresh())
		if errors.Is(again, ErrOtherUser) {
			t.Errorf("%q ended the session", raw)
		}
		// The last character of a signature has unused bits: only what is signed counts.
		if signed := strings.Join(parts[:2], ".") + "."; !strings.HasPrefix(raw, signed) &&
			(err == nil || again == nil) {
			t.Errorf("accepted %q", raw)
		}
	})
}

// The claims of a token are from outside too: an IdP with a bug must not crash
// its clients.
func FuzzClaims(f *testing.F) {
	body, err := json.Marshal(claims())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	f.Add([]byte(`{"iss":"https://idp.example","sub":"ada","aud":["notes",null],"exp":1e18,"iat":-1,"nonce":{}}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		got, err := Verify(t.Context(), key.Sign(payload), want())
		if err == nil && (got.Subject == "" || got.IssuedAt.IsZero()) {
			t.Errorf("accepted %s as %+v", payload, got)
		}
	})
}

// CORE-10: a refreshed ID token may lack the nonce of the log-in, and must not have another one.
func TestNonceOfARefresh(t *testing.T) {
	w := refresh()
	w.Nonce = nonce
	for name, row := range map[string]struct {
		claims jwttest.Claims
		good   bool
	}{
		"the same": {claims(), true}, "none": {claims().Without("nonce"), true},
		"another": {claims().With("nonce", "n-1"), false}, "an empty one": {claims().With("nonce", ""), false},
	} {
		if _, err := Verify(t.Context(), key.Sign(row.claims), w); (err == nil) != row.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}
