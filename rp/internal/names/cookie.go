package names

import (
	"github.com/tandem-sso/tandem/rp/internal/cookie"
	"github.com/tandem-sso/tandem/rp/store"
)

// newID makes a session id and the key under which it is stored.
func (p *Party) NewID() (id cookie.ID, key store.Key) {
	id = cookie.NewID()
	return id, p.Session(&id)
}
