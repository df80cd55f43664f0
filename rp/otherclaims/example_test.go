package otherclaims_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"net/http"

	"github.com/go-jose/go-jose/v4"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/internal/exampletest"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/otherclaims"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// The IdP says where the bank vouches for the person's credit score. The app believes the bank, and nobody else.
func Example() {
	ctx := context.Background()
	world := exampletest.Start()
	defer world.Close()
	startBank(world)

	auth, err := rp.New(ctx, rp.Config{
		Issuer: "https://idp.example", ClientID: "notes", ClientSecret: "s3cret", BaseURL: "https://notes.example",
		Keys: rp.Keys{rp.NewKey()}, Store: memstore.New(memstore.Options{}), IDTokenAlg: "ES256",
		HTTPClient: world.Client(), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer auth.Close()
	reader, err := otherclaims.New(otherclaims.Config{HTTPClient: world.Client(), Sources: []otherclaims.Source{{
		Issuer: "https://bank.example", JWKSURL: "https://bank.example/jwks", Alg: "ES256",
		Claims: []string{"credit_score"}, Endpoint: "https://bank.example/claims",
	}}})
	if err != nil {
		log.Fatal(err)
	}
	defer reader.Close()

	web := nethttpadapter.New(auth)
	mux := http.NewServeMux()
	mux.Handle("/auth/", web.Endpoints())
	mux.Handle("/", web.RequireLogin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var all json.RawMessage
		if err := rp.FromContext(r.Context()).Claims(&all); err != nil {
			log.Fatal(err)
		}
		vouched, err := reader.Read(r.Context(), all)
		if err != nil {
			log.Print(err) // the others are good all the same
		}
		score := vouched["credit_score"]
		fmt.Fprintf(w, "%s, by %s", score.Value, score.Issuer)
	})))
	world.Serve("notes.example", mux)
	fmt.Println(world.Person("ada").Visit("/"))
	// Output: 650, by https://bank.example
}

// startBank is the bank: its keys, and its claims about ada, of which the IdP knows where they are.
func startBank(world *exampletest.World) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/jwks", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public()}}})
	})
	mux.HandleFunc("/claims", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer for-the-bank" {
			http.Error(w, "who is it?", http.StatusUnauthorized)
			return
		}
		token, err := signer.Sign([]byte(`{"iss":"https://bank.example","credit_score":650}`))
		if err != nil {
			log.Fatal(err)
		}
		text, _ := token.CompactSerialize()
		fmt.Fprint(w, text)
	})
	world.Serve("bank.example", mux)
	err = world.IDP.Update(func(c *idpmock.Config) {
		c.Users = []idpmock.User{{Username: "ada", Claims: map[string]any{
			"_claim_names": map[string]any{"credit_score": "bank"},
			"_claim_sources": map[string]any{"bank": map[string]any{
				"endpoint": "https://bank.example/claims", "access_token": "for-the-bank",
			}},
		}}}
	})
	if err != nil {
		log.Fatal(err)
	}
}
