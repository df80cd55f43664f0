// Package exampletest is the world around the runnable examples: idp-mock, and a
// person with a browser. A real program needs none of it.
package exampletest

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
	"github.com/tandem-sso/tandem/idp-mock/memnet"
)

// World is an IdP at https://idp.example with the client "notes", on a network in
// memory.
type World struct {
	IDP *idpmock.IDP
	net *memnet.Net
	end []func()

	roots *x509.CertPool // of the address for certificates
}

// Start starts the IdP.
func Start() *World {
	n := memnet.New()
	idp, err := idpmock.New(idpmock.Config{
		Issuer: "https://idp.example", SigningAlg: "ES256", HTTPClient: n.Client(), CoordinateClientLifetimes: true,
		APIs: []idpmock.API{{Audience: "https://photos.example/api"},
			{Audience: "api://mail", Scopes: []string{"send"}}},
		Clients: []idpmock.Client{{
			ID: "notes", Secret: "s3cret", RefreshTokens: true,
			RedirectURIs:         []string{"https://notes.example/auth/callback"},
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
type Person struct{ *idptest.Browser }

// Person returns somebody who is not signed in.
func (w *World) Person(name string) *Person { return NewPerson(name, w.net.Transport()) }

// NewPerson returns somebody on another network.
func NewPerson(name string, network http.RoundTripper) *Person {
	b := idptest.NewBrowser(panics{}, network)
	b.Base, b.Fill = "https://notes.example", url.Values{"username": {name}}
	return &Person{b}
}

// Visit opens a page, signing in at the IdP on the way if need be, and returns
// what it says.
func (p *Person) Visit(path string) string { return p.Browser.Visit(path).Body }

// panics is what an Example has instead of a testing.T.
type panics struct{}

func (panics) Helper()                   {}
func (panics) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }
