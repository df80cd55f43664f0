package nethttpadapter_test

import (
	"testing"

	"github.com/tandem-sso/tandem/internal/exampletest"
	"github.com/tandem-sso/tandem/internal/printtest"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// Nothing that the package exports prints a secret.
func TestNothingPrints(t *testing.T) {
	world := exampletest.Start()
	defer world.Close()
	key, secret := rp.NewKey(), "the-client-secret-planted-here"
	auth, err := rp.New(t.Context(), rp.Config{
		Issuer: "https://idp.example", ClientID: "notes", ClientSecret: rp.Secret(secret),
		BaseURL: "https://notes.example",
		Keys:    rp.Keys{key}, Store: memstore.New(memstore.Options{}), IDTokenAlg: "ES256", HTTPClient: world.Client(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer auth.Close()
	planted := printtest.Secrets{"key": string(key), "client secret": secret}
	printtest.Types(t, planted, map[string][]any{"Adapter": {nethttpadapter.New(auth)}})
}
