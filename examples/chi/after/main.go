// A shop on chi, with gorilla/sessions and a log-in by Tandem.
package main

import (
	"context"
	_ "embed"
	"html/template"
	"log"
	"net/http"
	"os"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/gorilla/sessions"

	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

//go:embed page.html
var page string

var pages = template.Must(template.New("page").Parse(page))

type shop struct {
	sessions sessions.Store
}

func main() {
	// The shop's own store stays, for visitors who are not logged in.
	store := sessions.NewCookieStore([]byte(os.Getenv("KEY")))
	store.Options = &sessions.Options{Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	keys, err := rp.ParseKeys(os.Getenv("KEY"))
	if err != nil {
		log.Fatal(err)
	}
	auth, err := rp.New(context.Background(), rp.Config{
		Issuer:        os.Getenv("ISSUER"),
		ClientID:      os.Getenv("CLIENT_ID"),
		ClientSecret:  rp.Secret(os.Getenv("CLIENT_SECRET")),
		BaseURL:       os.Getenv("BASE_URL"),
		Scopes:        []string{"openid", "profile"},
		Keys:          keys,
		Store:         memstore.New(memstore.Options{}), // more than one instance: redisstore or pgstore
		VisitorValues: store,
		// The cart of the visitor becomes that of the person who logs in.
		OnLogin: func(_ http.ResponseWriter, _ *http.Request, l *rp.Login) error { return l.CarryOver("shop") },
	})
	if err != nil {
		log.Fatal(err)
	}
	web := nethttpadapter.New(auth)
	s := &shop{
		// A gorilla store, too: its values are in the session itself, and end with it.
		sessions: auth.Values(),
	}

	r := chi.NewRouter()
	r.Use(middleware.Recoverer)
	r.Handle("/auth/*", web.Endpoints())
	r.With(web.OptionalLogin).Get("/", s.home)
	r.Post("/cart", s.add)
	r.Group(func(r chi.Router) {
		r.Use(func(next http.Handler) http.Handler { return web.RequireLogin(next) })
		r.Get("/checkout", s.checkout)
		r.Post("/order", s.order)
	})
	log.Fatal(http.ListenAndServe(os.Getenv("LISTEN"), r))
}

func (s *shop) name(r *http.Request) string {
	var claims struct {
		Name string `json:"name"`
	}
	if session := rp.FromContext(r.Context()); session != nil && session.Claims(&claims) != nil {
		return session.Subject()
	}
	return claims.Name
}

// home is public: who is not logged in has a cart, too.
func (s *shop) home(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, "home")
}

func (s *shop) add(w http.ResponseWriter, r *http.Request) {
	session, _ := s.sessions.Get(r, "shop")
	cart, _ := session.Values["cart"].([]string)
	session.Values["cart"] = append(cart, r.FormValue("item"))
	if err := session.Save(r, w); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *shop) checkout(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, "checkout")
}

func (s *shop) order(w http.ResponseWriter, r *http.Request) {
	session, _ := s.sessions.Get(r, "shop")
	delete(session.Values, "cart")
	session.AddFlash("Thank you for your order.")
	if err := session.Save(r, w); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	http.Redirect(w, r, "/checkout", http.StatusSeeOther)
}

func (s *shop) show(w http.ResponseWriter, r *http.Request, title string) {
	session, _ := s.sessions.Get(r, "shop")
	cart, _ := session.Values["cart"].([]string)
	flashes := session.Flashes()
	if len(flashes) > 0 {
		if err := session.Save(r, w); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	err := pages.Execute(w, map[string]any{"Title": title, "Name": s.name(r), "Cart": cart, "Flashes": flashes})
	if err != nil {
		log.Print(err)
	}
}
