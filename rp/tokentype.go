package rp

import (
	"fmt"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/outside"
	"github.com/tandem-sso/tandem/rp/internal/record"
)

// otherTypeAgain is how soon an access token of a type that was not asked for is
// renewed, when one is needed: a repaired IdP needs no restart.
const otherTypeAgain = time.Minute

// isBearer tells whether an access token of this type may be sent as a bearer token
// (RFC 6750). No other type is asked for, so one that comes all the same (DPoP, mac,
// pop, or N_A for what is no access token at all) is used by nobody: RFC 6749 §7.1
// forbids to use a type that is not understood, and one that is bound to a key and
// sent without the proof is just a secret given away. An answer without token_type is
// one of Bearer (RT-09). ASCII letters have no other folds here.
func isBearer(kind string) bool { return kind == "" || strings.EqualFold(kind, "Bearer") }

// otherType names the type of an answer of the token endpoint that was not asked for;
// nil if it was.
func otherType(kind string) error {
	if isBearer(kind) {
		return nil
	}
	return fmt.Errorf("the IdP issued an access token of type %q, which was not asked for: only Bearer is", outside.Text(kind, 64))
}

// shown is the access token of a session for those who send it. Errors:
// ErrNoAccessToken, with the cause where that is the token's type.
func shown(d *record.Data) (string, error) {
	switch {
	case d.AccessToken != "":
		return d.AccessToken, nil
	case d.TokenType != "" && !isBearer(d.TokenType):
		return "", fmt.Errorf("%w: %w", ErrNoAccessToken, otherType(d.TokenType))
	}
	return "", ErrNoAccessToken
}
