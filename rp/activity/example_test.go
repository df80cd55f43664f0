package activity_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/tandem-sso/tandem/internal/exampletest"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/activity"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// poll is a middleware for routes that a page calls by itself. It is for a framework that has
// no adapter of its own.
func poll(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(activity.Mark(r.Context(), activity.Passive)))
	})
}

// Mark marks the requests of a route.
func ExampleMark() {
	world := exampletest.Start()
	defer world.Close()
	auth, err := rp.New(context.Background(), rp.Config{
		Issuer: "https://idp.example", ClientID: "notes", ClientSecret: "s3cret", BaseURL: "https://notes.example",
		Keys: rp.Keys{rp.NewKey()}, Store: memstore.New(memstore.Options{}), IDTokenAlg: "ES256",
		HTTPClient: world.Client(),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer auth.Close()

	web := nethttpadapter.New(auth)
	page := web.RequireLogin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, rp.FromContext(r.Context()).Class())
	}))
	mux := http.NewServeMux()
	mux.Handle("/auth/", web.Endpoints())
	mux.Handle("/", page)
	mux.Handle("/feed", poll(page))
	world.Serve("notes.example", mux)

	ada := world.Person("ada")
	fmt.Println(ada.Visit("/"))
	fmt.Println(ada.Visit("/feed"))
	// Output:
	// active
	// passive
}
