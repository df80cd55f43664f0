package ssf

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
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
		for _, v := range []string{`null`, `""`, `[]`, `{}`, `1e400`, `-1`, `true`, `["notes","x"]`, `"` +
			strings.Repeat("x", 2000) + `"`} {
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
		case string(claims["iss"]) == "" || !strings.Contains(payload, "ssf.example") &&
			!strings.Contains(payload, `\`):
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
	f.Add(enc.EncodeToString([]byte(`{"alg":"RS256","typ":"secevent+jwt"}`)) + "." +
		enc.EncodeToString([]byte(goodPayload)) + ".c2ln")
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

// Times of the years in which this is used, and the borders (CAEP §2).
func TestEventTime(t *testing.T) {
	day := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }
	for raw, want := range map[string]time.Time{
		"1615304991643":   time.Date(2021, 3, 9, 15, 49, 51, 643e6, time.UTC), // Okta's documentation
		"1615304991":      time.Date(2021, 3, 9, 15, 49, 51, 0, time.UTC),
		"1795737600":      day(2026, 11, 27),
		"1795737600000":   day(2026, 11, 27),
		"1795737600.5":    day(2026, 11, 27).Add(500 * time.Millisecond),
		"1.7957376e12":    day(2026, 11, 27),
		"1":               day(1970, 1, 1).Add(time.Second),
		"99999999999":     time.Date(5138, 11, 16, 9, 46, 39, 0, time.UTC),
		"100000000000":    time.Date(1973, 3, 3, 9, 46, 40, 0, time.UTC),
		"100000000000000": {}, "0": {}, "-1": {}, "null": {}, `"1795737600"`: {}, "": {}, "[]": {}, "1e400": {},
		"true": {},
	} {
		got, exact, ok := eventTime(json.RawMessage(raw))
		if !got.Equal(want) || ok != !want.IsZero() || exact && !ok {
			t.Errorf("%s is %v, %v; want %v", raw, got, ok, want)
		}
	}
}

// FuzzEventTime: a time is refused, or lies between 1970 and 5139.
func FuzzEventTime(f *testing.F) {
	for _, s := range []string{"1615304991643", "1615304991", "99999999999.9", "1e11", "1e14", "-0", "0.0001", "null",
		`"1"`, "{}", "1e-400"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		at, exact, ok := eventTime(raw)
		switch {
		case ok && (at.Year() < 1970 || at.Year() > 5138), !ok && (exact || !at.IsZero()):
			t.Fatalf("%q is %v, %v, %v", raw, at, exact, ok)
		}
	})
}

// FuzzMetadata: a transmitter's metadata are refused, or the issuer is the one that was
// asked and every address is one that may be called.
func FuzzMetadata(f *testing.F) {
	f.Add([]byte(`{"issuer":"https://ssf.example","jwks_uri":"https://ssf.example/jwks"}`))
	f.Add([]byte(`{"issuer":"https://ssf.example","jwks_uri":"https://ssf.example/jwks","add_subject_endpoint":"http://ssf.example/a"}`))
	f.Add([]byte(`{"ISSUER":"https://ssf.example","jwks_uri":"javascript:0","critical_subject_members":[null]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var m metadata
		if json.Unmarshal(raw, &m) != nil || m.check("https://ssf.example", false) != nil {
			return
		}
		for _, u := range []string{m.JWKSURL, m.ConfigURL, m.StatusURL, m.VerificationURL, m.AddSubjectURL,
			m.RemoveSubjectURL} {
			if u != "" && !strings.HasPrefix(strings.ToLower(u), "http") || m.Issuer != "https://ssf.example" {
				t.Fatalf("accepted %+v", m)
			}
		}
		if m.JWKSURL == "" {
			t.Fatal("without keys")
		}
	})
}

// FuzzStream: what a transmitter says of a stream is refused, or complete.
func FuzzStream(f *testing.F) {
	f.Add([]byte(`{"stream_id":"1","iss":"https://ssf.example","aud":"a","delivery":{"method":"urn:ietf:rfc:8936","endpoint_url":"https://ssf.example/p"}}`))
	f.Add([]byte(`{"stream_id":"1","iss":"https://ssf.example","aud":[],"delivery":{}}`))
	f.Add([]byte(`{"stream_id":"1","iss":"https://ssf.example","aud":["a"],"delivery":{"method":"urn:ietf:rfc:8935"},"min_verification_interval":-1,"inactivity_timeout":9e18}`))
	tr := &Transmitter{cfg: TransmitterConfig{Issuer: "https://ssf.example"}}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var got streamJSON
		if json.Unmarshal(raw, &got) != nil {
			return
		}
		s, err := tr.stream(got)
		if err != nil {
			return
		}
		if s.ID == "" || len(s.Audience) == 0 || s.MinVerificationInterval < 0 || s.InactivityTimeout < 0 ||
			s.Method == Poll && !strings.HasPrefix(strings.ToLower(s.URL), "http") {
			t.Fatalf("accepted %+v", s)
		}
	})
}

// FuzzPollAnswer: any answer of the poll endpoint is read without harm, and every token of
// it is answered.
func FuzzPollAnswer(f *testing.F) {
	f.Add([]byte(`{"sets":{"a":"b","c":""},"moreAvailable":true}`))
	f.Add([]byte(`{"sets":null}`))
	f.Add([]byte(`{"sets":{"":"a.b.c"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var got pollAnswer
		if json.Unmarshal(raw, &got) != nil {
			return
		}
		r := &Receiver{log: slog.New(slog.DiscardHandler), want: anyone}
		var next pollRequest
		for id, token := range got.Sets {
			if strings.Count(token, ".") == 2 { // FuzzToken has those
				delete(got.Sets, id)
			}
		}
		if err := r.takeAll(t.Context(), &got, &next); err != nil || len(next.Acks) != 0 ||
			len(next.Errors) != len(got.Sets) {
			t.Fatalf("%v: %+v", err, next)
		}
	})
}

// FuzzSubject: a subject identifier is refused, or has what its format needs.
func FuzzSubject(f *testing.F) {
	for _, s := range []string{
		`{"format":"iss_sub","iss":"i","sub":"s"}`, `{"format":"email","email":"a@b"}`, `{"format":"opaque","id":"1"}`,
		`{"format":"complex","user":{"format":"email","email":"a"},"tenant":1}`, `{"format":"complex"}`,
		`{"format":"","id":"1"}`,
		`{"format":"complex","user":{"format":"complex","user":{"format":"opaque","id":"1"}}}`, `null`, `[]`, `"x"`,
		`{"format":"did","url":"did:a:b"}`,
		`{"user":{"format":"iss_sub","iss":"i","sub":"s"}}`, `{"user":{"subject_type":"iss-sub"}}`, `{"session":null}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := parseSubject(raw, false)
		inside, errInside := parseEventSubject(raw)
		if err != nil {
			s, err = inside, errInside
		}
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
