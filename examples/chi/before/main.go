// A shop on chi, with gorilla/sessions and a log-in by go-oidc.
package main

import (
	"context"
	"crypto/rand"
	_ "embed"
	"html/template"
	"log"
	"net/http"
	"os"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/gorilla/sessions"
	"golang.org/x/oauth2"
)

//go:embed page.html
var page string

var pages = template.Must(template.New("page").Parse(page))

type shop struct {
	sessions sessions.Store
	verifier *oidc.IDTokenVerifier
	oauth    oauth2.Config
}

func main() {
	store := sessions.NewCookieStore([]byte(os.Getenv("KEY")))
	store.Options = &sessions.Options{Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	provider, err := oidc.NewProvider(context.Background(), os.Getenv("ISSUER"))
	if err != nil {
		log.Fatal(err)
	}
	oauth := oauth2.Config{
		ClientID:     os.Getenv("CLIENT_ID"),
		ClientSecret: os.Getenv("CLIENT_SECRET"),
		Endpoint:     provider.Endpoint(),
		RedirectURL:  os.Getenv("BASE_URL") + "/callback",
		Scopes:       []string{"openid", "profile"},
	}
	s := &shop{
		sessions: store,
		verifier: provider.Verifier(&oidc.Config{ClientID: oauth.ClientID}),
		oauth:    oauth,
	}

	r := chi.NewRouter()
	r.Use(middleware.Recoverer)
	r.Get("/login", s.login)
	r.Get("/callback", s.callback)
	r.Post("/logout", s.logout)
	r.Get("/", s.home)
	r.Post("/cart", s.add)
	r.Group(func(r chi.Router) {
		r.Use(s.requireLogin)
		r.Get("/checkout", s.checkout)
		r.Post("/order", s.order)
	})
	log.Fatal(http.ListenAndServe(os.Getenv("LISTEN"), r))
}

func (s *shop) login(w http.ResponseWriter, r *http.Request) {
	session, _ := s.sessions.Get(r, "shop")
	state, nonce, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	session.Values["state"], session.Values["nonce"], session.Values["verifier"] = state, nonce, verifier
	if err := session.Save(r, w); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	http.Redirect(w, r, s.oauth.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)),
		http.StatusFound)
}

func (s *shop) callback(w http.ResponseWriter, r *http.Request) {
	session, _ := s.sessions.Get(r, "shop")
	state, _ := session.Values["state"].(string)
	if state == "" || r.FormValue("state") != state {
		http.Error(w, "the log-in is not of this browser", http.StatusBadRequest)
		return
	}
	verifier, _ := session.Values["verifier"].(string)
	token, err := s.oauth.Exchange(r.Context(), r.FormValue("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		http.Error(w, "the log-in has failed", http.StatusBadGateway)
		return
	}
	raw, _ := token.Extra("id_token").(string)
	idToken, err := s.verifier.Verify(r.Context(), raw)
	if err != nil || idToken.Nonce != session.Values["nonce"] {
		http.Error(w, "the log-in has failed", http.StatusBadGateway)
		return
	}
	var claims struct {
		Name string `json:"name"`
	}
	if err := idToken.Claims(&claims); err != nil {
		http.Error(w, "the log-in has failed", http.StatusBadGateway)
		return
	}
	delete(session.Values, "state")
	delete(session.Values, "nonce")
	delete(session.Values, "verifier")
	session.Values["name"] = claims.Name
	if err := session.Save(r, w); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	http.Redirect(w, r, "/checkout", http.StatusFound)
}

func (s *shop) logout(w http.ResponseWriter, r *http.Request) {
	session, _ := s.sessions.Get(r, "shop")
	session.Options.MaxAge = -1
	if err := session.Save(r, w); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *shop) requireLogin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.name(r) == "" {
			http.Redirect(w, r, "/login", http.StatusFound)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *shop) name(r *http.Request) string {
	session, _ := s.sessions.Get(r, "shop")
	name, _ := session.Values["name"].(string)
	return name
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
