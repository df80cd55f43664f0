package rp_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"

	"github.com/tandem-sso/tandem/internal/exampletest"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
)

// whose is an API that says whether the token is one it has not seen at the other APIs.
func whose(seen map[string]string, name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := r.Header.Get("Authorization")
		if owner, known := seen[token]; known && owner != name {
			fmt.Fprintf(w, "%s got the token of %s. ", name, owner)
			return
		}
		seen[token] = name
		fmt.Fprintf(w, "%s got a token of its own. ", name)
	})
}

// Each API gets a token of its own, by the way that the IdP wants: fetched when it is
// needed first, kept in the session, renewed by Client.
func ExampleAPI() {
	world := exampletest.Start()
	defer world.Close()
	seen := map[string]string{}
	world.Serve("photos.example", whose(seen, "photos"))
	world.Serve("mail.example", whose(seen, "mail"))
	world.Serve("api.example", whose(seen, "api"))

	config := exampleConfig(world)
	config.APIs = []rp.API{
		{Origin: "https://api.example"},                                            // the access token of the log-in
		{Origin: "https://photos.example", Resource: "https://photos.example/api"}, // RFC 8707
		{Origin: "https://mail.example", Scopes: []string{"api://mail/send"}},      // Entra ID
	}
	auth, err := rp.New(context.Background(), config)
	if err != nil {
		log.Fatal(err)
	}
	defer auth.Close()

	web := nethttpadapter.New(auth)
	mux := http.NewServeMux()
	mux.Handle("/auth/", web.Endpoints())
	mux.Handle("/", web.RequireLogin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client := rp.FromContext(r.Context()).Client()
		for _, api := range []string{"https://api.example/", "https://photos.example/", "https://mail.example/"} {
			resp, err := client.Get(api)
			if err != nil { // of this call alone: the session and the other APIs go on
				auth.Answer(r, err).Write(w)
				return
			}
			_, _ = io.Copy(w, resp.Body)
			_ = resp.Body.Close()
		}
	})))
	world.Serve("notes.example", mux)
	fmt.Println(world.Person("ada").Visit("/"))
	// Output: api got a token of its own. photos got a token of its own. mail got a token of its own.
}

// gRPC and cloud clients take a TokenSource. For gRPC:
//
//	grpc.NewClient(address, grpc.WithPerRPCCredentials(
//		oauth.TokenSource{TokenSource: session.TokenSource(ctx, "https://mail.example")}))
func ExampleSession_TokenSource() {
	world := exampletest.Start()
	defer world.Close()
	config := exampleConfig(world)
	config.APIs = []rp.API{{Origin: "https://mail.example", Scopes: []string{"api://mail/send"}}}
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
		source := session.TokenSource(context.WithoutCancel(r.Context()), "https://mail.example")
		token, err := source.Token()
		if err != nil {
			auth.Answer(r, err).Write(w)
			return
		}
		fmt.Fprintln(w, token.Type(), token.Valid())

		_ = session.End(r.Context())
		_, err = source.Token()
		fmt.Fprint(w, err)
	})))
	world.Serve("notes.example", mux)
	fmt.Println(world.Person("ada").Visit("/"))
	// Output:
	// Bearer true
	// rp: session has ended: admin
}
