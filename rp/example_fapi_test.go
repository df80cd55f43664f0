package rp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

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

// Access tokens are bound to a key of the session, and Client proves that it has it.
func ExampleConfig_dPoP() {
	world := exampletest.Start()
	defer world.Close()
	world.Serve("api.example", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		fmt.Fprintf(w, "%s, proof: %v", scheme, r.Header.Get("DPoP") != "") // resourceserver checks it
	}))
	auth := startNotes(world, func(c *rp.Config) {
		c.DPoP = true
		c.APIs = []rp.API{{Origin: "https://api.example"}}
	}, func(auth *rp.RelyingParty) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			resp, err := rp.FromContext(r.Context()).Client().Get("https://api.example/notes")
			if err != nil {
				auth.Answer(r, err).Write(w)
				return
			}
			defer resp.Body.Close()
			_, _ = io.Copy(w, resp.Body)
		}
	})
	defer auth.Close()
	fmt.Println(world.Person("ada").Visit("/"))
	// Output: DPoP, proof: true
}

// A client that cannot use Session.Client sends token and proof by itself.
func ExampleSession_DPoPProof() {
	world := exampletest.Start()
	defer world.Close()
	auth := startNotes(world, func(c *rp.Config) { c.DPoP = true }, func(*rp.RelyingParty) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			session := rp.FromContext(r.Context())
			token, err := session.TokenSource(r.Context()).Token()
			if err != nil {
				log.Fatal(err)
			}
			proof, err := session.DPoPProof("GET", "https://api.example/notes", token.AccessToken, "")
			if err != nil {
				log.Fatal(err)
			}
			call, _ := http.NewRequestWithContext(r.Context(), "GET", "https://api.example/notes", nil)
			token.SetAuthHeader(call)
			call.Header.Set("DPoP", proof)
			fmt.Fprint(w, token.TokenType, " ", strings.Count(call.Header.Get("DPoP"), "."))
		}
	})
	defer auth.Close()
	fmt.Println(world.Person("ada").Visit("/"))
	// Output: DPoP 2
}

// The request is signed by this client's key, and the answer by the IdP's (FAPI 2.0 Message
// Signing).
func ExampleConfig_jAR() {
	world := exampletest.Start()
	defer world.Close()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	register(world, key, func(c *idpmock.Client) { c.RequireJAR = true })
	auth := startNotes(world, func(c *rp.Config) {
		c.ClientSecret = ""
		c.ClientKeys = []rp.ClientKey{{ID: "2026-11", Key: key}}
		c.JAR = true
		c.ResponseMode = "jwt"
	}, welcome)
	defer auth.Close()
	fmt.Println(world.Person("ada").Visit("/"))
	// Output: welcome
}

// The IdP fetches the request from this app; the browser carries the address.
func ExampleConfig_requestURI() {
	world := exampletest.Start()
	defer world.Close()
	if err := world.IDP.Update(func(c *idpmock.Config) { c.RequestURI = true }); err != nil {
		log.Fatal(err)
	}
	auth := startNotes(world, func(c *rp.Config) { c.RequestURI = true }, welcome)
	defer auth.Close()

	w := httptest.NewRecorder()
	if err := auth.StartLogin(w, httptest.NewRequest("GET", "https://notes.example/auth/login", nil)); err != nil {
		log.Fatal(err)
	}
	to, err := w.Result().Location()
	if err != nil {
		log.Fatal(err)
	}
	at, _, _ := strings.Cut(to.Query().Get("request_uri"), "?")
	fmt.Println(at)
	fmt.Println(world.Person("ada").Visit("/"))
	// Output:
	// https://notes.example/auth/request
	// welcome
}

// One option for all that FAPI 2.0 demands of a client.
func ExampleConfig_profile() {
	world := exampletest.Start()
	defer world.Close()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	register(world, key, func(c *idpmock.Client) { c.RequirePAR, c.DPoPBound = true, true })
	auth := startNotes(world, func(c *rp.Config) {
		c.ClientSecret = ""
		c.ClientKeys = []rp.ClientKey{{ID: "2026-11", Key: key}}
		c.Profile = "fapi2"
	}, welcome)
	defer auth.Close()
	fmt.Println(world.Person("ada").Visit("/"))
	for _, f := range auth.Findings() {
		if f.Code == "hardening" {
			fmt.Println(f.Text)
		}
	}
	// Output:
	// welcome
	// Config.Profile is fapi2. In use: the client authenticates with its key (Config.ClientKeys); authorization requests are pushed (Config.PAR); access tokens are bound to a key of the session (Config.DPoP).
}
