package keyset

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/tandem-sso/tandem/internal/jwttest"
)

func TestParse(t *testing.T) {
	good := rsa0().JWK()
	set := func(keys ...any) []byte {
		b, err := json.Marshal(jwttest.Claims{"keys": keys})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	many := []any{}
	for i := range 200 {
		many = append(many, good.With("kid", fmt.Sprint(i)))
	}
	for _, row := range []struct {
		name string
		body []byte
		want int // 0: an error
	}{
		{"one", set(good), 1},
		{"without use", set(good.Without("use")), 1},
		{"for encryption", set(good.With("use", "enc")), 0},
		{"for encryption beside a good one", set(good.With("use", "enc"), good), 1},
		{"a kind that nobody knows", set(jwttest.Claims{"kty": "PQC", "kid": "x"}, good), 1},
		{"a secret", set(jwttest.Claims{"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"}), 0},
		{"a broken one", set(good.With("n", "!"), good), 1},
		{"no object", set("x", 1, nil, good), 1},
		{"a point that is not on the curve", set(jwttest.Claims{"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}),
			0},
		{"hundreds", set(many...), maxKeys},
		{"none", set(), 0},
		{"no list", []byte(`{"keys":{}}`), 0},
		{"no JSON", []byte(`keys`), 0},
		{"nothing", nil, 0},
		{"null", []byte(`null`), 0},
	} {
		keys, err := Parse(row.body)
		if len(keys) != row.want || (err == nil) != (row.want > 0) {
			t.Errorf("%s: %d keys, %v; want %d", row.name, len(keys), err, row.want)
		}
		for _, k := range keys {
			if !k.IsPublic() {
				t.Errorf("%s: kept a key that is not public", row.name)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(jwttest.Set(rsa0(), jwttest.ES256("e")))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AA"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"","e":"AQAB"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, err := Parse(b)
		if (err == nil) != (len(keys) > 0) || len(keys) > maxKeys {
			t.Errorf("%d keys, %v", len(keys), err)
		}
		for _, k := range keys {
			if !k.IsPublic() || !k.Valid() {
				t.Errorf("kept %v", k.KeyID)
			}
		}
	})
}
