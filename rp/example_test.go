package rp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"

	"github.com/tandem-sso/tandem/internal/exampletest"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// exampleConfig is what the examples have in common.
func exampleConfig(world *exampletest.World) rp.Config {
	return rp.Config{
		Issuer: "https://idp.example", ClientID: "notes", ClientSecret: "s3cret", BaseURL: "https://notes.example",
		Keys: rp.Keys{rp.NewKey()}, Store: memstore.New(memstore.Options{}), IDTokenAlg: "ES256",
		HTTPClient: world.Client(),
	}
}

// A web application whose page is for who is logged in. README.md has it as a whole
// program against idp-mock; the world is that IdP, and a person with a browser.
func Example() {
	world := exampletest.Start()
	defer world.Close()
	auth, err := rp.New(context.Background(), exampleConfig(world)) // Issuer, ClientID, BaseURL, Keys, Store
	if err != nil {
		log.Fatal(err) // names the field and the cure
	}
	defer auth.Close()

	web := nethttpadapter.New(auth)
	mux := http.NewServeMux()
	mux.Handle("/auth/", web.Endpoints())
	mux.Handle("/", web.RequireLogin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "Hello %s", rp.FromContext(r.Context()).Subject())
	})))

	world.Serve("notes.example", mux)
	fmt.Println(world.Person("ada").Visit("/"))
	// Output: Hello ada
}

// Wrong configuration stops New before anything is asked of the network, all
// faults at once, each with its field and the cure.
func ExampleNew_wrongConfiguration() {
	_, err := rp.New(context.Background(), rp.Config{Issuer: "http://login.example.com", ClientID: "notes",
		BaseURL: "https://notes.example.com",
		Keys:    rp.Keys{rp.NewKey()}, Store: memstore.New(memstore.Options{}), IDTokenAlg: "none"})
	var fault *rp.ConfigError
	if errors.As(err, &fault) {
		fmt.Println(fault.Field)
	}
	fmt.Println(err)
	// Output:
	// Issuer
	// rp: Config.Issuer: is "http://login.example.com"; use https (http is for loopback; InsecureAllowHTTP permits it elsewhere)
	// rp: Config.IDTokenAlg: is "none"; use one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA
}

// Client calls the APIs that Config.APIs names: the token, its renewal and a 401
// are handled, and no other host ever sees the token.
func ExampleSession_Client() {
	world := exampletest.Start()
	defer world.Close()
	world.Serve("api.example", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "a token came along: ", r.Header.Get("Authorization") != "")
	}))

	config := exampleConfig(world)
	config.APIs = []rp.API{{Origin: "https://api.example"}}
	auth, err := rp.New(context.Background(), config)
	if err != nil {
		log.Fatal(err)
	}
	defer auth.Close()

	web := nethttpadapter.New(auth)
	mux := http.NewServeMux()
	mux.Handle("/auth/", web.Endpoints())
	mux.Handle("/", web.RequireLogin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session := rp.FromContext(r.Context())
		resp, err := session.Client().Get("https://api.example/notes")
		if err != nil { // *rp.EndedError, *rp.UnavailableError, *rp.APIError or the network
			auth.Answer(r, err).Write(w)
			return
		}
		defer resp.Body.Close()
		fmt.Fprint(w, "the API answered: ")
		_, _ = io.Copy(w, resp.Body)
	})))

	world.Serve("notes.example", mux)
	fmt.Println(world.Person("ada").Visit("/"))
	// Output: the API answered: a token came along: true
}

// Events tell once for each session why it ended, wherever that was noticed.
func ExampleConfig_events() {
	world := exampletest.Start()
	defer world.Close()

	ended := make(chan event.End, 1)
	config := exampleConfig(world)
	config.Events.End = func(e event.End) { ended <- e }
	auth, err := rp.New(context.Background(), config)
	if err != nil {
		log.Fatal(err)
	}
	defer auth.Close()

	web := nethttpadapter.New(auth)
	mux := http.NewServeMux()
	mux.Handle("/auth/", web.Endpoints())
	mux.Handle("/", web.RequireLogin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "welcome")
	})))
	world.Serve("notes.example", mux)
	fmt.Println(world.Person("ada").Visit("/"))

	world.IDP.EndUser("ada") // an administrator at the IdP
	e := <-ended
	fmt.Println(e.Subject, e.Reason)
	// Output:
	// welcome
	// ada backchannel_logout
}

// A Secret does not print.
func ExampleSecret() {
	fmt.Printf("%v %q %+v\n", rp.Secret("s3cret"), rp.Secret("s3cret"), rp.Config{ClientSecret: "s3cret"}.ClientSecret)
	// Output: [redacted] [redacted] [redacted]
}
