package cookie

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
)

const hostPrefix = "__Host-"

// Name is the name of the session cookie: the one that is wanted, else one of the app's path.
// The prefix __Host- demands Path=/, so it is the name that keeps apps apart that share a
// host: "+" can stand in a cookie's name and not in the path of an app, nor in the id at the
// end of a log-in's cookie. It has no prefix where browsers reach the app openly, by http over
// a network: there they keep no such cookie (RFC 6265bis §4.1.3).
func Name(wanted, path string, openly bool) (string, error) {
	name := strings.TrimPrefix(wanted, hostPrefix)
	if name == "" {
		name = strings.TrimPrefix(strings.ReplaceAll(path+"/tandem", "/", "+"), "+")
	}
	if !openly {
		name = hostPrefix + name
	}
	if (&http.Cookie{Name: name, Value: "x"}).Valid() != nil {
		return "", errors.New("is not a valid cookie name")
	}
	return name, nil
}

// Jar are the cookies of one app, by the Name of its session's.
type Jar string

// IsSecure reports whether the cookies travel over https or loopback alone.
func (j Jar) IsSecure() bool { return strings.HasPrefix(string(j), hostPrefix) }

// New has the attributes of all cookies of the library. What Path=/ costs, the name
// makes good: see Name.
func (j Jar) New(name, value string) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, Path: "/",
		Secure: j.IsSecure(), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// Session has no Max-Age: the end of a session is decided by the server, never by the
// browser (SP 800-63B §5.1). Lax and not Strict, because a link from another site must find
// the person signed in; unsafe requests are protected by their origin.
func (j Jar) Session(id ID) *http.Cookie { return j.New(string(j), string(id[:])) }

// Find finds the id in the session cookie. One of another length is none of ours; any
// other characters have a hash that no session has.
func (j Jar) Find(h http.Header) (id ID, ok bool) {
	for _, line := range h["Cookie"] {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			value, ok := strings.CutPrefix(strings.TrimLeft(pair, " "), string(j))
			if !ok || len(value) != IDLen+1 || value[0] != '=' {
				continue
			}
			copy(id[:], value[1:])
			return id, true
		}
	}
	return ID{}, false
}

// ForgetPages makes Chromium drop the pages with "no-store" that it has put into its
// back/forward cache: it does so when an HttpOnly cookie changes. The cookie is one of
// its own, and gone after a second: to set the session's anew could overwrite that of
// a log-in in another tab.
//
// Clear-Site-Data is not sent. "cache" leaves the back/forward cache alone, as measured
// in Chromium 156, and makes the browser work for a second where its cache is full;
// "cookies" would take those of sibling apps with it.
func (j Jar) ForgetPages(h http.Header) {
	c := j.New(string(j)+"-ended", "1")
	c.MaxAge = 1
	h.Add("Set-Cookie", c.String())
}

// IDLen is how many characters 256 bits have in base64url.
const IDLen = 43

// ID is what a cookie has in it: 256 random bits in base64url, as long as nobody else has made
// it up.
type ID [IDLen]byte

// NewID makes a random ID.
func NewID() ID { return ID([]byte(Random())) }

// Random is a random ID as a text.
func Random() string {
	var b [32]byte
	_, _ = rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// IsID tells the characters of an ID, or of a part of one, from the rest.
func IsID(s string) bool {
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}
