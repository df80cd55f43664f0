package idpmock_test

import (
	"encoding/json"
	"io"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// keysOf fetches the JWKS.
func keysOf(w *world) jose.JSONWebKeySet {
	w.t.Helper()
	resp, err := w.http.Get(w.URL + idpmock.PathJWKS)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(body, &set); err != nil {
		w.t.Fatal(err)
	}
	return set
}

// verifies reports whether a published key with the token's kid and algorithm
// verifies it.
func verifies(w *world, raw string) bool {
	w.t.Helper()
	jws, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.ES256, jose.RS256})
	if err != nil {
		return false
	}
	for _, key := range keysOf(w).Keys {
		if kid := jws.Signatures[0].Header.KeyID; kid != "" && kid != key.KeyID {
			continue
		}
		if _, err := jws.Verify(key); err == nil {
			return true
		}
	}
	return false
}

// RotateKeys keeps or drops the old key.
func TestRotateKeys(t *testing.T) {
	for _, keep := range []bool{false, true} {
		inBubble(t, nil, func(t *testing.T, w *world) {
			old := w.login(w.Browser("ada"), "notes").text("id_token")
			if err := w.RotateKeys(keep); err != nil {
				t.Fatal(err)
			}
			fresh := w.login(w.Browser("ada"), "notes").text("id_token")
			if !verifies(w, fresh) || verifies(w, old) != keep {
				t.Errorf("keep %v: old %v, new %v", keep, verifies(w, old), verifies(w, fresh))
			}
		})
	}
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.HideKeyIDs(true)
		for _, key := range keysOf(w).Keys {
			if key.KeyID != "" {
				t.Error("kid is shown")
			}
		}
	})
}
