package rp_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"strings"

	"github.com/gorilla/sessions"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/internal/exampletest"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
)

// ada is staff, and bob is not; whatever else the IdP knows, it tells at userinfo only.
func startStaff() *exampletest.World {
	world := exampletest.Start()
	err := world.IDP.Update(func(c *idpmock.Config) {
		c.Users = []idpmock.User{
			{Username: "ada", Claims: map[string]any{"email": "ada@example.com",
				"groups": []string{"staff", "editors"}}},
			{Username: "bob", Claims: map[string]any{"email": "bob@elsewhere.example"}},
		}
		c.Temperament.ProfileAtUserinfo = true
	})
	if err != nil {
		log.Fatal(err)
	}
	return world
}

// UserinfoClaims is for IdPs that put names, mail and groups at the userinfo endpoint.
func ExampleConfig_userinfoClaims() {
	world := startStaff()
	defer world.Close()
	auth := startNotes(world, func(c *rp.Config) { c.UserinfoClaims = true }, func(*rp.RelyingParty) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			var claims struct{ Email string }
			if err := rp.FromContext(r.Context()).Claims(&claims); err != nil {
				http.Error(w, "the IdP has other claims than this app needs", http.StatusInternalServerError)
				return
			}
			fmt.Fprint(w, claims.Email)
		}
	})
	defer auth.Close()
	fmt.Println(world.Person("ada").Visit("/"))
	// Output: ada@example.com
}

// RequireClaim lets only those in whose claim says so. Config.Forbidden is what the others
// see; without it they see a page that offers another account.
func ExampleRequireClaim() {
	world := startStaff()
	defer world.Close()
	config := exampleConfig(world)
	config.UserinfoClaims = true
	config.Forbidden = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, "Editors only, %s.", rp.FromContext(r.Context()).Subject())
	})
	auth, err := rp.New(context.Background(), config)
	if err != nil {
		log.Fatal(err)
	}
	defer auth.Close()
	edit := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "the editor") })
	web := nethttpadapter.New(auth)
	mux := http.NewServeMux()
	mux.Handle("/auth/", web.Endpoints())
	mux.Handle("/edit", web.RequireLogin(edit, rp.RequireClaim("groups", "editors", "admins")))
	world.Serve("notes.example", mux)
	fmt.Println(world.Person("ada").Visit("/edit"))
	fmt.Println(world.Person("bob").Visit("/edit"))
	// Output:
	// the editor
	// Editors only, bob.
}

// HasClaim is for what a page shows, and for rules of one's own.
func ExampleSession_HasClaim() {
	world := startStaff()
	defer world.Close()
	auth := startNotes(world, func(c *rp.Config) {
		c.UserinfoClaims = true
	}, func(auth *rp.RelyingParty) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			session := rp.FromContext(r.Context())
			if r.URL.Path == "/editors" && !session.HasClaim("groups", "editors") {
				auth.Answer(r, rp.ErrForbidden).Write(w)
				return
			}
			fmt.Fprint(w, "editor: ", session.HasClaim("groups", "editors", "admins"))
		}
	})
	defer auth.Close()
	fmt.Println(world.Person("ada").Visit("/"))
	fmt.Println(world.Person("bob").Visit("/"))
	// Output:
	// editor: true
	// editor: false
}

// OnLogin sees each log-in before its session begins: here it writes the person's row, and
// takes over what the visitor had in the cart.
func ExampleLogin() {
	world := startStaff()
	defer world.Close()
	people := map[string]int{} // a table of the app's
	auth := startShop(world, func(c *rp.Config) {
		c.VisitorValues = sessions.NewCookieStore([]byte("32 random bytes of the app's own"))
		c.OnLogin = func(_ http.ResponseWriter, _ *http.Request, login *rp.Login) error {
			people[login.Issuer()+" "+login.Subject()]++
			return login.CarryOver("cart")
		}
	})
	defer auth.Close()
	ada := world.Person("ada")
	fmt.Println(ada.Visit("/shop?add=book"))
	fmt.Println(ada.Visit("/shop/pay?add=pen")) // this page needs a log-in
	fmt.Println(people)
	// Output:
	// visitor: 1 in the cart
	// ada: 2 in the cart
	// map[https://idp.example ada:1]
}

// startShop is an app with the cart of a visitor at /shop, and of a person at /shop/pay.
func startShop(world *exampletest.World, change func(*rp.Config)) *rp.RelyingParty {
	config := exampleConfig(world)
	change(&config)
	auth, err := rp.New(context.Background(), config)
	if err != nil {
		log.Fatal(err)
	}
	values := auth.Values()
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cart, err := values.Get(r, "cart") // the visitor's, or the session's
		if err != nil {
			auth.Answer(r, err).Write(w)
			return
		}
		cart.Values[r.URL.Query().Get("add")] = 1
		if err := cart.Save(r, w); err != nil {
			auth.Answer(r, err).Write(w)
			return
		}
		who := "visitor"
		if session := rp.FromContext(r.Context()); session != nil {
			who = session.Subject()
		}
		fmt.Fprintf(w, "%s: %d in the cart", who, len(cart.Values))
	})
	web := nethttpadapter.New(auth)
	mux := http.NewServeMux()
	mux.Handle("/auth/", web.Endpoints())
	mux.Handle("/shop", web.OptionalLogin(page))
	mux.Handle("/shop/pay", web.RequireLogin(page))
	world.Serve("notes.example", mux)
	return auth
}

// A log-in is refused with the app's own page, which offers another account, or with a
// LoginError, whose page does so by itself. The person stays logged in as before.
func ExampleLogin_refuse() {
	world := startStaff()
	defer world.Close()
	auth := startNotes(world, func(c *rp.Config) {
		c.UserinfoClaims = true
		c.OnLogin = func(w http.ResponseWriter, _ *http.Request, login *rp.Login) error {
			var claims struct{ Email string }
			if err := login.Claims(&claims); err != nil {
				return err // a page says that the log-in failed, the log why
			}
			if strings.HasSuffix(claims.Email, "@example.com") {
				return nil
			}
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, `<p>Staff only.</p> <a href="%s">Use another account</a>`, login.OtherAccount())
			return rp.ErrRefused
		}
	}, welcome)
	defer auth.Close()
	fmt.Println(world.Person("ada").Visit("/"))
	page, _, _ := strings.Cut(world.Person("bob").Visit("/"), "?")
	fmt.Println(page)
	// Output:
	// welcome
	// <p>Staff only.</p> <a href="/auth/login
}
