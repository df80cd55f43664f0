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

// IsAsked tells whether the access token is of the type that was asked for: DPoP with a
// proof of the key (RFC 9449 §5), else Bearer (RFC 6750). Another one (mac, pop, N_A for
// what is no access token at all) is used by nobody: RFC 6749 §7.1 forbids to use a type
// that is not understood. One that is bound to a key and sent without the proof is just a
// secret given away, and one that is not bound where a key was shown has lost what was
// wanted of it. An answer without token_type is one of Bearer (RT-09). ASCII letters have
// no other folds here.
func (t *Tokens) IsAsked() bool {
	if t.Key != "" {
		return strings.EqualFold(t.Kind, "DPoP")
	}
	return t.Kind == "" || strings.EqualFold(t.Kind, "Bearer")
}

// TypeOf is what is asked for with a key of package dpop, or without one.
func TypeOf(key string) string {
	if key != "" {
		return "DPoP"
	}
	return "Bearer"
}

// Quoted is a type that was not asked for, fit for a record and a log line. It begins
// with a quotation mark, so that no type becomes one that was asked for by what is left out.
func Quoted(kind string) string {
	const most = 64
	q := strconv.QuoteToASCII(outside.Text(kind, most))
	return q[:min(len(q), most)]
}

// isOther tells whether a record has noted a type that was not asked for.
func isOther(noted string) bool { return strings.HasPrefix(noted, `"`) }

// ErrOtherType names a type that was not asked for.
func ErrOtherType(quoted, key string) error {
	return fmt.Errorf("the IdP issued an access token of type %s, which was not asked for: only %s is", quoted,
		TypeOf(key))
}

// shown is the access token of a session for those who send it. Errors:
// ErrNoAccessToken, with the cause where that is the token's type.
func shown(d *record.Data) (string, error) {
	switch {
	case d.AccessToken != "":
		return d.AccessToken, nil
	case isOther(d.TokenType):
		return "", fmt.Errorf("%w: %w", ErrNoAccessToken, ErrOtherType(d.TokenType, d.DPoPKey))
	}
	return "", ErrNoAccessToken
}
