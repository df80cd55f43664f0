package apps

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/idps"
)

// Config of one demo app. Issuer and ClientID are required. The flags of the
// program are named after the fields.
type Config struct {
	Issuer       string
	ClientID     string
	ClientSecret rp.Secret
	// Listen is host:port; port 0 picks one. Listener, if set, is used instead.
	Listen   string
	Listener net.Listener
	// BaseURL is how browsers see the app. Default: http:// and the address it
	// listens on.
	BaseURL string
	// APIURL is where /call-api finds the API. Empty: /call-api answers 404.
	APIURL string
	// Scopes to ask for. Empty: "openid profile", and "offline_access" for a
	// refresh-token app whose IdP lists it.
	Scopes []string

	// Store is memory (the default), bolt:FILE, redis://HOST:PORT/DB or
	// postgres://…
	Store string
	// Instances of the app that share the sessions and take turns in serving, as
	// behind a load balancer. Default 1, at most MaxInstances.
	Instances int
	// SealKey is 64 hexadecimal digits, or several such keys with commas between.
	// Empty: a random one, with which stored sessions cannot be read again after a
	// restart.
	SealKey rp.Secret
	// Keys, if set, are used instead of SealKey.
	Keys rp.Keys
	// ShareWith, if set, is another app in whose store the sessions are kept, sealed with its
	// keys: Store, SealKey and Keys of this one are not used then.
	ShareWith *App

	SignalEvery time.Duration // 0: the library decides
	TrustFor    time.Duration // 0: 5 min
	WaitFor     time.Duration // 0: 15 s
	IdPWindow   time.Duration // 0: learnt, if the IdP says it
	Idle        time.Duration // 0: the IdP's window decides alone
	Absolute    time.Duration // 0: 8 h
	Trailing    bool
	SilentCheck bool
	IDTokenAlg  string // default RS256
	Like        string // what the IdP honours; see idps.Named
	// As in rp.Config.
	TrustedAudiences []string
	LoginParams      map[string]string
	Profile          string
	ResponseMode     string
	PAR, DPoP        bool
	JAR, RequestURI  bool
	ClientKeys       []rp.ClientKey
	ClientAuth       string

	CookieName string // default: tandem- and the client id

	// Wait is how long to try again while the IdP cannot be reached. 0: not at all.
	Wait time.Duration
	// InsecureAllowHTTP as in rp.Config.
	InsecureAllowHTTP bool

	// Progress receives plain lines for a person at a terminal. nil: none.
	Progress io.Writer
	Logger   *slog.Logger
	Now      func() time.Time
	Events   event.Handlers
	// Siblings are linked from every page.
	Siblings []Link
	// Watch is told of every request that belongs to a session. See Visit.
	Watch func(Visit)
	// Transport reaches the IdP and the API. Default: LocalTransport.
	Transport http.RoundTripper

	// IdPSessionEnd as in rp.Config. It is asked for the sake of pages only.
	IdPSessionEnd func(ctx context.Context, sid string) (time.Time, error)

	// Measure, if set, changes the configuration of each instance, so that it is measured.
	Measure func(rp.Config) (rp.Config, error)

	storeNow func() time.Time // Now as it was given
}

// Link to another page.
type Link struct{ Name, URL string }

// FlagError names the flag that is wrong and the cure.
type FlagError struct{ Flag, Cure string }

func (e *FlagError) Error() string { return "-" + e.Flag + " " + e.Cure }

// CookieNameFor gives each client a cookie of its own: cookies know no ports, and
// the apps may all run on 127.0.0.1.
func CookieNameFor(clientID string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, clientID)
	return "tandem-" + name[:min(len(name), 40)]
}

// relyingParty is the configuration in the library's words.
func (c *Config) relyingParty(kind rp.Kind) (rp.Config, error) {
	out := rp.Config{
		Issuer: c.Issuer, ClientID: c.ClientID, ClientSecret: c.ClientSecret, BaseURL: c.BaseURL, Kind: kind,
		Scopes: c.Scopes, SignalEvery: c.SignalEvery, TrustFor: c.TrustFor, WaitFor: c.WaitFor, IdPWindow: c.IdPWindow,
		Idle: c.Idle, Absolute: c.Absolute,
		TrailingSignal: c.Trailing, SilentCheck: c.SilentCheck, IDTokenAlg: c.IDTokenAlg, CookieName: c.CookieName,
		TrustedAudiences: c.TrustedAudiences, LoginParams: c.LoginParams, Profile: c.Profile,
		ResponseMode: c.ResponseMode,
		JAR:          c.JAR, RequestURI: c.RequestURI,
		PAR: c.PAR, DPoP: c.DPoP, ClientKeys: c.ClientKeys, ClientAuth: c.ClientAuth,
		HTTPClient: &http.Client{Transport: c.Transport}, Now: c.Now, Logger: c.Logger, Events: c.Events,
		InsecureAllowHTTP: c.InsecureAllowHTTP,
	}
	if ask := c.IdPSessionEnd; ask != nil {
		out.IdPSessionEnd = func(ctx context.Context, sid string) (time.Time, error) {
			if ctx.Value(pageKey{}) == nil {
				return time.Time{}, errors.New("only pages make the app ask")
			}
			return ask(ctx, sid)
		}
	}
	if c.APIURL != "" {
		u, err := url.Parse(c.APIURL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" ||
			u.Fragment != "" || u.User != nil {
			return out, &FlagError{"api-url",
				fmt.Sprintf("is %q, which is not an http(s) URL without query; give the API's base, such as "+
					"http://127.0.0.1:9200", c.APIURL)}
		}
		if kind != rp.NoToken {
			out.APIs = []rp.API{{Origin: u.Scheme + "://" + u.Host}}
		}
	}
	if c.Like != "" {
		can, ok := idps.Named(c.Like)
		if !ok {
			return out, &FlagError{"like",
				fmt.Sprintf("is %q; use one of %s", c.Like, strings.Join(idps.Names(), ", "))}
		}
		out.Capabilities = &can
	}
	return out, nil
}

func (c *Config) keys() (rp.Keys, error) {
	if c.Keys != nil {
		return c.Keys, nil
	}
	if c.SealKey == "" {
		return rp.Keys{rp.NewKey()}, nil
	}
	keys, err := rp.ParseKeys(string(c.SealKey))
	if err != nil {
		return nil, &FlagError{"seal-key", "is not 64 hexadecimal digits (make one with: openssl rand -hex 32)"}
	}
	return keys, nil
}
