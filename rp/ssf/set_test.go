package ssf

import (
	"encoding/base64"
	"strings"
	"testing"
)

// SSF-03: a fault in the algorithm names what came and what is expected.
func TestWrongAlgorithmIsNamed(t *testing.T) {
	header := func(text string) error {
		return checkHeader(base64.RawURLEncoding.EncodeToString([]byte(text)), "RS256")
	}
	for _, row := range []struct{ header, says string }{
		{`{"alg":"none","typ":"secevent+jwt"}`, `signed with "none", and RS256 is expected`},
		{`{"alg":"ES256","typ":"secevent+jwt"}`, `signed with "ES256", and RS256 is expected`},
		{`{"typ":"secevent+jwt"}`, `signed with "", and RS256 is expected`},
		{`{"alg":"` + strings.Repeat("x", 5000) + `"}`, "and RS256 is expected"},
	} {
		err := header(row.header)
		if err == nil || !strings.HasPrefix(err.Error(), invalidKey) || !strings.Contains(err.Error(), row.says) ||
			len(err.Error()) > 200 {
			t.Errorf("%.60s: %v", row.header, err)
		}
	}
	if err := header(`{"alg":"RS256","typ":"secevent+jwt"}`); err != nil {
		t.Error(err)
	}
}
