package program

import (
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/resourceserver"
)

// Each field that is said by a flag is one, and the flag exists.
func TestFlagsOfFields(t *testing.T) {
	flags := (&options{}).flags(io.Discard)
	for name, flag := range flagOf {
		_, ofApp := reflect.TypeFor[rp.Config]().FieldByName(name)
		_, ofAPI := reflect.TypeFor[resourceserver.Config]().FieldByName(name)
		if !ofApp && !ofAPI || flags.Lookup(strings.TrimPrefix(flag, "-")) == nil {
			t.Errorf("%s is said as %s", name, flag)
		}
	}
}

// What the library says of its fields is said by flags, of names alone only where they can be
// nothing else.
func TestAsFlags(t *testing.T) {
	for text, want := range map[string]string{
		"set Config.Idle or Config.SilentCheck.":               "set -idle or -silent-check.",
		"rp: Config.ClientKeys: is needed; leave ClientSecret": "rp: -client-key: is needed; leave -client-secret",
		"the PAR of a Store, DPoP and Idle people":             "the PAR of a Store, DPoP and Idle people",
		"set Config.UserinfoClaims":                            "set Config.UserinfoClaims",
		"is Config.IDTokenAlgorithm":                           "is Config.IDTokenAlgorithm",
	} {
		if got := asFlags(text); got != want {
			t.Errorf("%q", got)
		}
	}
	cause := errors.New("Config.Profile: x")
	if err := error(inFlags{cause}); !errors.Is(err, cause) || err.Error() != "-profile: x" {
		t.Errorf("%v", err)
	}
}
