package resourceserver

import (
	"errors"
	"net/http"
	"strings"
)

// MaxToken is the size of the longest access token that is accepted, in bytes.
const MaxToken = 16 << 10

var (
	// ErrNoToken means that the request has no bearer token. RFC 6750 §3.1 answers that with
	// a challenge that names no error.
	ErrNoToken = errors.New("resourceserver: no bearer token")
	// ErrMalformed means that the text in the token's place is no token (RFC 6750 §3.1,
	// invalid_token).
	ErrMalformed = errors.New("resourceserver: malformed bearer token")
	// ErrAmbiguous means that the request has more than one Authorization header.
	ErrAmbiguous = errors.New("resourceserver: more than one Authorization header")
)

// BearerToken reads the access token from the Authorization header (RFC 6750
// §2.1). The scheme is compared without case. Tokens in the query or in a form are ignored,
// because they end up in logs. Errors: ErrNoToken, ErrMalformed, ErrAmbiguous.
func BearerToken(h http.Header) (string, error) { return tokenBy("Bearer", h) }

// tokenBy reads the access token that is shown by a scheme.
func tokenBy(want string, h http.Header) (string, error) {
	values := h.Values("Authorization")
	switch len(values) {
	case 0:
		return "", ErrNoToken
	case 1:
	default:
		return "", ErrAmbiguous
	}
	scheme, token, found := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, want) {
		return "", ErrNoToken
	}
	token = strings.TrimLeft(token, " ") // 1*SP
	if !found || !isToken68(token) || len(token) > MaxToken {
		return "", ErrMalformed
	}
	return token, nil
}

// isToken68 tells whether s is a b64token of RFC 6750 §2.1.
func isToken68(s string) bool {
	s = strings.TrimRight(s, "=")
	if s == "" {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~+/", c) >= 0:
		default:
			return false
		}
	}
	return true
}
