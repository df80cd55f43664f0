// A list of things to do, with templ, htmx, gorilla/sessions and a log-in by go-oidc.
package main

import (
	"context"
	"crypto/rand"
	"log"
	"net/http"
	"os"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/gorilla/sessions"
	"golang.org/x/oauth2"
)

type list struct {
	sessions sessions.Store
}

type login struct {
	*list
	verifier *oidc.IDTokenVerifier
	oauth    oauth2.Config
}

// person is what the app wants to know of somebody.
type person struct {
	Name string `json:"name"`
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
	l := &list{store}
	in := &login{list: l, verifier: provider.Verifier(&oidc.Config{ClientID: oauth.ClientID}), oauth: oauth}

	mux := http.NewServeMux()
	mux.Handle("/static/", http.FileServer(http.Dir("."))) // htmx.min.js of htmx.org belongs there
	mux.HandleFunc("/login", in.start)
	mux.HandleFunc("/callback", in.finish)
	mux.HandleFunc("/logout", in.out)
	mux.Handle("/", in.require(http.HandlerFunc(l.show)))
	mux.Handle("/add", in.require(http.HandlerFunc(l.add)))
	mux.Handle("/count", in.require(http.HandlerFunc(l.count)))
	log.Fatal(http.ListenAndServe(os.Getenv("LISTEN"), mux))
}

func (l *login) start(w http.ResponseWriter, r *http.Request) {
	session, _ := l.sessions.Get(r, "list")
	state, nonce, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	session.Values["state"], session.Values["nonce"], session.Values["verifier"] = state, nonce, verifier
	if err := session.Save(r, w); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	http.Redirect(w, r, l.oauth.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)),
		http.StatusFound)
}

func (l *login) finish(w http.ResponseWriter, r *http.Request) {
	session, _ := l.sessions.Get(r, "list")
	state, _ := session.Values["state"].(string)
	if state == "" || r.FormValue("state") != state {
		http.Error(w, "the log-in is not of this browser", http.StatusBadRequest)
		return
	}
	verifier, _ := session.Values["verifier"].(string)
	token, err := l.oauth.Exchange(r.Context(), r.FormValue("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		http.Error(w, "the log-in has failed", http.StatusBadGateway)
		return
	}
	raw, _ := token.Extra("id_token").(string)
	idToken, err := l.verifier.Verify(r.Context(), raw)
	if err != nil || idToken.Nonce != session.Values["nonce"] {
		http.Error(w, "the log-in has failed", http.StatusBadGateway)
		return
	}
	var who person
	if err := idToken.Claims(&who); err != nil {
		http.Error(w, "the log-in has failed", http.StatusBadGateway)
		return
	}
	delete(session.Values, "state")
	delete(session.Values, "nonce")
	delete(session.Values, "verifier")
	session.Values["name"] = who.Name
	if err := session.Save(r, w); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	http.Redirect(w, r, "/", http.StatusFound)
}

func (l *login) out(w http.ResponseWriter, r *http.Request) {
	session, _ := l.sessions.Get(r, "list")
	session.Options.MaxAge = -1
	if err := session.Save(r, w); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (l *login) require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, _ := l.sessions.Get(r, "list")
		switch {
		case session.Values["name"] != nil:
			next.ServeHTTP(w, r)
		case r.Header.Get("HX-Request") != "": // htmx would put the IdP's page into the list
			w.Header().Set("HX-Redirect", "/login")
			w.WriteHeader(http.StatusUnauthorized)
		default:
			http.Redirect(w, r, "/login", http.StatusFound)
		}
	})
}

func (l *list) show(w http.ResponseWriter, r *http.Request) {
	session, _ := l.sessions.Get(r, "list")
	name, _ := session.Values["name"].(string)
	things, _ := session.Values["things"].([]string)
	if err := page(name, things).Render(r.Context(), w); err != nil {
		log.Print(err)
	}
}

func (l *list) add(w http.ResponseWriter, r *http.Request) {
	session, _ := l.sessions.Get(r, "list")
	things, _ := session.Values["things"].([]string)
	session.Values["things"] = append(things, r.FormValue("thing"))
	if err := session.Save(r, w); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if err := row(r.FormValue("thing")).Render(r.Context(), w); err != nil {
		log.Print(err)
	}
}

// count is what the page asks for every few seconds.
func (l *list) count(w http.ResponseWriter, r *http.Request) {
	session, _ := l.sessions.Get(r, "list")
	things, _ := session.Values["things"].([]string)
	if err := number(len(things)).Render(r.Context(), w); err != nil {
		log.Print(err)
	}
}
