package rp

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"sort"
	"strings"
	"time"

	"github.com/gorilla/sessions"

	"github.com/tandem-sso/tandem/rp/internal/cookie"
	"github.com/tandem-sso/tandem/rp/internal/page"
	"github.com/tandem-sso/tandem/rp/internal/seal"
	"github.com/tandem-sso/tandem/rp/store"
)

const (
	maxLogins   = 5  // log-ins in flight per browser; the oldest gives way
	flowNameLen = 12 // characters of state in the name of a log-in's cookie

	// maxLoginBytes bounds the cookies of older log-ins together: with a new one of
	// up to 2.5 KB they have to fit into the 8 KiB that proxies take for a header.
	maxLoginBytes = 4 << 10
)

// newLoginStore keeps log-ins in flight in the browser: each in an encrypted
// cookie of its own, so that tabs that start at the same moment do not overwrite
// each other's. Another client cannot open it: its callback does not take up a
// log-in that began here (RFC 9700 §4.4).
func newLoginStore(c *Config, owner store.Key) (*sessions.CookieStore, error) {
	var pairs [][]byte
	for _, k := range c.Keys {
		mac, err := seal.Derive(k, "login mac", owner[:], 64)
		if err != nil {
			return nil, err
		}
		enc, err := seal.Derive(k, "login encryption", owner[:], 32)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, mac, enc)
	}
	s := sessions.NewCookieStore(pairs...)
	// Lax, because the callback is a navigation that another site has started.
	s.Options = &sessions.Options{Path: "/", Secure: cookie.Jar(c.CookieName).IsSecure(), HttpOnly: true, SameSite: http.SameSiteLaxMode}
	s.MaxAge(int(c.LoginTimeout / time.Second))
	return s, nil
}

// flow is one log-in in flight.
type flow struct {
	state, nonce, verifier string
	redirectURI            string // of the name that the browser uses; not in the cookie, which is that name's
	returnTo               string
	begun                  time.Time
	back                   time.Time // the browser came back with the code
	silent                 bool
	sentUser               bool   // the browser said that a person started it (Sec-Fetch-User)
	again                  bool   // it was started anew because another one could not be finished
	wish                   wish   // what it asks for
	about                  string // the name of the session that a silent log-in is about
	renews                 uint64 // the next generation of its tokens, if it is to fetch that
}

func (p *RelyingParty) loginCookie(state string) string {
	return p.cfg.CookieName + "-login-" + state[:flowNameLen]
}

func (f *flow) target() target { return target{f.returnTo, f.again, f.wish} }

func (f *flow) save(s *sessions.Session) {
	s.Values = map[any]any{
		"state": f.state, "nonce": f.nonce, "verifier": f.verifier,
		"return_to": f.returnTo, "begun": f.begun.UnixMilli(), "silent": f.silent, "about": f.about, "again": f.again, "renews": f.renews, "wish": f.wish.text(), "sent_user": f.sentUser,
	}
}

func (f *flow) load(s *sessions.Session) bool {
	var ok [6]bool
	var begun int64
	f.state, ok[0] = s.Values["state"].(string)
	f.nonce, ok[1] = s.Values["nonce"].(string)
	f.verifier, ok[2] = s.Values["verifier"].(string)
	f.returnTo, ok[3] = s.Values["return_to"].(string)
	begun, ok[4] = s.Values["begun"].(int64)
	f.silent, ok[5] = s.Values["silent"].(bool)
	f.begun = time.UnixMilli(begun).UTC()
	f.about, _ = s.Values["about"].(string) // "" in a cookie of an earlier version
	f.again, _ = s.Values["again"].(bool)
	f.renews, _ = s.Values["renews"].(uint64) // 0 there
	f.sentUser, _ = s.Values["sent_user"].(bool)
	text, _ := s.Values["wish"].(string)
	var whole bool
	f.wish, whole = readWish(text)
	return whole && ok == [6]bool{true, true, true, true, true, true} && f.state != "" && f.nonce != "" && f.verifier != ""
}

// dropOldLogins keeps the number and the size of log-in cookies bounded.
func (p *RelyingParty) dropOldLogins(w http.ResponseWriter, r *http.Request) {
	prefix := p.cfg.CookieName + "-login-"
	type old struct {
		name  string
		bytes int
		begun time.Time
	}
	var found []old
	for _, c := range r.Cookies() {
		id, ok := strings.CutPrefix(c.Name, prefix)
		if !ok || len(id) != flowNameLen || !cookie.IsID(id) || len(found) == 4*maxLogins {
			continue
		}
		var f flow
		if s, err := p.logins.New(r, c.Name); err != nil || !f.load(s) {
			f.begun = time.Time{}
		}
		found = append(found, old{c.Name, len(c.Name) + len(c.Value), f.begun})
	}
	sort.Slice(found, func(i, j int) bool { return found[i].begun.After(found[j].begun) })
	bytes := 0
	for i, o := range found {
		if bytes += o.bytes; i >= maxLogins-1 || bytes > maxLoginBytes {
			p.forgetLogin(w, o.name)
		}
	}
}

func (p *RelyingParty) forgetLogin(w http.ResponseWriter, name string) {
	c := p.cookies.New(name, "")
	c.MaxAge = -1
	http.SetCookie(w, c)
}

// staleError says: the state is ours, and its log-in cannot be finished.
type staleError struct {
	target
	why   *LoginError
	since time.Time // only a session that has begun since is what was wanted
}

func (e *staleError) Error() string { return e.why.Error() }

// takeFlow finds the log-in that a state belongs to, in this browser, and uses it up.
// Its errors are *staleError, *LoginError and *UnavailableError.
func (p *RelyingParty) takeFlow(w http.ResponseWriter, r *http.Request, sent string) (*flow, error) {
	const title = "failed-old"
	state, t, ok := p.readState(sent)
	if !ok {
		return nil, badLogin(title, errors.New("no state of ours"))
	}
	stale := func(title page.Word, why string) error {
		return &staleError{target: t, why: badLogin(title, errors.New(why))}
	}
	name := p.loginCookie(state)
	s, err := p.logins.New(r, name)
	var f flow
	if err != nil || s.IsNew || !f.load(s) || subtle.ConstantTimeCompare([]byte(f.state), []byte(state)) != 1 {
		return nil, stale(title, "no log-in cookie for this state")
	}
	t = f.target() // the cookie's may be longer
	f.redirectURI = p.site.Callback(r)
	p.forgetLogin(w, name)
	if p.now().Sub(f.begun) > p.cfg.LoginTimeout {
		return nil, stale(title, "older than Config.LoginTimeout")
	}
	switch err := p.cfg.Store.Once(r.Context(), p.party.once("state", state), f.begun.Add(p.cfg.LoginTimeout+time.Minute)); {
	case errors.Is(err, store.ErrConflict):
		return nil, stale("failed-done", "state shown twice")
	case err != nil:
		return nil, p.storeFailed(err)
	}
	return &f, nil
}
