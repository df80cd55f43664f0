package rp

import (
	"net/http"

	"github.com/tandem-sso/tandem/rp/internal/asset"
	"github.com/tandem-sso/tandem/rp/internal/posted"
)

// Endpoint is one of the library's own pages. An adapter mounts it at
// Prefix()+Path and renders its error with RelyingParty.Answer.
type Endpoint struct {
	Method string
	Path   string // below Prefix
	Handle func(http.ResponseWriter, *http.Request) error
}

// Prefix is where the endpoints belong, as the app sees it: browsers see the path of
// Config.BaseURL before it.
func (p *RelyingParty) Prefix() string { return p.cfg.Prefix }

// Endpoints lists the library's pages.
func (p *RelyingParty) Endpoints() []Endpoint {
	all := p.endpoints()
	for i, e := range all {
		all[i].Handle = func(w http.ResponseWriter, r *http.Request) error {
			p.served()
			p.marked(w, r)
			return e.Handle(w, r)
		}
	}
	return all
}

func (p *RelyingParty) endpoints() []Endpoint {
	login := func(w http.ResponseWriter, r *http.Request) error { return p.StartLogin(w, r) }
	all := []Endpoint{
		{http.MethodGet, "/login", login},
		{http.MethodGet, "/callback", p.serveCallback},
		{http.MethodPost, "/callback", p.serveCallback},
		{http.MethodPost, "/logout", p.serveLogout},
		{http.MethodGet, "/logged-out", p.serveLoggedOut},
		{http.MethodPost, "/backchannel-logout", p.serveBackchannel},
		{http.MethodGet, "/frontchannel-logout", p.serveFrontchannel},
		{http.MethodGet, "/session", p.serveStatus},
		{http.MethodGet, "/events", p.serveEvents},
		{http.MethodPost, "/activity", p.serveActivity},
		{http.MethodGet, "/draft-key", p.serveDraftKey},
		{http.MethodGet, "/session.js", p.serveScript},
		{http.MethodGet, "/session.source.js", p.serveSource},
		{http.MethodGet, "/session.d.ts", p.serveTypes},
	}
	if len(p.cfg.ClientKeys)+len(p.cfg.DecryptionKeys) > 0 {
		all = append(all, Endpoint{http.MethodGet, "/jwks", p.serveKeys})
	}
	if p.cfg.ThirdPartyLogin {
		all = append(all, Endpoint{http.MethodPost, "/login", login})
	}
	if p.cfg.KeepPosted {
		all = append(all, Endpoint{http.MethodGet, posted.Path, p.servePosted},
			Endpoint{http.MethodPost, posted.Path, p.returnPosted})
	}
	return all
}

// serveScript serves session.js, the ES module for pages. Browsers ask each time
// whether it has changed, so that pages and server always fit together.
func (p *RelyingParty) serveScript(w http.ResponseWriter, r *http.Request) error {
	asset.ServeScript(w, r)
	return nil
}

// serveSource serves session.js before it was minified, for who wants to read it.
func (p *RelyingParty) serveSource(w http.ResponseWriter, r *http.Request) error {
	asset.ServeSource(w, r)
	return nil
}

// serveTypes serves the TypeScript declarations of session.js.
func (p *RelyingParty) serveTypes(w http.ResponseWriter, r *http.Request) error {
	asset.ServeTypes(w, r)
	return nil
}
