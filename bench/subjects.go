package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/alexedwards/scs/v2"
	scsmem "github.com/alexedwards/scs/v2/memstore"
	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/activity"
	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

const (
	origin  = "http://127.0.0.1:9"
	payload = 2600 // bytes of values; with tokens a record of about 3 KB
)

var bare = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })

// browser is what a browser sends with a navigation of its own accord, and the one
// header of Tandem's own. Everybody gets it, the bare handler as well: what reading
// a request costs is nobody's merit.
var browser = map[string]string{
	"Accept":                    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
	"Accept-Encoding":           "gzip, deflate, br, zstd",
	"Accept-Language":           "en-GB,en;q=0.9",
	"Connection":                "keep-alive",
	"Sec-Fetch-Dest":            "document",
	"Sec-Fetch-Mode":            "navigate",
	"Sec-Fetch-Site":            "same-origin",
	"Sec-Fetch-User":            "?1",
	"Tandem-Activity":           "active",
	"Upgrade-Insecure-Requests": "1",
	"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) " +
		"Chrome/140.0.0.0 Safari/537.36",
}

// build makes the subjects: the first is the bare handler, the second the floor.
func build(ctx context.Context, redis string) (subjects []*subject, closeAll func(), err error) {
	var after cleanup
	closeAll = after.run
	add := func(name string, h http.Handler, people []*http.Cookie) {
		s := &subject{name: name, handler: h}
		for i := range connections {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			for header, value := range browser {
				r.Header.Set(header, value)
			}
			if len(people) > 0 {
				r.AddCookie(people[i])
			}
			s.requests = append(s.requests, r)
		}
		subjects = append(subjects, s)
	}
	add("bare handler", bare, nil)
	h, c := floor()
	add("floor: cookie, SHA-256, sharded map, context", h, c)

	idp, err := idpmock.New(idpmock.Config{Issuer: "http://127.0.0.1:8",
		Clients: []idpmock.Client{{ID: "bench", Secret: "bench", RefreshTokens: true,
			RedirectURIs: []string{origin + "/auth/callback"}}}})
	if err != nil {
		return subjects, closeAll, err
	}
	after.add(idp.Close)

	tandem := func(name string, kept store.Store) error {
		app, people, stop, err := tandemApp(ctx, idp, kept)
		if err != nil {
			return err
		}
		after.add(stop)
		// The same route, so that touching is the only difference.
		add("tandem, "+name+", passive (read)", app, people)
		for _, r := range subjects[len(subjects)-1].requests {
			r.Header.Set(activity.Header, "passive")
		}
		add("tandem, "+name+", active (read and touch)", app, people)
		return nil
	}
	if err := tandem("memstore", memstore.New(memstore.Options{})); err != nil {
		return subjects, closeAll, err
	}
	if err := coldly("memstore cold", memstore.New(memstore.Options{}), tandem); err != nil {
		return subjects, closeAll, err
	}
	for _, size := range []int{16, payload} {
		h, c := gorillaCookie(size)
		add(fmt.Sprintf("gorilla CookieStore, %d B", size), h, c)
	}
	for _, touch := range []bool{false, true} {
		h, c := scsApp(scsmem.NewWithCleanupInterval(0), touch)
		add("scs memory, 3 KB, "+map[bool]string{false: "read", true: "touch"}[touch], h, c)
	}
	if err := boltSubjects(tandem, &after); err != nil {
		return subjects, closeAll, err
	}
	if err := redisSubjects(ctx, redis, tandem, add, &after); err != nil {
		return subjects, closeAll, err
	}
	err = postgresSubjects(ctx, tandem, &after)
	return subjects, closeAll, err
}

// floor is the least that any server-side session does.
func floor() (http.Handler, []*http.Cookie) {
	type shard struct {
		sync.RWMutex
		m map[[32]byte]*string
	}
	var shards [256]shard
	for i := range shards {
		shards[i].m = map[[32]byte]*string{}
	}
	people := everybody(func() *http.Cookie {
		id, user := token(), "ada"
		key := sha256.Sum256([]byte(id))
		shards[key[0]].m[key] = &user
		return &http.Cookie{Name: "__Host-floor", Value: id}
	})
	type ctxKey struct{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, line := range r.Header["Cookie"] {
			value, ok := strings.CutPrefix(line, "__Host-floor=")
			if !ok {
				continue
			}
			var b [43]byte
			copy(b[:], value)
			key := sha256.Sum256(b[:])
			s := &shards[key[0]]
			s.RLock()
			found := s.m[key]
			s.RUnlock()
			bare.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), ctxKey{}, found)))
		}
	}), people
}

// everybody makes as many sessions as there are connections later: each is a person.
func everybody(one func() *http.Cookie) (people []*http.Cookie) {
	for range connections {
		people = append(people, one())
	}
	return people
}

func token() string {
	var b [32]byte
	_, _ = rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// tandemApp logs people in and returns a route and their cookies.
func tandemApp(ctx context.Context, idp *idpmock.IDP,
	kept store.Store) (app http.Handler, people []*http.Cookie, stop func(), err error) {
	auth, err := rp.New(ctx, rp.Config{
		Issuer: idp.Issuer(), ClientID: "bench", ClientSecret: "bench", BaseURL: origin,
		Keys: rp.Keys{rp.NewKey()}, Store: kept, Logger: slog.New(slog.DiscardHandler),
		HTTPClient: &http.Client{Transport: direct{idp.Handler()}},
	})
	if err != nil {
		return nil, nil, nil, err
	}
	stop = func() { _ = auth.Close() }
	web := nethttpadapter.New(auth)
	people = everybody(func() *http.Cookie {
		var c *http.Cookie
		if err == nil {
			c, err = signIn(ctx, idp, web.Endpoints())
		}
		if err == nil {
			err = fill(auth, c)
		}
		return c
	})
	return web.RequireLogin(bare), people, stop, err
}

// fill saves values of the usual size in a session.
func fill(auth *rp.RelyingParty, cookie *http.Cookie) error {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.AddCookie(cookie)
	values, err := auth.Values().New(r, "bench")
	if err != nil {
		return err
	}
	values.Values["notes"] = strings.Repeat("x", payload)
	return values.Save(r, httptest.NewRecorder())
}

// signIn takes a person through the log-in and returns the session's cookie.
func signIn(ctx context.Context, idp *idpmock.IDP, endpoints http.Handler) (*http.Cookie, error) {
	jar := map[string]*http.Cookie{}
	get := func(target string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, target, nil)
		for _, c := range jar {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		endpoints.ServeHTTP(w, r)
		for _, c := range w.Result().Cookies() {
			jar[c.Name] = c
		}
		return w
	}
	started := get("/auth/login")
	back, err := idp.Browser("ada").Authorize(ctx, started.Header().Get("Location"))
	if err != nil {
		return nil, err
	}
	get(strings.TrimPrefix(back, origin))
	if jar["__Host-tandem"] == nil {
		return nil, errors.New("no session after the log-in")
	}
	return jar["__Host-tandem"], nil
}

// direct carries requests to a handler without a network.
type direct struct{ h http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	in := httptest.NewRequest(r.Method, r.URL.String(), r.Body)
	in.Header = r.Header
	d.h.ServeHTTP(w, in)
	return w.Result(), nil
}

func gorillaCookie(size int) (http.Handler, []*http.Cookie) {
	kept := sessions.NewCookieStore(rp.NewKey(), rp.NewKey())
	for _, c := range kept.Codecs {
		c.(*securecookie.SecureCookie).MaxLength(0) // 3 KB grow to more than a cookie may hold
	}
	people := everybody(func() *http.Cookie {
		r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
		s, _ := kept.Get(r, "gorilla")
		s.Values["user"], s.Values["notes"] = "ada", strings.Repeat("x", size)
		if err := s.Save(r, w); err != nil {
			panic(err)
		}
		return w.Result().Cookies()[0]
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Its registry lives in the request; a fresh copy is what a server has.
		if s, err := kept.New(r, "gorilla"); err == nil && s.Values["user"] == "ada" {
			bare.ServeHTTP(w, r)
		}
	}), people
}

func scsApp(store scs.Store, touch bool) (http.Handler, []*http.Cookie) {
	m := scs.New()
	m.Store = store
	if touch {
		m.IdleTimeout = m.Lifetime / 2 // an idle timeout makes scs write at every request
	}
	people := everybody(func() *http.Cookie {
		w := httptest.NewRecorder()
		m.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			m.Put(r.Context(), "user", "ada")
			m.Put(r.Context(), "notes", strings.Repeat("x", payload))
		})).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		return w.Result().Cookies()[0]
	})
	return m.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m.GetString(r.Context(), "user") == "ada" {
			bare.ServeHTTP(w, r)
		}
	})), people
}
