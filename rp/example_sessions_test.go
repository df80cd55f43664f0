package rp_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/tandem-sso/tandem/internal/exampletest"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// A page on which people see where they are logged in, and leave everywhere else.
func ExampleSession_EndOthers() {
	page := func(w http.ResponseWriter, r *http.Request) {
		session := rp.FromContext(r.Context())
		mine, err := session.List(r.Context())
		if err != nil {
			http.Error(w, "try again", http.StatusServiceUnavailable)
			return
		}
		fmt.Println("logged in", len(mine), "times")
		n, err := session.EndOthers(r.Context())
		if err != nil {
			http.Error(w, "try again", http.StatusServiceUnavailable)
			return
		}
		fmt.Println("ended", n)
	}
	world := exampletest.Start()
	defer world.Close()
	auth, err := rp.New(context.Background(), rp.Config{
		Issuer: issuer, ClientID: "notes", ClientSecret: "s3cret", BaseURL: base, IDTokenAlg: "ES256",
		Keys:  rp.Keys{rp.NewKey()},
		Store: memstore.New(memstore.Options{}), HTTPClient: world.Client(), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer auth.Close()
	web := nethttpadapter.New(auth)
	mux := http.NewServeMux()
	mux.Handle("/auth/", web.Endpoints())
	mux.Handle("/account", web.RequireLogin(http.HandlerFunc(page)))
	world.Serve("notes.example", mux)

	phone, laptop := world.Person("ada"), world.Person("ada")
	phone.Visit("/auth/login")
	laptop.Visit("/account")
	fmt.Println(phone.Hop("/account").Status, phone.Fetch("GET", "/auth/session").Status)
	// Output:
	// logged in 2 times
	// ended 1
	// 302 200
}
