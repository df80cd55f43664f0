package rp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log"
	"net/http/httptest"

	"github.com/go-jose/go-jose/v4"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/internal/exampletest"
	"github.com/tandem-sso/tandem/rp"
)

// register tells the IdP of the example about the client's key; a real one reads
// https://notes.example/auth/jwks.
func register(world *exampletest.World, key *ecdsa.PrivateKey, change func(*idpmock.Client)) {
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "2026-11"}}})
	if err != nil {
		log.Fatal(err)
	}
	err = world.IDP.Update(func(c *idpmock.Config) {
		c.Clients[0].Secret, c.Clients[0].JWKS, c.Clients[0].AuthMethod = "", set, "private_key_jwt"
		if change != nil {
			change(&c.Clients[0])
		}
	})
	if err != nil {
		log.Fatal(err)
	}
}

// A key instead of a secret: private_key_jwt. A real program reads the key, for example by
// x509.ParsePKCS8PrivateKey, or takes a crypto.Signer of its vault.
func ExampleConfig_clientKeys() {
	world := exampletest.Start()
	defer world.Close()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	register(world, key, nil)
	auth := startNotes(world, func(c *rp.Config) {
		c.ClientSecret = ""
		c.ClientKeys = []rp.ClientKey{{ID: "2026-11", Key: key}}
	}, welcome)
	defer auth.Close()
	fmt.Println(world.Person("ada").Visit("/"))
	// Output: welcome
}

// The IdP gets the whole request, and the browser its name.
func ExampleConfig_pAR() {
	world := exampletest.Start()
	defer world.Close()
	auth := startNotes(world, func(c *rp.Config) { c.PAR = true }, welcome)
	defer auth.Close()

	w := httptest.NewRecorder()
	if err := auth.StartLogin(w, httptest.NewRequest("GET", "https://notes.example/auth/login", nil)); err != nil {
		log.Fatal(err)
	}
	to, err := w.Result().Location()
	if err != nil {
		log.Fatal(err)
	}
	for name := range to.Query() {
		fmt.Println(name)
	}
	// Unordered output:
	// client_id
	// request_uri
}
