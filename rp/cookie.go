package rp

import (
	"net/http"

	"github.com/tandem-sso/tandem/rp/internal/cookie"
	"github.com/tandem-sso/tandem/rp/store"
)

// newID makes a session id and the key under which it is stored.
func (p *party) newID() (id cookie.ID, key store.Key) {
	id = cookie.NewID()
	return id, p.session(&id)
}

// sessionKey is the key of the session that a request names.
func (p *RelyingParty) sessionKey(h http.Header) (store.Key, bool) {
	id, ok := p.cookies.Find(h)
	if !ok {
		return store.Key{}, false
	}
	return p.party.session(&id), true
}
