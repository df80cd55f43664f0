package resourceserver_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/go-jose/go-jose/v4"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp/resourceserver"
)

// An API that shows a key instead of a secret, and takes answers only that the IdP has
// signed for it (RFC 7523, RFC 9701).
func ExampleConfig_introspectionAlg() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // yours: from a file, or in hardware
	if err != nil {
		log.Fatal(err)
	}
	idp, token := exampleSigningIdP(key) // yours: https://login.example.com
	defer idp.Close()

	tokens, err := resourceserver.New(context.Background(), resourceserver.Config{
		Issuer:           idp.URL,
		ClientID:         "notes-api",
		ClientKey:        resourceserver.ClientKey{ID: "2026-11", Key: key},
		IntrospectionAlg: "PS256",
		Audience:         []string{"https://api.example.com"},
	})
	if err != nil {
		log.Fatal(err)
	}
	t, err := tokens.Introspect(context.Background(), token)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(t.Subject, "by", t.ClientID)
	// Output: ada by notes
}

func exampleSigningIdP(key *ecdsa.PrivateKey) (*httptest.Server, string) {
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "2026-11"}}})
	if err != nil {
		log.Fatal(err)
	}
	var idp *idpmock.IDP
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		idp.Handler().ServeHTTP(w, r)
	}))
	idp, err = idpmock.New(idpmock.Config{Issuer: s.URL, SigningAlg: "PS256", Clients: []idpmock.Client{
		{ID: "notes", Secret: "s3cret", Audience: []string{"https://api.example.com"}},
		{ID: "notes-api", JWKS: set, IntrospectionSigned: true}}})
	if err != nil {
		log.Fatal(err)
	}
	tokens, err := idp.Mint(idpmock.Mint{Client: "notes", User: "ada"})
	if err != nil {
		log.Fatal(err)
	}
	return s, tokens.AccessToken
}
