package rp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/internal/exampletest"
	"github.com/tandem-sso/tandem/rp"
)

// A certificate instead of a secret: mutual TLS. The tokens are bound to it, too, where the
// IdP does that.
func ExampleConfig_clientAuth_certificate() {
	world := exampletest.Start()
	defer world.Close()
	world.AskForCertificates()
	err := world.IDP.Update(func(c *idpmock.Config) { // what is registered at the IdP
		c.Clients[0].Secret, c.Clients[0].AuthMethod, c.Clients[0].TLSSubjectDN = "", "tls_client_auth", "CN=notes"
	})
	if err != nil {
		log.Fatal(err)
	}
	cert := exampletest.Certificate("notes") // yours: tls.LoadX509KeyPair("notes.pem", "notes-key.pem")
	auth := startNotes(world, func(c *rp.Config) {
		c.ClientSecret = ""
		c.ClientAuth = "tls_client_auth"                                   // or self_signed_tls_client_auth
		c.HTTPClient = &http.Client{Transport: world.Over(&http.Transport{ // yours: without Over
			TLSClientConfig: &tls.Config{Certificates: []tls.Certificate{cert}},
		})}
	}, welcome)
	defer auth.Close()
	fmt.Println(world.Person("ada").Visit("/"))
	// Output: welcome
}

// ID tokens, logout tokens and userinfo that the IdP encrypts for this client. A real program
// registers https://notes.example/auth/jwks, where the public half stands with use enc.
func ExampleConfig_decryptionKeys() {
	world := exampletest.Start()
	defer world.Close()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // yours: from a file
	if err != nil {
		log.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "enc-1",
		Use: "enc"}}})
	if err != nil {
		log.Fatal(err)
	}
	err = world.IDP.Update(func(c *idpmock.Config) { // what is registered at the IdP
		c.Clients[0].JWKS, c.Clients[0].Encrypted = set, "ECDH-ES+A256KW"
	})
	if err != nil {
		log.Fatal(err)
	}
	auth := startNotes(world, func(c *rp.Config) {
		c.DecryptionKeys = []rp.ClientKey{{ID: "enc-1", Key: key}}
	}, welcome)
	defer auth.Close()
	fmt.Println(world.Person("ada").Visit("/"))
	for _, f := range auth.Findings() {
		if f.Code == "hardening" {
			fmt.Println(strings.TrimPrefix(f.Text, "In use: "))
		}
	}
	// Output:
	// welcome
	// encrypted tokens are decrypted (Config.DecryptionKeys).
}
