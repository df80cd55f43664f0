// Notes on net/http's ServeMux, with scs and a log-in by Tandem. nginx serves it below /notes/,
// and takes that path away: see ../nginx.conf.
package main

import (
	"context"
	_ "embed"
	"html/template"
	"log"
	"net/http"
	"net/url"
	"os"

	"github.com/alexedwards/scs/v2"

	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

//go:embed page.html
var page string

var pages = template.Must(template.New("page").Parse(page))

type notes struct {
	base     string // where browsers find the app: /notes
	sessions *scs.SessionManager
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
	keys, err := rp.ParseKeys(os.Getenv("KEY"))
	if err != nil {
		log.Fatal(err)
	}
	auth, err := rp.New(context.Background(), rp.Config{
		Issuer:       os.Getenv("ISSUER"),
		ClientID:     os.Getenv("CLIENT_ID"),
		ClientSecret: rp.Secret(os.Getenv("CLIENT_SECRET")),
		BaseURL:      base.String(), // with /notes: the cookie and all addresses are below it
		Scopes:       []string{"openid", "profile"},
		Keys:         keys,
		Store:        memstore.New(memstore.Options{}), // more than one instance: redisstore or pgstore
		OnLogin:      n.welcome,
	})
	if err != nil {
		log.Fatal(err)
	}
	web := nethttpadapter.New(auth)

	private := http.NewServeMux()
	private.HandleFunc("GET /{$}", n.home)
	private.HandleFunc("POST /add", n.add)

	mux := http.NewServeMux()
	mux.Handle("/auth/", web.Endpoints())
	mux.Handle("/", web.RequireLogin(private))
	log.Fatal(http.ListenAndServe(os.Getenv("LISTEN"), sessions.LoadAndSave(mux)))
}

// welcome makes the values those of the person who logs in. The same person finds them again,
// another one in the same browser starts without any.
func (n *notes) welcome(_ http.ResponseWriter, r *http.Request, l *rp.Login) error {
	if n.sessions.GetString(r.Context(), "subject") != l.Subject() {
		if err := n.sessions.Clear(r.Context()); err != nil {
			return err
		}
	}
	var who person
	if err := l.Claims(&who); err != nil {
		return err
	}
	n.sessions.Put(r.Context(), "subject", l.Subject())
	n.sessions.Put(r.Context(), "name", who.Name)
	n.sessions.Put(r.Context(), "flash", "Welcome back.")
	return n.sessions.RenewToken(r.Context())
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
