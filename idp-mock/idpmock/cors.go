package idpmock

import (
	"net/http"
	"net/url"
)

// shared lets the pages of public clients call an endpoint: apps in a browser, which have no
// server of their own. The origins of their redirect URIs are allowed, no others. Nothing
// here goes by a cookie, so credentials are not.
func (p *IDP) shared(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if origin := r.Header.Get("Origin"); origin != "" {
			w.Header().Add("Vary", "Origin")
			if p.settings().ofPublicClient(origin) {
				w.Header().Set("Access-Control-Allow-Origin", origin)
				w.Header().Set("Access-Control-Expose-Headers", "DPoP-Nonce, WWW-Authenticate")
			}
		}
		h.ServeHTTP(w, r)
	})
}

// preflight answers the browser's question that comes before such a call.
func (p *IDP) preflight(w http.ResponseWriter, r *http.Request) {
	if w.Header().Get("Access-Control-Allow-Origin") == "" {
		http.Error(w, "no public client has a redirect URI of this origin", http.StatusForbidden)
		return
	}
	w.Header().Set("Access-Control-Allow-Methods", "GET, POST")
	w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, DPoP")
	w.WriteHeader(http.StatusNoContent)
}

func (s *settings) ofPublicClient(origin string) bool {
	for _, c := range s.clients {
		if !c.public() {
			continue
		}
		for _, uri := range c.RedirectURIs {
			if u, err := url.Parse(uri); err == nil && u.Scheme+"://"+u.Host == origin {
				return true
			}
		}
	}
	return false
}
