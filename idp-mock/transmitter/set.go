package transmitter

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/internal/jws"
)

// SET is the content of a Security Event Token (RFC 8417).
type SET struct {
	Event   string         // its type, a URI
	Subject map[string]any // sub_id
	Payload map[string]any // of the event
	Txn     string
	JTI     string // default: a new one
}

// SessionRevoked says that a session was revoked now, by whom and why (CAEP 1.0
// §3.1). With a sid the subject is complex, the session and its user; without it
// is the user alone, with all their sessions.
func (t *Transmitter) SessionRevoked(sub, sid, initiator, reason string) SET {
	subject := map[string]any{"format": "iss_sub", "iss": t.idp.Issuer(), "sub": sub}
	if sid != "" {
		subject = map[string]any{"format": "complex", "user": subject,
			"session": map[string]any{"format": "opaque", "id": sid}}
	}
	payload := map[string]any{"event_timestamp": t.idp.Now().Unix()}
	if initiator != "" {
		payload["initiating_entity"] = initiator
	}
	if reason != "" {
		payload["reason_admin"] = map[string]string{"en": reason}
	}
	return SET{Event: EventTypeSessionRevoked, Subject: subject, Payload: payload, Txn: rand.Text()[:12]}
}

// SETFault names a way to spoil Security Event Tokens.
type SETFault string

// The faults of Security Event Tokens. [SETFault.Verdict] says what a receiver
// should make of each.
const (
	SETAlgNone          SETFault = "alg-none"
	SETWrongAlg         SETFault = "wrong-alg"
	SETHS256            SETFault = "hs256" // by the receiver's bearer token
	SETUnknownKid       SETFault = "unknown-kid"
	SETNoKid            SETFault = "no-kid"
	SETEmbeddedKey      SETFault = "embedded-jwk"
	SETRotatedKey       SETFault = "rotated-key"
	SETBadSignature     SETFault = "bad-signature"
	SETNoTyp            SETFault = "no-typ"
	SETTypJWT           SETFault = "typ-jwt"
	SETTypLogout        SETFault = "typ-logout-jwt"
	SETTypApplication   SETFault = "typ-application" // application/secevent+jwt
	SETWrongIss         SETFault = "wrong-iss"
	SETNoIss            SETFault = "no-iss"
	SETWrongAud         SETFault = "wrong-aud"
	SETNoAud            SETFault = "no-aud"
	SETAudString        SETFault = "aud-string"
	SETExtraAud         SETFault = "extra-aud" // another name of the same receiver beside ours
	SETNoJTI            SETFault = "no-jti"
	SETEmptyJTI         SETFault = "empty-jti"
	SETNumericJTI       SETFault = "numeric-jti"
	SETNoIat            SETFault = "no-iat"
	SETOldIat           SETFault = "old-iat" // twenty minutes old: SETs do not age
	SETWithSub          SETFault = "with-sub"
	SETNullSub          SETFault = "null-sub"
	SETWithExp          SETFault = "with-exp"
	SETNoSubID          SETFault = "no-sub-id"
	SETSubIDString      SETFault = "sub-id-string"
	SETSubIDNoFormat    SETFault = "sub-id-no-format"
	SETSubIDEmpty       SETFault = "sub-id-empty" // format iss_sub with an empty sub
	SETNoEvents         SETFault = "no-events"
	SETEmptyEvents      SETFault = "empty-events"
	SETTwoEvents        SETFault = "two-events"  // of different kinds
	SETAliasEvent       SETFault = "alias-event" // a second name for the same event
	SETEventNotObject   SETFault = "event-not-object"
	SETUnknownEvent     SETFault = "unknown-event" // accepted, nothing ends
	SETExtraClaims      SETFault = "extra-claims"  // in token, subject and event
	SETMillisTimestamp  SETFault = "millis-timestamp"
	SETStringTimestamp  SETFault = "string-timestamp"
	SETNoTimestamp      SETFault = "no-timestamp"
	SETUppercaseClaims  SETFault = "uppercase-claims" // ISS, AUD, …
	SETNotAJWT          SETFault = "not-a-jwt"
	SETHuge             SETFault = "huge" // 300 KiB
	SETCriticalHeader   SETFault = "crit-header"
	SETIsLogoutToken    SETFault = "is-logout-token"
	SETNestedComplex    SETFault = "nested-complex"
	SETDetachedPayload  SETFault = "detached-payload" // RFC 7515 appendix F
	SETUnencodedPayload SETFault = "payload-not-base64"
)

// Verdict of the fault by the specifications.
func (f SETFault) Verdict() idpmock.Verdict {
	switch f {
	case "", SETRotatedKey, SETTypApplication, SETAudString, SETExtraAud, SETOldIat, SETAliasEvent, SETUnknownEvent,
		SETExtraClaims,
		SETMillisTimestamp, SETNoTimestamp, SETNoKid:
		return idpmock.Accept
	}
	return idpmock.Reject
}

// SETFaults lists them all, sorted by name.
func SETFaults() []SETFault { return slices.Sorted(maps.Keys(setFaults)) }

func setSub(name string, v any) func(*Transmitter, *token) {
	return func(_ *Transmitter, t *token) { t.claims[name] = v }
}

func dropSub(name string) func(*Transmitter, *token) {
	return func(_ *Transmitter, t *token) { delete(t.claims, name) }
}

func typ(v string) func(*Transmitter, *token) { return func(_ *Transmitter, t *token) { t.typ = v } }

func raw(v string) func(*Transmitter, *token) {
	return func(_ *Transmitter, t *token) { t.sign = func(*token) (string, error) { return v, nil } }
}

// eachEvent changes the payload of every event.
func eachEvent(f func(map[string]any)) func(*Transmitter, *token) {
	return func(_ *Transmitter, t *token) {
		for _, e := range t.claims["events"].(map[string]any) {
			f(e.(map[string]any))
		}
	}
}

func moreEvents(name string, v any) func(*Transmitter, *token) {
	return func(_ *Transmitter, t *token) { t.claims["events"].(map[string]any)[name] = v }
}

var setFaults = map[SETFault]func(*Transmitter, *token){
	SETAlgNone:        func(_ *Transmitter, t *token) { t.sign = unsigned },
	SETWrongAlg:       func(_ *Transmitter, t *token) { t.alg = jws.OtherAlg(t.alg) },
	SETHS256:          func(_ *Transmitter, t *token) { t.sign = signedWithSecret },
	SETUnknownKid:     func(tr *Transmitter, t *token) { t.sign = tr.hiddenSignature },
	SETNoKid:          func(tr *Transmitter, t *token) { t.sign = tr.withoutKid },
	SETEmbeddedKey:    func(tr *Transmitter, t *token) { t.sign = tr.embeddedKey },
	SETRotatedKey:     func(tr *Transmitter, t *token) { t.sign = tr.rotatedSignature },
	SETBadSignature:   func(tr *Transmitter, t *token) { t.sign = tr.brokenSignature },
	SETNoTyp:          typ(""),
	SETTypJWT:         typ("JWT"),
	SETTypLogout:      typ("logout+jwt"),
	SETTypApplication: typ("application/secevent+jwt"),
	SETWrongIss:       func(_ *Transmitter, t *token) { t.claims["iss"] = t.claims["iss"].(string) + "/other" },
	SETNoIss:          dropSub("iss"),
	SETWrongAud:       setSub("aud", []string{"https://somebody-else.example"}),
	SETNoAud:          dropSub("aud"),
	SETAudString:      func(_ *Transmitter, t *token) { t.claims["aud"] = t.claims["aud"].([]string)[0] },
	SETExtraAud: func(_ *Transmitter, t *token) {
		t.claims["aud"] = append([]string{"https://mobile.example"}, t.claims["aud"].([]string)...)
	},
	SETNoJTI:         dropSub("jti"),
	SETEmptyJTI:      setSub("jti", ""),
	SETNumericJTI:    setSub("jti", 42),
	SETNoIat:         dropSub("iat"),
	SETOldIat:        func(_ *Transmitter, t *token) { t.at("iat", -20*time.Minute) },
	SETWithSub:       setSub("sub", "ada"),
	SETNullSub:       setSub("sub", nil),
	SETWithExp:       func(_ *Transmitter, t *token) { t.at("exp", time.Hour) },
	SETNoSubID:       dropSub("sub_id"),
	SETSubIDString:   setSub("sub_id", "ada"),
	SETSubIDNoFormat: setSub("sub_id", map[string]any{"iss": "https://idp.example", "sub": "ada"}),
	SETSubIDEmpty:    setSub("sub_id", map[string]any{"format": "iss_sub", "iss": "https://idp.example", "sub": ""}),
	SETNoEvents:      dropSub("events"),
	SETEmptyEvents:   setSub("events", map[string]any{}),
	SETTwoEvents:     moreEvents(EventTypeStreamUpdated, map[string]any{"status": "disabled"}),
	SETAliasEvent:    moreEvents("https://vendor.example/events/session-revoked", map[string]any{}),
	SETEventNotObject: func(_ *Transmitter, t *token) {
		for name := range t.claims["events"].(map[string]any) {
			t.claims["events"] = map[string]any{name: true}
		}
	},
	SETUnknownEvent: setSub("events", map[string]any{"https://vendor.example/events/something": map[string]any{}}),
	SETExtraClaims: func(tr *Transmitter, t *token) {
		t.claims["unknown"], t.claims["toe"] = map[string]any{"a": 1}, t.now.Unix()
		eachEvent(func(e map[string]any) { e["unknown"] = []int{1, 2} })(tr, t)
		if s, ok := t.claims["sub_id"].(map[string]any); ok {
			s["unknown"] = true
		}
	},
	SETMillisTimestamp: func(tr *Transmitter, t *token) {
		eachEvent(func(e map[string]any) { e["event_timestamp"] = t.now.UnixMilli() })(tr, t)
	},
	SETStringTimestamp: eachEvent(func(e map[string]any) { e["event_timestamp"] = "yesterday" }),
	SETNoTimestamp:     eachEvent(func(e map[string]any) { delete(e, "event_timestamp") }),
	SETUppercaseClaims: func(_ *Transmitter, t *token) {
		for _, name := range []string{"iss", "aud", "jti"} {
			upper := map[string]string{"iss": "ISS", "aud": "AUD", "jti": "JTI"}[name]
			t.claims[upper] = t.claims[name]
			delete(t.claims, name)
		}
	},
	SETNotAJWT: raw("not-a-jwt"),
	SETHuge:    setSub("padding", string(make([]byte, 50<<10))),
	SETCriticalHeader: func(tr *Transmitter, t *token) {
		t.sign = func(t *token) (string, error) {
			key, err := tr.idp.SigningKey(t.alg)
			if err != nil {
				return "", err
			}
			opts := (&jose.SignerOptions{}).WithType(jose.ContentType(t.typ)).WithHeader("crit",
				[]string{"exp"}).WithHeader("exp", 1)
			return jws.SignWith(t.alg, key, opts, t.claims)
		}
	},
	SETIsLogoutToken: func(_ *Transmitter, t *token) {
		t.typ = "logout+jwt"
		t.claims["sub"] = "ada"
		t.at("exp", time.Minute)
		t.claims["events"] = map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}
	},
	SETNestedComplex: setSub("sub_id", map[string]any{"format": "complex",
		"user": map[string]any{"format": "complex", "user": map[string]any{}}}),
	SETDetachedPayload: func(tr *Transmitter, t *token) {
		t.sign = func(t *token) (string, error) { return cutPayload(tr.signed(t)) }
	},
	SETUnencodedPayload: func(tr *Transmitter, t *token) {
		t.sign = func(t *token) (string, error) {
			header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"` + t.alg + `","typ":"` + t.typ + `"}`))
			return header + ".{}.AAAA", nil
		}
	},
}

func cutPayload(token string, err error) (string, error) {
	if err != nil {
		return "", err
	}
	dots := []int{}
	for i := range len(token) {
		if token[i] == '.' {
			dots = append(dots, i)
		}
	}
	return token[:dots[0]+1] + token[dots[1]:], nil
}

// Token makes a SET for a stream, spoilt in order by the faults. Nothing is sent.
func (t *Transmitter) Token(streamID string, s SET, faults ...SETFault) (string, error) {
	t.mu.Lock()
	st := t.streams[streamID]
	t.mu.Unlock()
	if st == nil {
		return "", fmt.Errorf("transmitter: no stream %q", streamID)
	}
	return t.token(st, s, faults)
}

func (t *Transmitter) token(st *stream, s SET, faults []SETFault) (string, error) {
	now := t.idp.Now()
	j := &token{typ: "secevent+jwt", alg: t.idp.Config().SigningAlg, now: now, secret: st.receiver.Token,
		claims: map[string]any{
			"iss": t.cfg.Issuer, "aud": slices.Clone(st.receiver.Audience), "iat": now.Unix(),
			"jti":    cmp.Or(s.JTI, rand.Text()),
			"sub_id": maps.Clone(s.Subject), "events": map[string]any{s.Event: maps.Clone(orEmpty(s.Payload))},
		}}
	if s.Txn != "" {
		j.claims["txn"] = s.Txn
	}
	t.cfg.Temperament.shape(j, s.Event)
	for _, f := range faults {
		if f == "" {
			continue
		}
		spoil := setFaults[f]
		if spoil == nil {
			return "", fmt.Errorf("transmitter: SETFault: %q is unknown; see SETFaults", f)
		}
		spoil(t, j)
	}
	if j.sign != nil {
		return j.sign(j)
	}
	return t.signed(j)
}

func orEmpty(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}
