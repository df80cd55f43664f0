package rp

import (
	"net/http"
	"slices"

	"github.com/tandem-sso/tandem/rp/adapter"
)

// Prefix is the path of the endpoints as the app sees it; browsers see the path of
// Config.BaseURL before it.
func (p *RelyingParty) Prefix() string { return p.cfg.Prefix }

// Endpoints lists the library's pages.
func (p *RelyingParty) Endpoints() []adapter.Endpoint { return slices.Clone(p.endpoints) }

// watched lets the self-check see what reaches the endpoints.
func watched(all []adapter.Endpoint, check *selfCheck) []adapter.Endpoint {
	for i, e := range all {
		all[i].Handle = func(w http.ResponseWriter, r *http.Request) error {
			check.begin()
			check.mark(w, r)
			return e.Handle(w, r)
		}
	}
	return all
}

// silently makes an endpoint of a handler that returns no error.
func silently(h http.HandlerFunc) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		h(w, r)
		return nil
	}
}
