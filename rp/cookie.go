package rp

import (
	"net/http"

	"github.com/tandem-sso/tandem/rp/store"
)

// sessionKey is the key of the session that a request names.
func (p *RelyingParty) sessionKey(h http.Header) (store.Key, bool) {
	id, ok := p.cookies.Find(h)
	if !ok {
		return store.Key{}, false
	}
	return p.party.Session(&id), true
}
