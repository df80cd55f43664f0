package engine

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/outside"
	"github.com/tandem-sso/tandem/rp/internal/record"
)

// otherTypeAgain is how soon an access token of a type that was not asked for is
// renewed, when one is needed: a repaired IdP needs no restart.
const otherTypeAgain = time.Minute

// IsBearer tells whether an access token of this type may be sent as a bearer token
// (RFC 6750). No other type is asked for, so one that comes all the same (DPoP, mac,
// pop, or N_A for what is no access token at all) is used by nobody: RFC 6749 §7.1
// forbids to use a type that is not understood, and one that is bound to a key and
// sent without the proof is just a secret given away. An answer without token_type is
// one of Bearer (RT-09). ASCII letters have no other folds here.
func IsBearer(kind string) bool { return kind == "" || strings.EqualFold(kind, "Bearer") }

// Quoted is a type that was not asked for, fit for a record and a log line. It begins
// with a quotation mark, so that no type becomes Bearer by what is left out.
func Quoted(kind string) string {
	const most = 64
	q := strconv.QuoteToASCII(outside.Text(kind, most))
	return q[:min(len(q), most)]
}

func ErrOtherType(quoted string) error {
	return fmt.Errorf("the IdP issued an access token of type %s, which was not asked for: only Bearer is", quoted)
}

// shown is the access token of a session for those who send it. Errors:
// ErrNoAccessToken, with the cause where that is the token's type.
func shown(d *record.Data) (string, error) {
	switch {
	case d.AccessToken != "":
		return d.AccessToken, nil
	case d.TokenType != "" && !IsBearer(d.TokenType):
		return "", fmt.Errorf("%w: %w", ErrNoAccessToken, ErrOtherType(d.TokenType))
	}
	return "", ErrNoAccessToken
}
