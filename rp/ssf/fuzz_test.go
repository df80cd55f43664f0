package ssf

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// trusting verifies every signature; what a parser makes of a token that the
// transmitter has signed is the question here.
type trusting struct{}

func (trusting) VerifySignature(_ context.Context, token string) ([]byte, error) {
	return base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
}

var anyone = want{issuer: "https://ssf.example", audience: []string{"notes"}, alg: "RS256", keys: trusting{}}

const goodPayload = `{"iss":"https://ssf.example","aud":"notes","iat":1700000000,"jti":"1","sub_id":{"format":"complex","user":{"format":"iss_sub","iss":"https://idp.example","sub":"ada"},"session":{"format":"opaque","id":"s"}},"events":{"` + SessionRevoked + `":{"event_timestamp":1700000000,"initiating_entity":"policy","reason_admin":{"en":"x"}}}}`

// FuzzToken: whatever is sent, a token is refused with a fault, or everything
// that it needs is there.
func FuzzToken(f *testing.F) {
	const header = `{"alg":"RS256","typ":"secevent+jwt"}`
	f.Add(header, goodPayload)
	for _, more := range []string{`,"crit":["b64"],"b64":false`, `,"ALG":"none"`, `,"typ":"JWT"`, `,"alg":null`} {
		f.Add(header[:len(header)-1]+more+"}", goodPayload)
	}
	for _, old := range []string{`"ada"`, `1700000000`, `"1"`, `"notes"`, `"complex"`, `"s"`} {
		for _, v := range []string{`null`, `""`, `[]`, `{}`, `1e400`, `-1`, `true`, `["notes","x"]`, `"` + strings.Repeat("x", 2000) + `"`} {
			f.Add(header, strings.ReplaceAll(goodPayload, old, v))
		}
	}
	f.Fuzz(func(t *testing.T, header, payload string) {
		enc := base64.RawURLEncoding
		token := enc.EncodeToString([]byte(header)) + "." + enc.EncodeToString([]byte(payload)) + ".c2ln"
		s, err := verify(t.Context(), token, anyone)
		if err != nil {
			var bad *fault
			if !errors.As(err, &bad) || bad.Code == "" || bad.Description == "" || !utf8.ValidString(bad.Description) {
				t.Fatalf("not a fault: %v", err)
			}
			return
		}
		claims := map[string]json.RawMessage{}
		if err := json.Unmarshal([]byte(payload), &claims); err != nil {
			t.Fatalf("accepted what is not JSON: %v", err)
		}
		switch {
		case s.id == "" || s.issued.IsZero() || s.event == "" || s.subject.Format == "":
			t.Fatalf("incomplete: %+v", s)
		case claims["sub"] != nil || claims["exp"] != nil:
			t.Fatal("sub or exp was accepted")
		case string(claims["iss"]) == "" || !strings.Contains(payload, "ssf.example") && !strings.Contains(payload, `\`):
			t.Fatal("another iss was accepted")
		}
		if _, err := object(s.payload); err != nil {
			t.Fatalf("the event is no object: %s", s.payload)
		}
	})
}

// FuzzRaw: any bytes as a token.
func FuzzRaw(f *testing.F) {
	enc := base64.RawURLEncoding
	f.Add(enc.EncodeToString([]byte(`{"alg":"RS256","typ":"secevent+jwt"}`)) + "." + enc.EncodeToString([]byte(goodPayload)) + ".c2ln")
	f.Add("..")
	f.Add("a.b.c.d.e")
	f.Fuzz(func(t *testing.T, raw string) {
		if _, err := verify(t.Context(), raw, anyone); err != nil {
			var bad *fault
			if !errors.As(err, &bad) {
				t.Fatalf("not a fault: %v", err)
			}
		}
	})
}

// FuzzSubject: a subject identifier is refused, or has what its format needs.
func FuzzSubject(f *testing.F) {
	for _, s := range []string{
		`{"format":"iss_sub","iss":"i","sub":"s"}`, `{"format":"email","email":"a@b"}`, `{"format":"opaque","id":"1"}`,
		`{"format":"complex","user":{"format":"email","email":"a"},"tenant":1}`, `{"format":"complex"}`, `{"format":"","id":"1"}`,
		`{"format":"complex","user":{"format":"complex","user":{"format":"opaque","id":"1"}}}`, `null`, `[]`, `"x"`, `{"format":"did","url":"did:a:b"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := parseSubject(raw, false)
		if err != nil {
			return
		}
		switch s.Format {
		case "":
			t.Fatal("no format")
		case formatIssSub:
			if s.Issuer == "" || s.Subject == "" {
				t.Fatalf("incomplete %+v", s)
			}
		case formatEmail:
			if s.Email == "" {
				t.Fatal("no email")
			}
		case formatOpaque:
			if s.ID == "" {
				t.Fatal("no id")
			}
		case formatComplex:
			if len(s.members) == 0 {
				t.Fatal("no members")
			}
			for _, name := range []string{memberUser, memberSession} {
				if m, ok := s.members[name]; ok && (m.Format == "" || m.Format == formatComplex) {
					t.Fatalf("member %s is %+v", name, m)
				}
			}
		}
	})
}
