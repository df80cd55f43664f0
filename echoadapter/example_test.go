package echoadapter_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/tandem-sso/tandem/echoadapter"
	"github.com/tandem-sso/tandem/internal/exampletest"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

func home(c echo.Context) error {
	return c.String(http.StatusOK, "Hello "+echoadapter.Session(c).Subject())
}

func feed(c echo.Context) error {
	return c.String(http.StatusOK, fmt.Sprintf("polled by a %s request", echoadapter.Session(c).Class()))
}

// A whole program. The world around it is idp-mock and a person with a browser;
// without it HTTPClient, the IdP's ES256 and the last lines go away, and e.Start
// takes their place.
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

	web := echoadapter.New(auth)
	e := echo.New()
	web.Register(e.Group("/auth"))
	e.GET("/", home, web.RequireLogin())
	e.GET("/feed", feed, web.Passive(), web.RequireLogin()) // a poll: never keeps anybody signed in

	world.Serve("notes.example", e)
	ada := world.Person("ada")
	fmt.Println(ada.Visit("/"))
	fmt.Println(ada.Visit("/feed"))
	// Output:
	// Hello ada
	// polled by a passive request
}
