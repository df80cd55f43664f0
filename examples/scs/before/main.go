// Notes on net/http's ServeMux, with scs and a log-in by go-oidc. nginx serves it below /notes/,
// and takes that path away: see ../nginx.conf.
package main

import (
	"context"
	"crypto/rand"
	_ "embed"
	"html/template"
	"log"
	"net/http"
	"net/url"
	"os"

	"github.com/alexedwards/scs/v2"
	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

//go:embed page.html
var page string

var pages = template.Must(template.New("page").Parse(page))

type notes struct {
	base     string // where browsers find the app: /notes
	sessions *scs.SessionManager
}

type login struct {
	*notes
	verifier *oidc.IDTokenVerifier
	oauth    oauth2.Config
}

// person is what the app wants to know of somebody.
type person struct {
	Name string `json:"name"`
}

func main() {
	base, err := url.Parse(os.Getenv("BASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	sessions := scs.New()
	sessions.Cookie.Secure = true
	sessions.Cookie.Path = base.Path
	n := &notes{base: base.Path, sessions: sessions}
	provider, err := oidc.NewProvider(context.Background(), os.Getenv("ISSUER"))
	if err != nil {
		log.Fatal(err)
	}
	oauth := oauth2.Config{
		ClientID:     os.Getenv("CLIENT_ID"),
		ClientSecret: os.Getenv("CLIENT_SECRET"),
		Endpoint:     provider.Endpoint(),
		RedirectURL:  base.JoinPath("callback").String(),
		Scopes:       []string{"openid", "profile"},
	}
	l := &login{notes: n, verifier: provider.Verifier(&oidc.Config{ClientID: oauth.ClientID}), oauth: oauth}

	private := http.NewServeMux()
	private.HandleFunc("GET /{$}", n.home)
	private.HandleFunc("POST /add", n.add)

	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", l.start)
	mux.HandleFunc("GET /callback", l.finish)
	mux.HandleFunc("POST /logout", l.out)
	mux.Handle("/", l.require(private))
	log.Fatal(http.ListenAndServe(os.Getenv("LISTEN"), sessions.LoadAndSave(mux)))
}

func (n *login) start(w http.ResponseWriter, r *http.Request) {
	state, nonce, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	n.sessions.Put(r.Context(), "state", state)
	n.sessions.Put(r.Context(), "nonce", nonce)
	n.sessions.Put(r.Context(), "verifier", verifier)
	http.Redirect(w, r, n.oauth.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)),
		http.StatusFound)
}

func (n *login) finish(w http.ResponseWriter, r *http.Request) {
	if state := n.sessions.PopString(r.Context(), "state"); state == "" || r.FormValue("state") != state {
		http.Error(w, "the log-in is not of this browser", http.StatusBadRequest)
		return
	}
	verifier := n.sessions.PopString(r.Context(), "verifier")
	token, err := n.oauth.Exchange(r.Context(), r.FormValue("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		http.Error(w, "the log-in has failed", http.StatusBadGateway)
		return
	}
	raw, _ := token.Extra("id_token").(string)
	idToken, err := n.verifier.Verify(r.Context(), raw)
	if err != nil || idToken.Nonce != n.sessions.PopString(r.Context(), "nonce") {
		http.Error(w, "the log-in has failed", http.StatusBadGateway)
		return
	}
	var who person
	if err := idToken.Claims(&who); err != nil {
		http.Error(w, "the log-in has failed", http.StatusBadGateway)
		return
	}
	if err := n.sessions.RenewToken(r.Context()); err != nil {
		http.Error(w, "the log-in has failed", http.StatusInternalServerError)
		return
	}
	n.sessions.Put(r.Context(), "name", who.Name)
	n.sessions.Put(r.Context(), "flash", "Welcome back.")
	http.Redirect(w, r, n.base+"/", http.StatusFound)
}

func (n *login) out(w http.ResponseWriter, r *http.Request) {
	if err := n.sessions.Destroy(r.Context()); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	http.Redirect(w, r, n.base+"/", http.StatusSeeOther)
}

func (n *login) require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !n.sessions.Exists(r.Context(), "name") {
			http.Redirect(w, r, n.base+"/login", http.StatusFound)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (n *notes) home(w http.ResponseWriter, r *http.Request) {
	err := pages.Execute(w, map[string]any{
		"Base":  n.base,
		"Name":  n.sessions.GetString(r.Context(), "name"),
		"Flash": n.sessions.PopString(r.Context(), "flash"),
		"Notes": n.sessions.Get(r.Context(), "notes"),
	})
	if err != nil {
		log.Print(err)
	}
}

func (n *notes) add(w http.ResponseWriter, r *http.Request) {
	list, _ := n.sessions.Get(r.Context(), "notes").([]string)
	n.sessions.Put(r.Context(), "notes", append(list, r.FormValue("note")))
	http.Redirect(w, r, n.base+"/", http.StatusSeeOther)
}
