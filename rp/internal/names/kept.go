package names

import (
	"github.com/tandem-sso/tandem/rp/store"
)

// keptKey is the record's. Nobody claims it: its owner is itself. A Store forgets it
// Abandoned after the IdP was last heard of.
func (p *Party) KeptKey() store.Key { return Hash("idp", string(p.Owner[:])) }
