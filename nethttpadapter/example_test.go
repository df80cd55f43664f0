package nethttpadapter_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/internal/exampletest"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

func home(w http.ResponseWriter, r *http.Request) {
	session := rp.FromContext(r.Context())
	fmt.Fprintf(w, "Hello %s", session.Subject())
}

func feed(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "news for %s, polled by a %s request", rp.FromContext(r.Context()).Subject(),
		rp.FromContext(r.Context()).Class())
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

func notes(world *exampletest.World) *rp.RelyingParty {
	auth, err := rp.New(context.Background(), rp.Config{
		Issuer: "https://idp.example", ClientID: "notes", ClientSecret: "s3cret", BaseURL: "https://notes.example",
		Keys: rp.Keys{rp.NewKey()}, Store: memstore.New(memstore.Options{}), IDTokenAlg: "ES256",
		HTTPClient: world.Client(),
	})
	if err != nil {
		log.Fatal(err)
	}
	return auth
}

// A public page that shows who is logged in.
func ExampleAdapter_OptionalLogin() {
	world := exampletest.Start()
	defer world.Close()
	auth := notes(world) // rp.New, as in the example of the package
	defer auth.Close()

	web := nethttpadapter.New(auth)
	mux := http.NewServeMux()
	mux.Handle("/auth/", web.Endpoints())
	mux.Handle("/", web.RequireLogin(http.HandlerFunc(home)))
	mux.Handle("/shop", web.OptionalLogin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if session := rp.FromContext(r.Context()); session != nil {
			fmt.Fprintf(w, "Hello %s, here is the shop", session.Subject())
			return
		}
		fmt.Fprint(w, "Here is the shop")
	})))

	world.Serve("notes.example", mux)
	ada := world.Person("ada")
	fmt.Println(ada.Visit("/shop"))
	ada.Visit("/") // logs in
	fmt.Println(ada.Visit("/shop"))
	// Output:
	// Here is the shop
	// Hello ada, here is the shop
}

// A route that wants a log-in of the last five minutes, and a link to another account.
func ExampleAdapter_RequireLogin_maxAge() {
	world := exampletest.Start()
	defer world.Close()
	auth := notes(world) // rp.New, as in the example of the package
	defer auth.Close()

	web := nethttpadapter.New(auth)
	mux := http.NewServeMux()
	mux.Handle("/auth/", web.Endpoints())
	mux.Handle("/transfer", web.RequireLogin(http.HandlerFunc(home), rp.MaxAge(5*time.Minute)))
	mux.Handle("GET /switch", web.Login(rp.LoginParam("prompt", "select_account")))

	world.Serve("notes.example", mux)
	fmt.Println(world.Person("ada").Visit("/transfer"))
	// Output: Hello ada
}

// Beside a pattern such as "GET /" ServeMux panics at "/auth/"; with the two methods that
// the endpoints use it does not. Only the app's own pages are guarded against CSRF.
func ExampleAdapter_Endpoints() {
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

	guard := http.NewCrossOriginProtection().Handler // or gorilla/csrf, or your own
	mux := http.NewServeMux()
	mux.Handle("GET /auth/", web.Endpoints())
	mux.Handle("POST /auth/", web.Endpoints())
	mux.Handle("GET /", guard(web.RequireLogin(http.HandlerFunc(home))))
	world.Serve("notes.example", mux)

	fmt.Println(world.Person("ada").Visit("/"))
	// Output: Hello ada
}
