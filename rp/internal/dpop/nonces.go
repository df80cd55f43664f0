package dpop

import (
	"net/http"
	"net/url"
	"sync"

	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

const (
	maxNonce   = 1 << 10 // bytes
	maxOrigins = 256     // of which nonces are kept
)

// Nonces keeps the newest nonce of each server (§8, §9). Its zero value is ready.
type Nonces struct {
	mu sync.Mutex
	of map[string]string // by origin
}

// For is the nonce that a server wants, empty if none is known.
func (n *Nonces) For(u *url.URL) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.of[weburl.OriginOf(u)]
}

// Hear takes the nonce of an answer, and reports whether it is another one than was used:
// then a request that was refused for its nonce is worth a second try, with this one. For
// may have the one of another endpoint's answer by then.
func (n *Nonces) Hear(u *url.URL, h http.Header, used string) (nonce string, news bool) {
	nonce = h.Get("DPoP-Nonce")
	if nonce == "" || len(nonce) > maxNonce {
		return "", false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.of == nil || len(n.of) >= maxOrigins {
		n.of = map[string]string{}
	}
	n.of[weburl.OriginOf(u)] = nonce
	return nonce, nonce != used
}
