package registration_test

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/memnet"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/registration"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// A program that sets an app up registers it, once, and keeps what it is told.
func Example() {
	ctx := context.Background()
	network, idp := exampleIdP()
	defer network.Close()
	defer idp.Close()

	config := rp.Config{
		Issuer: "https://idp.example", BaseURL: "https://notes.example", IDTokenAlg: "ES256",
		Keys: rp.Keys{rp.NewKey()}, Store: memstore.New(memstore.Options{}), HTTPClient: network.Client(),
		Logger: slog.New(slog.DiscardHandler),
	}
	where, err := registration.Discover(ctx, registration.Config{
		Issuer: config.Issuer, InitialAccessToken: "from-the-administrator", HTTPClient: network.Client(),
	})
	check(err)
	asked := registration.For(config)
	asked.Name, asked.LogoURI = "Notes", "https://notes.example/logo.png"
	client, err := where.Register(ctx, asked)
	check(err)
	fmt.Println("registered otherwise:", client.Differences(asked))
	saved, err := client.Save() // has secrets: keep it as you keep one
	check(err)

	// In the app.
	client, err = registration.Load(saved)
	check(err)
	config.ClientID, config.ClientSecret = client.ID, client.Secret
	auth, err := rp.New(ctx, config)
	check(err)
	defer auth.Close()
	fmt.Println(client.Metadata.Name, client.Secret)
	// Output:
	// registered otherwise: [logo_uri]
	// Notes [redacted]
}

// A new secret, before the old one runs out or after somebody has seen it.
func ExampleIDP_RotateSecret() {
	ctx := context.Background()
	network, idp := exampleIdP()
	defer network.Close()
	defer idp.Close()
	where, err := registration.Discover(ctx, registration.Config{
		Issuer: "https://idp.example", InitialAccessToken: "from-the-administrator", HTTPClient: network.Client(),
	})
	check(err)
	client, err := where.Register(ctx, registration.Metadata{RedirectURIs: []string{"https://notes.example/auth/callback"}})
	check(err)

	renewed, err := where.RotateSecret(ctx, client)
	check(err) // ErrNotRotated where the IdP keeps the secret
	fmt.Println(renewed.ID == client.ID, renewed.Secret == client.Secret)
	fmt.Println(where.Delete(ctx, renewed))
	// Output:
	// true false
	// <nil>
}

func exampleIdP() (*memnet.Net, *idpmock.IDP) {
	network := memnet.New()
	idp, err := idpmock.New(idpmock.Config{Issuer: "https://idp.example", SigningAlg: "ES256",
		HTTPClient: network.Client(),
		Registration: &idpmock.Registration{InitialToken: "from-the-administrator", RotateSecrets: true,
			Drops: []string{"logo_uri"}}})
	check(err)
	_, err = network.Serve("idp.example", idp.Handler())
	check(err)
	return network, idp
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
