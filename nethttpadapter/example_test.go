package nethttpadapter_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/tandem-sso/tandem/internal/exampletest"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/memstore"
)

func home(w http.ResponseWriter, r *http.Request) {
	session := rp.FromContext(r.Context())
	fmt.Fprintf(w, "Hello %s", session.Subject())
}

func feed(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "news for %s, polled by a %s request", rp.FromContext(r.Context()).Subject(), rp.FromContext(r.Context()).Class())
}

// A whole program. The world around it is idp-mock and a person with a browser;
// without it HTTPClient, the IdP's ES256 and the last lines go away, and
// http.ListenAndServe takes their place.
func Example() {
	world := exampletest.Start()
	defer world.Close()

	auth, err := rp.New(context.Background(), rp.Config{
		Issuer:       "https://idp.example",
		ClientID:     "notes",
		ClientSecret: "s3cret", // rp.Secret(os.Getenv("CLIENT_SECRET"))
		BaseURL:      "https://notes.example",
		Keys:         rp.Keys{rp.NewKey()}, // rp.ParseKeys(os.Getenv("SEAL_KEYS"))
		Store:        memstore.New(memstore.Options{}),
		IDTokenAlg:   "ES256",
		HTTPClient:   world.Client(),
	})
	if err != nil {
		log.Fatal(err) // names the field and the cure
	}
	defer auth.Close()

	web := nethttpadapter.New(auth)
	mux := http.NewServeMux()
	mux.Handle("/auth/", web.Endpoints())
	mux.Handle("/", web.RequireLogin(http.HandlerFunc(home)))
	mux.Handle("/feed", web.RequireLogin(web.Passive(http.HandlerFunc(feed)))) // a poll: never keeps anybody signed in

	world.Serve("notes.example", mux)
	ada := world.Person("ada")
	fmt.Println(ada.Visit("/"))
	fmt.Println(ada.Visit("/feed"))
	// Output:
	// Hello ada
	// news for ada, polled by a passive request
}
