// Package exampletest is the world around the runnable examples: idp-mock, and a
// person with a browser. A real program needs none of it.
package exampletest

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/memnet"
)

// World is an IdP at https://idp.example with the client "notes", on a network in
// memory.
type World struct {
	IDP *idpmock.IDP
	net *memnet.Net
	end []func()
}

// Start starts the IdP.
func Start() *World {
	n := memnet.New()
	idp, err := idpmock.New(idpmock.Config{
		Issuer: "https://idp.example", SigningAlg: "ES256", HTTPClient: n.Client(), CoordinateClientLifetimes: true,
		APIs: []idpmock.API{{Audience: "https://photos.example/api"}, {Audience: "api://mail", Scopes: []string{"send"}}},
		Clients: []idpmock.Client{{
			ID: "notes", Secret: "s3cret", RefreshTokens: true, RedirectURIs: []string{"https://notes.example/auth/callback"},
			BackchannelLogoutURI: "https://notes.example/auth/backchannel-logout",
		}},
	})
	if err != nil {
		panic(err)
	}
	w := &World{IDP: idp, net: n}
	w.Serve("idp.example", idp.Handler())
	return w
}

// Client reaches the IdP and everything that is served here.
func (w *World) Client() *http.Client { return w.net.Client() }

// Serve answers at https://host.
func (w *World) Serve(host string, h http.Handler) {
	stop, err := w.net.Serve(host, h)
	if err != nil {
		panic(err)
	}
	w.end = append(w.end, stop)
}

// Close stops everything.
func (w *World) Close() {
	w.IDP.Close()
	for _, stop := range w.end {
		stop()
	}
	w.net.Close()
}

// Person is somebody with a browser in front of https://notes.example.
type Person struct {
	world *World
	http  *http.Client
	idp   *idpmock.Browser
}

// Person returns somebody who is not signed in.
func (w *World) Person(name string) *Person {
	c := w.net.Client()
	c.Jar, _ = cookiejar.New(nil) // cannot fail
	p := &Person{world: w, http: c, idp: w.IDP.Browser(name)}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return p
}

// Visit opens a page, signing in at the IdP on the way if need be, and returns
// what it says.
func (p *Person) Visit(path string) string {
	to := "https://notes.example" + path
	for range 10 {
		req, err := http.NewRequest(http.MethodGet, to, nil)
		if err != nil {
			panic(err)
		}
		req.Header.Set("Sec-Fetch-Mode", "navigate")
		resp, err := p.http.Do(req)
		if err != nil {
			panic(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		next, err := resp.Location()
		if err != nil {
			return string(body)
		}
		if to = next.String(); next.Host == "idp.example" {
			if to, err = p.idp.Authorize(context.Background(), to); err != nil {
				panic(err)
			}
		}
	}
	panic("exampletest: too many redirects")
}
