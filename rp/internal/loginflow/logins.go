package loginflow

import (
	"crypto/subtle"
	"net/http"
	"sort"
	"strings"
	"time"

	"github.com/gorilla/sessions"

	"github.com/tandem-sso/tandem/rp/internal/cookie"
	"github.com/tandem-sso/tandem/rp/internal/seal"
	"github.com/tandem-sso/tandem/rp/internal/site"
)

const (
	maxLogins = 5  // unfinished log-ins per browser; the oldest is dropped
	nameLen   = 12 // characters of state in the name of a log-in's cookie

	// maxBytes bounds the cookies of all older log-ins together. With a new cookie of up to
	// 2.5 KB they must fit into 8 KiB, the limit of many proxies for a header.
	maxBytes = 4 << 10
)

// Logins are the unfinished log-ins of one client.
type Logins struct {
	cookies cookie.Jar
	store   *sessions.CookieStore
	ring    *seal.Ring // encrypts what is in addresses
	owner   []byte
	site    *site.App
}

// Config configures Logins.
type Config struct {
	Keys    [][]byte
	Owner   []byte     // the client: no other client can decrypt its log-ins
	Ring    *seal.Ring // for addresses
	Cookies cookie.Jar
	Site    *site.App
	Timeout time.Duration // of a log-in
}

// New makes Logins. Each log-in has an encrypted cookie of its own, so that tabs that start at
// the same moment do not overwrite each other's. No other client can decrypt it, so the callback
// of another client cannot finish a log-in of this one (RFC 9700 §4.4). The error is about the
// keys.
func New(c Config) (*Logins, error) {
	var pairs [][]byte
	for _, k := range c.Keys {
		mac, err := seal.Derive(k, "login mac", c.Owner, 64)
		if err != nil {
			return nil, err
		}
		enc, err := seal.Derive(k, "login encryption", c.Owner, 32)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, mac, enc)
	}
	s := sessions.NewCookieStore(pairs...)
	// Lax, because the callback is a navigation that another site has started.
	s.Options = &sessions.Options{Path: "/", Secure: c.Cookies.IsSecure(), HttpOnly: true,
		SameSite: http.SameSiteLaxMode}
	s.MaxAge(int(c.Timeout / time.Second))
	return &Logins{c.Cookies, s, c.Ring, c.Owner, c.Site}, nil
}

func (l *Logins) name(state string) string { return string(l.cookies) + "-login-" + state[:nameLen] }

// Save sets the cookie of a log-in. It returns an error if the cookie cannot be encoded.
func (l *Logins) Save(w http.ResponseWriter, r *http.Request, f *Flow) error {
	s, _ := l.store.New(r, l.name(f.State)) // an error means an old cookie, which is overwritten
	f.save(s)
	return s.Save(r, w)
}

// Load returns the log-in of a state that ReadState has accepted, if this browser began it.
func (l *Logins) Load(r *http.Request, state string) (f *Flow, ok bool) {
	s, err := l.store.New(r, l.name(state))
	f = new(Flow)
	if err != nil || s.IsNew || !f.load(s) || subtle.ConstantTimeCompare([]byte(f.State), []byte(state)) != 1 {
		return nil, false
	}
	return f, true
}

// Forget deletes the cookie of a log-in.
func (l *Logins) Forget(w http.ResponseWriter, state string) { l.forget(w, l.name(state)) }

func (l *Logins) forget(w http.ResponseWriter, name string) {
	c := l.cookies.New(name, "")
	c.MaxAge = -1
	http.SetCookie(w, c)
}

// DropOld deletes the oldest log-in cookies if there are too many, or if they are too large
// together. It is called before one more is set.
func (l *Logins) DropOld(w http.ResponseWriter, r *http.Request) {
	prefix := string(l.cookies) + "-login-"
	type old struct {
		name  string
		bytes int
		begun time.Time
	}
	var found []old
	for _, c := range r.Cookies() {
		id, ok := strings.CutPrefix(c.Name, prefix)
		if !ok || len(id) != nameLen || !cookie.IsID(id) || len(found) == 4*maxLogins {
			continue
		}
		var f Flow
		if s, err := l.store.New(r, c.Name); err != nil || !f.load(s) {
			f.Begun = time.Time{}
		}
		found = append(found, old{c.Name, len(c.Name) + len(c.Value), f.Begun})
	}
	sort.Slice(found, func(i, j int) bool { return found[i].begun.After(found[j].begun) })
	bytes := 0
	for i, o := range found {
		if bytes += o.bytes; i >= maxLogins-1 || bytes > maxBytes {
			l.forget(w, o.name)
		}
	}
}
