package apps

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/gorilla/sessions"
	"golang.org/x/oauth2"
)

// NaiveConfig of the app. All but Offline and Watch are required.
type NaiveConfig struct {
	Issuer, ClientID, ClientSecret string
	Listener                       net.Listener
	BaseURL                        string
	Logger                         *slog.Logger
	Now                            func() time.Time
	Transport                      http.RoundTripper
	// Offline says at each log-in whether the IdP gives a refresh token for the scope
	// offline_access only. Default: it does not.
	Offline func() bool
	// Watch is told what happens.
	Watch func(NaiveEvent)
}

// NaiveEvent in the app's life.
type NaiveEvent struct {
	Kind    string // login, active, refused or ended
	Subject string
	Path    string
	Why     string // of an end
}

// NaiveApp is the running app.
type NaiveApp struct {
	cfg      NaiveConfig
	server   *Server
	client   *http.Client
	oauth    oauth2.Config
	verifier *oidc.IDTokenVerifier
	store    *sessions.CookieStore
}

const (
	naiveCookie = "naive"
	naiveEarly  = 10 * time.Second // before its end a token is renewed
	naiveLogin  = 10 * 60          // seconds
)

// held is what the cookie carries.
type naiveHeld struct {
	Subject, Access, Refresh string
	Ends                     int64 // of the access token, Unix seconds
}

// StartNaive starts an app that does what many do, for comparison only: the tokens in a
// gorilla session, a refresh when the access token is about to run out, a log-out when
// anything goes wrong. None of it is a mistake that a reviewer would stop; that is the point.
//
// What it lacks: it tells the IdP nothing while its token is good, so a token that outlives
// the IdP's window logs active people out; its polls refresh, so the absent stay; requests
// that come together refresh together, which an IdP with rotation takes for theft; an outage
// is a log-out; nobody tells it of a log-out elsewhere. ctx bounds the discovery.
func StartNaive(ctx context.Context, c NaiveConfig) (*NaiveApp, error) {
	if c.Transport == nil {
		c.Transport = LocalTransport()
	}
	if c.Watch == nil {
		c.Watch = func(NaiveEvent) {}
	}
	a := &NaiveApp{cfg: c, server: StartServer(c.Listener, c.Logger), client: &http.Client{Transport: c.Transport,
		Timeout: 10 * time.Second}}
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, a.client), c.Issuer)
	if err != nil {
		return nil, errors.Join(err, a.server.Close())
	}
	endpoint := provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	a.oauth = oauth2.Config{ClientID: c.ClientID, ClientSecret: c.ClientSecret, Endpoint: endpoint,
		RedirectURL: c.BaseURL + "/callback", Scopes: []string{"openid", "profile"}}
	a.verifier = provider.VerifierContext(oidc.ClientContext(context.Background(), a.client),
		&oidc.Config{ClientID: c.ClientID, Now: c.Now})
	var mac, seal [32]byte
	_, _ = rand.Read(mac[:])
	_, _ = rand.Read(seal[:])
	a.store = sessions.NewCookieStore(mac[:], seal[:])
	a.store.Options = &sessions.Options{Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.me)
	mux.HandleFunc("GET /me", a.me)
	mux.HandleFunc("GET /login", a.login)
	mux.HandleFunc("GET /callback", a.callback)
	a.server.Use(mux)
	return a, nil
}

// URL is how browsers reach the app.
func (a *NaiveApp) URL() string { return a.cfg.BaseURL }

// Close ends the app.
func (a *NaiveApp) Close() error { return a.server.Close() }

func (a *NaiveApp) login(w http.ResponseWriter, r *http.Request) {
	s, _ := a.store.New(r, naiveCookie+"-login")
	state, verifier := rand.Text(), oauth2.GenerateVerifier()
	s.Values["state"], s.Values["verifier"] = state, verifier
	s.Options.MaxAge = naiveLogin
	if err := s.Save(r, w); err != nil {
		http.Error(w, "the cookie cannot be written", http.StatusInternalServerError)
		return
	}
	conf := a.oauth
	if a.cfg.Offline != nil && a.cfg.Offline() {
		conf.Scopes = append(slices.Clone(conf.Scopes), oidc.ScopeOfflineAccess)
	}
	http.Redirect(w, r, conf.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier)), http.StatusFound)
}

func (a *NaiveApp) callback(w http.ResponseWriter, r *http.Request) {
	flow, _ := a.store.Get(r, naiveCookie+"-login")
	verifier, _ := flow.Values["verifier"].(string)
	if state, ok := flow.Values["state"].(string); !ok || state != r.FormValue("state") {
		http.Error(w, "this log-in was not started here", http.StatusBadRequest)
		return
	}
	ctx := context.WithValue(r.Context(), oauth2.HTTPClient, a.client)
	token, err := a.oauth.Exchange(ctx, r.FormValue("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		http.Error(w, "the log-in failed", http.StatusBadGateway)
		return
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := a.verifier.Verify(ctx, raw)
	if err != nil {
		http.Error(w, "the ID token is not valid", http.StatusBadRequest)
		return
	}
	if err := a.keep(w, r, id.Subject, token); err != nil {
		http.Error(w, "the cookie cannot be written", http.StatusInternalServerError)
		return
	}
	a.cfg.Watch(NaiveEvent{Kind: "login", Subject: id.Subject})
	http.Redirect(w, r, "/me", http.StatusSeeOther)
}

func (a *NaiveApp) keep(w http.ResponseWriter, r *http.Request, subject string, t *oauth2.Token) error {
	s, _ := a.store.New(r, naiveCookie)
	text, err := json.Marshal(naiveHeld{subject, t.AccessToken, t.RefreshToken,
		a.cfg.Now().Add(time.Duration(t.ExpiresIn) * time.Second).Unix()})
	if err != nil {
		return err
	}
	s.Values["held"] = string(text)
	s.Options.MaxAge = 8 * 3600
	return s.Save(r, w)
}

// me is the private page. Polls come here, too: it does not tell them apart.
func (a *NaiveApp) me(w http.ResponseWriter, r *http.Request) {
	s, _ := a.store.Get(r, naiveCookie) // of a cookie that cannot be read it makes an empty session
	text, _ := s.Values["held"].(string)
	var h naiveHeld
	if json.Unmarshal([]byte(text), &h) != nil {
		if r.URL.Path == "/" {
			http.Redirect(w, r, "/login", http.StatusFound)
			return
		}
		http.Error(w, "log in first", http.StatusUnauthorized)
		return
	}
	if left := time.Unix(h.Ends, 0).Sub(a.cfg.Now()); left < naiveEarly {
		ctx := context.WithValue(r.Context(), oauth2.HTTPClient, a.client)
		t, err := a.oauth.TokenSource(ctx, &oauth2.Token{RefreshToken: h.Refresh, Expiry: time.Unix(1, 0)}).Token()
		if err != nil { // whatever it was
			s.Options.MaxAge = -1
			_ = s.Save(r, w)
			a.cfg.Watch(NaiveEvent{Kind: "ended", Subject: h.Subject, Why: naiveReason(err)})
			http.Error(w, "you have been logged out", http.StatusUnauthorized)
			return
		}
		if err := a.keep(w, r, h.Subject, t); err != nil {
			http.Error(w, "the cookie cannot be written", http.StatusInternalServerError)
			return
		}
	}
	a.cfg.Watch(NaiveEvent{Kind: "active", Subject: h.Subject, Path: r.URL.Path})
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, "Hello, "+h.Subject+"\n")
}

// reason is for the timeline; the app itself does not look.
func naiveReason(err error) string {
	var r *oauth2.RetrieveError
	if errors.As(err, &r) && r.ErrorCode != "" {
		return r.ErrorCode
	}
	if r != nil {
		return fmt.Sprintf("status %d", r.Response.StatusCode)
	}
	return "the IdP could not be reached"
}
