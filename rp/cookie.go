package rp

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/tandem-sso/tandem/rp/store"
)

const idLen = 43 // characters of 256 bits in base64url

// newID makes a session id and the key under which it is stored.
func (p *party) newID() (id string, key store.Key) {
	var b [32]byte
	_, _ = rand.Read(b[:])
	id = base64.RawURLEncoding.EncodeToString(b[:])
	return id, p.session((*[idLen]byte)([]byte(id)))
}

// sessionKey finds the session cookie. One of another length is none of ours; any
// other characters have a hash that no session has.
func (p *RelyingParty) sessionKey(h http.Header) (store.Key, bool) {
	for _, line := range h["Cookie"] {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			value, ok := strings.CutPrefix(strings.TrimLeft(pair, " "), p.cfg.CookieName)
			if !ok || len(value) != idLen+1 || value[0] != '=' {
				continue
			}
			var id [idLen]byte
			copy(id[:], value[1:])
			return p.party.session(&id), true
		}
	}
	return store.Key{}, false
}

// isID tells base64url from the rest.
func isID(s string) bool {
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

// sessionCookie has no Max-Age: the end of a session is decided by the server,
// never by the browser (SP 800-63B §5.1). Lax and not Strict, because a link
// from another site must find the person signed in; unsafe requests are
// protected by their origin (see ErrCrossOrigin).
func (p *RelyingParty) sessionCookie(id string) *http.Cookie {
	return p.cookie(p.cfg.CookieName, id)
}

// cookie has the attributes of all cookies of the library. What Path=/ costs, the name
// makes good: see cookieName.
func (p *RelyingParty) cookie(name, value string) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, Path: "/",
		Secure: p.cfg.isSecure(), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// isSecure is true of a complete configuration whose cookies travel over https or
// loopback alone.
func (c *Config) isSecure() bool { return strings.HasPrefix(c.CookieName, hostPrefix) }
