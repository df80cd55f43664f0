// Several tenants, each with a host name and an IdP of its own, in one program with one store.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"sync/atomic"
	"time"

	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// tenant is what the operator says of one.
type tenant struct {
	Name         string
	BaseURL      string
	Issuer       string
	ClientID     string
	ClientSecret rp.Secret // prints as [redacted]
}

func main() {
	keys, err := rp.ParseKeys(os.Getenv("KEY"))
	if err != nil {
		log.Fatal(err)
	}
	var tenants []tenant
	if err := json.Unmarshal([]byte(os.Getenv("TENANTS")), &tenants); err != nil {
		log.Fatal("TENANTS is not a JSON list: ", err)
	}

	// One store for all: in it each relying party finds only what is its own.
	store := memstore.New(memstore.Options{})
	hosts := map[string]http.Handler{}
	for _, t := range tenants {
		base, err := url.Parse(t.BaseURL)
		if err != nil {
			log.Fatal(err)
		}
		hosts[base.Host] = open(t, rp.Config{
			Issuer:       t.Issuer,
			ClientID:     t.ClientID,
			ClientSecret: t.ClientSecret,
			BaseURL:      t.BaseURL,
			Keys:         keys,
			Store:        store,
		})
	}
	log.Fatal(http.ListenAndServe(os.Getenv("LISTEN"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		app := hosts[r.Host]
		if app == nil {
			http.Error(w, "no such tenant", http.StatusMisdirectedRequest)
			return
		}
		app.ServeHTTP(w, r)
	})))
}

// open serves a tenant from when its IdP has answered for the first time. That of one tenant
// may be down when the program starts, and must not keep the others waiting.
func open(t tenant, config rp.Config) http.Handler {
	var ready atomic.Pointer[http.Handler]
	go func() { // until it has succeeded
		for {
			auth, err := rp.New(context.Background(), config)
			if err == nil {
				app := t.app(auth)
				ready.Store(&app)
				return
			}
			if fault := (*rp.ConfigError)(nil); errors.As(err, &fault) {
				log.Fatal(t.Name, ": ", err) // waiting does not cure it
			}
			log.Print(t.Name, ": ", err)
			time.Sleep(5 * time.Second)
		}
	}()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if app := ready.Load(); app != nil {
			(*app).ServeHTTP(w, r)
			return
		}
		w.Header().Set("Retry-After", "5")
		http.Error(w, "the log-in service does not answer yet", http.StatusServiceUnavailable)
	})
}

// app is what a tenant's people see.
func (t tenant) app(auth *rp.RelyingParty) http.Handler {
	web := nethttpadapter.New(auth)
	mux := http.NewServeMux()
	mux.Handle("/auth/", web.Endpoints())
	mux.Handle("/", web.RequireLogin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session := rp.FromContext(r.Context())
		// The same Subject may be two people at two issuers: in a database, both are the key.
		fmt.Fprintf(w, "%s: hello %s of %s", t.Name, session.Subject(), session.Issuer())
	})))
	return mux
}
