package ssf

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/keyset"
)

const (
	maxSET    = 64 << 10 // bytes of a raw token
	maxID     = 1024     // bytes of a jti
	maxEvents = 16       // alternative types of one event
)

// Codes of RFC 8935 §2.4 and, for invalidState, SSF §8.1.4.1.
const (
	invalidRequest       = "invalid_request"
	invalidKey           = "invalid_key"
	invalidIssuer        = "invalid_issuer"
	invalidAudience      = "invalid_audience"
	invalidState         = "invalid_state"
	authenticationFailed = "authentication_failed"
)

// fault says what is wrong with a token, to its transmitter. It repeats nothing
// of the token but the name of a wrong algorithm.
type fault struct {
	Code        string `json:"err"`
	Description string `json:"description"`
}

func (f *fault) Error() string { return f.Code + ": " + f.Description }

func invalid(format string, args ...any) *fault {
	return &fault{invalidRequest, fmt.Sprintf(format, args...)}
}

// set is a valid Security Event Token with one event (RFC 8417, SSF §4).
type set struct {
	id      string
	txn     string
	issued  time.Time
	subject SubjectID
	event   string          // its type
	payload json.RawMessage // a JSON object
}

// want is what a token has to fit to.
type want struct {
	issuer   string
	audience []string
	alg      string
	keys     interface {
		VerifySignature(ctx context.Context, jwt string) ([]byte, error)
	}
}

// verify checks raw. What costs nothing is checked first, so that a token that is
// meant for somebody else never causes a fetch of keys. Errors: *fault, or
// *keyset.UnavailableError while nothing can be said about the signature.
func verify(ctx context.Context, raw string, want want) (*set, error) {
	if raw == "" || len(raw) > maxSET {
		return nil, invalid("the token is empty or longer than %d bytes", maxSET)
	}
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return nil, invalid("this is not a signed token in compact form") // an encrypted one has five parts
	}
	if err := checkHeader(parts[0], want.alg); err != nil {
		return nil, err
	}
	unverified, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, invalid("the token's payload is not base64url")
	}
	s, err := parse(unverified, want)
	if err != nil {
		return nil, err
	}
	payload, err := want.keys.VerifySignature(ctx, raw)
	var down *keyset.UnavailableError
	switch {
	case errors.As(err, &down):
		return nil, err
	case err != nil:
		return nil, &fault{invalidKey, "no key of the transmitter verifies the signature"}
	case !bytes.Equal(payload, unverified):
		return nil, invalid("the token is malformed")
	}
	return s, nil
}

func checkHeader(part, alg string) error {
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return invalid("the token's header is not base64url")
	}
	h, err := object(b)
	if err != nil {
		return invalid("the token's header is not a JSON object")
	}
	if got, _ := text(h["alg"]); got != alg { // "none" can never be wanted
		return &fault{invalidKey, "the token cannot be used: " + (&keyset.AlgError{Got: got, Want: alg}).Error()}
	}
	if h["crit"] != nil {
		return invalid("the token has a critical header that is not understood")
	}
	typ, _ := text(h["typ"])
	if strings.TrimPrefix(strings.ToLower(typ), "application/") != "secevent+jwt" { // SSF-01
		return invalid("the token's typ is not secevent+jwt")
	}
	return nil
}

// parse reads and checks the claims. Names are compared exactly, unlike
// encoding/json does with structs.
func parse(payload []byte, want want) (*set, error) {
	claims, err := object(payload)
	if err != nil {
		return nil, invalid("the token's payload is not a JSON object")
	}
	if iss, ok := text(claims["iss"]); !ok || iss != want.issuer {
		return nil, &fault{invalidIssuer, "iss is not the transmitter's"}
	}
	var aud audience
	if json.Unmarshal(claims["aud"], &aud) != nil || !slices.ContainsFunc(aud, func(a string) bool {
		return slices.Contains(want.audience, a)
	}) {
		return nil, &fault{invalidAudience, "aud does not name this receiver"}
	}
	// SSF §4.1.3: so that no other kind of token passes for a SET, nor a SET for
	// another kind.
	for _, name := range []string{"sub", "exp"} {
		if claims[name] != nil {
			return nil, invalid("%s must not be present", name)
		}
	}
	s := &set{}
	var ok bool
	if s.id, ok = text(claims["jti"]); !ok || s.id == "" || len(s.id) > maxID {
		return nil, invalid("jti is missing or not a string of 1 to %d bytes", maxID)
	}
	if s.issued, ok = numericDate(claims["iat"]); !ok {
		return nil, invalid("iat is missing or not a time")
	}
	s.txn, _ = text(claims["txn"])
	if err := s.pick(claims["events"]); err != nil {
		return nil, err
	}
	if s.subject, err = s.about(claims["sub_id"]); err != nil {
		return nil, err
	}
	return s, nil
}

// about reads the subject: sub_id (§3.1) or, where that is not there, subject inside the
// event, as Okta sends it and the drafts before 2024 have it.
func (s *set) about(subID json.RawMessage) (id SubjectID, err error) {
	if subID != nil {
		if id, err = parseSubject(subID, false); err != nil {
			return id, invalid("sub_id: %v", err)
		}
		return id, nil
	}
	event, err := object(s.payload)
	if err != nil {
		return id, invalid("the event is not a JSON object")
	}
	if event["subject"] == nil {
		return id, invalid("sub_id is missing")
	}
	if id, err = parseEventSubject(event["subject"]); err != nil {
		return id, invalid("the event's subject: %v", err)
	}
	return id, nil
}

// pick finds the one event. Several types are allowed only as other names of the
// same event (§4.2.1), so at most one of them can be one that we know.
func (s *set) pick(raw json.RawMessage) error {
	events, err := object(raw)
	if err != nil || len(events) == 0 || len(events) > maxEvents {
		return invalid("events is not an object with one event")
	}
	for name, payload := range events {
		if _, err := object(payload); err != nil || name == "" {
			return invalid("an event has no name or is not a JSON object")
		}
		switch {
		case s.event == "", isKnown(name) && !isKnown(s.event), !isKnown(name) && !isKnown(s.event) && name < s.event:
			s.event, s.payload = name, payload
		case isKnown(name):
			return invalid("events has more than one event")
		}
	}
	return nil
}

type audience []string

func (a *audience) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		*a = make(audience, 1)
		return json.Unmarshal(b, &(*a)[0])
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// object reads a JSON object; null is none.
func object(raw []byte) (map[string]json.RawMessage, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, err
	}
	if m == nil {
		return nil, errors.New("null")
	}
	return m, nil
}

// text reads a JSON string.
func text(raw json.RawMessage) (string, bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	var s string
	return s, json.Unmarshal(raw, &s) == nil
}

// numericDate reads seconds since 1970 (RFC 7519 §2).
func numericDate(raw json.RawMessage) (time.Time, bool) {
	var n *float64
	if json.Unmarshal(raw, &n) != nil || n == nil || !(*n > 0 && *n < firstMillis) {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(*n * 1000)).UTC(), true
}
