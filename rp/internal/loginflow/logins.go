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
	maxLogins = 5  // log-ins in flight per browser; the oldest gives way
	nameLen   = 12 // characters of state in the name of a log-in's cookie

	// maxBytes bounds the cookies of older log-ins together: with a new one of
	// up to 2.5 KB they have to fit into the 8 KiB that proxies take for a header.
	maxBytes = 4 << 10
)

// Logins are the log-ins in flight of one client.
type Logins struct {
	cookies cookie.Jar
	store   *sessions.CookieStore
	ring    *seal.Ring // seals what is in addresses
	owner   []byte
	site    *site.App
}

// Config configures Logins.
type Config struct {
	Keys    [][]byte
	Owner   []byte     // the client: another one can open nothing of this
	Ring    *seal.Ring // for addresses
	Cookies cookie.Jar
	Site    *site.App
	Timeout time.Duration // of a log-in
}

// New makes Logins. Each is in an encrypted cookie of its own, so that tabs that start at the
// same moment do not overwrite each other's. Another client cannot open it: its callback does
// not take up a log-in that began here (RFC 9700 §4.4). Its error is about the keys.
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

// Save gives a log-in to the browser. Its error says that a cookie cannot be written.
func (l *Logins) Save(w http.ResponseWriter, r *http.Request, f *Flow) error {
	s, _ := l.store.New(r, l.name(f.State)) // an error is an old cookie that we overwrite
	f.save(s)
	return s.Save(r, w)
}

// Load finds the log-in of a state that ReadState has passed, if this browser has begun it.
func (l *Logins) Load(r *http.Request, state string) (f *Flow, ok bool) {
	s, err := l.store.New(r, l.name(state))
	f = new(Flow)
	if err != nil || s.IsNew || !f.load(s) || subtle.ConstantTimeCompare([]byte(f.State), []byte(state)) != 1 {
		return nil, false
	}
	return f, true
}

// Forget takes a log-in away from the browser.
func (l *Logins) Forget(w http.ResponseWriter, state string) { l.forget(w, l.name(state)) }

func (l *Logins) forget(w http.ResponseWriter, name string) {
	c := l.cookies.New(name, "")
	c.MaxAge = -1
	http.SetCookie(w, c)
}

// DropOld keeps the number and the size of log-in cookies bounded, before one more.
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
