package rp_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/cookiejar"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/memnet"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// A page on which people see where they are logged in, and leave everywhere else.
func ExampleSession_EndOthers() {
	page := func(w http.ResponseWriter, r *http.Request) {
		session := rp.FromContext(r.Context())
		mine, err := session.List(r.Context())
		if err != nil {
			http.Error(w, "try again", http.StatusServiceUnavailable)
			return
		}
		fmt.Println("logged in", len(mine), "times")
		n, err := session.EndOthers(r.Context())
		if err != nil {
			http.Error(w, "try again", http.StatusServiceUnavailable)
			return
		}
		fmt.Println("ended", n)
	}
	app := startExample(page)
	defer app.close()
	phone, laptop := app.signIn("ada"), app.signIn("ada")
	fmt.Println(statusOf(laptop, "/account"), statusOf(phone, "/auth/session"))
	// Output:
	// logged in 2 times
	// ended 1
	// 200 OK 200 OK
}

// exampleApp is an IdP and an app in memory.
type exampleApp struct {
	net   *memnet.Net
	idp   *idpmock.IDP
	close func()
}

func startExample(account http.HandlerFunc) *exampleApp {
	e := &exampleApp{net: memnet.New()}
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	var err error
	e.idp, err = idpmock.New(idpmock.Config{Issuer: issuer, SigningAlg: "ES256", HTTPClient: e.net.Client(), Clients: []idpmock.Client{{
		ID: "notes", Secret: "s3cret", RedirectURIs: []string{base + "/auth/callback"}, RefreshTokens: true,
	}}})
	must(err)
	stopIDP, err := e.net.Serve("idp.example", e.idp.Handler())
	must(err)
	auth, err := rp.New(context.Background(), rp.Config{
		Issuer: issuer, ClientID: "notes", ClientSecret: "s3cret", BaseURL: base, IDTokenAlg: "ES256", Keys: rp.Keys{rp.NewKey()},
		Store: memstore.New(memstore.Options{}), HTTPClient: e.net.Client(), Logger: slog.New(slog.DiscardHandler),
	})
	must(err)
	web := nethttpadapter.New(auth)
	mux := http.NewServeMux()
	mux.Handle("/auth/", web.Endpoints())
	mux.Handle("/account", web.RequireLogin(account))
	stopApp, err := e.net.Serve("notes.example", mux)
	must(err)
	e.close = func() {
		stopApp()
		must(auth.Close())
		e.idp.Close()
		stopIDP()
		e.net.Close()
	}
	return e
}

func (e *exampleApp) signIn(user string) *http.Client {
	c := e.net.Client()
	c.Jar, _ = cookiejar.New(nil)
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := c.Get(base + "/auth/login")
	if err != nil {
		panic(err)
	}
	resp.Body.Close()
	callback, err := e.idp.Browser(user).Authorize(context.Background(), resp.Header.Get("Location"))
	if err != nil {
		panic(err)
	}
	resp, err = c.Get(callback)
	if err != nil {
		panic(err)
	}
	resp.Body.Close()
	return c
}

func statusOf(c *http.Client, path string) string {
	resp, err := c.Get(base + path)
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	return resp.Status
}
