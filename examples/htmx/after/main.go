// A list of things to do, with templ, htmx, gorilla/sessions and a log-in by Tandem.
package main

import (
	"context"
	"log"
	"net/http"
	"os"

	"github.com/gorilla/sessions"

	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

type list struct {
	sessions sessions.Store
}

// person is what the app wants to know of somebody.
type person struct {
	Name string `json:"name"`
}

func main() {
	keys, err := rp.ParseKeys(os.Getenv("KEY"))
	if err != nil {
		log.Fatal(err)
	}
	auth, err := rp.New(context.Background(), rp.Config{
		Issuer:       os.Getenv("ISSUER"),
		ClientID:     os.Getenv("CLIENT_ID"),
		ClientSecret: rp.Secret(os.Getenv("CLIENT_SECRET")),
		BaseURL:      os.Getenv("BASE_URL"),
		Scopes:       []string{"openid", "profile"},
		Keys:         keys,
		Store:        memstore.New(memstore.Options{}), // more than one instance: redisstore or pgstore
	})
	if err != nil {
		log.Fatal(err)
	}
	web := nethttpadapter.New(auth)
	l := &list{auth.Values()}

	mux := http.NewServeMux()
	mux.Handle("/static/", http.FileServer(http.Dir("."))) // htmx.min.js of htmx.org belongs there
	mux.Handle("/auth/", web.Endpoints())
	mux.Handle("/", web.RequireLogin(http.HandlerFunc(l.show)))
	mux.Handle("/add", web.RequireLogin(http.HandlerFunc(l.add)))
	// htmx sends a click and a poll alike. Without the mark an open page would keep its
	// session for ever.
	mux.Handle("/count", web.RequireLogin(web.Passive(http.HandlerFunc(l.count))))
	log.Fatal(http.ListenAndServe(os.Getenv("LISTEN"), mux))
}

func (l *list) show(w http.ResponseWriter, r *http.Request) {
	session, _ := l.sessions.Get(r, "list")
	var who person
	_ = rp.FromContext(r.Context()).Claims(&who) // who has no name is greeted without one
	things, _ := session.Values["things"].([]string)
	if err := page(who.Name, things).Render(r.Context(), w); err != nil {
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
