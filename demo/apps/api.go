package apps

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/rp/resourceserver"
)

// APIConfig of the API. Issuer, ClientID and one of ClientSecret, ClientKey and ClientAuth are
// required.
type APIConfig struct {
	Issuer       string
	ClientID     string
	ClientSecret resourceserver.Secret
	ClientKey    resourceserver.ClientKey
	ClientAuth   string
	// IntrospectionURL where the IdP's discovery document does not name it.
	IntrospectionURL string
	Listen           string // default 127.0.0.1:9200; port 0 picks one
	Listener         net.Listener
	BaseURL          string        // default: http:// and the address it listens on
	Cache            time.Duration // how long an answer of the IdP is used again. 0: never
	// Refuse, if set, says when the API is broken: it refuses every token then, and asks nobody.
	Refuse   func() bool
	Audience []string // one of these must be in a token's aud. Empty: none is asked for

	Wait              time.Duration // as in app.Config
	InsecureAllowHTTP bool
	Progress          io.Writer
	Logger            *slog.Logger
	Now               func() time.Time
	Transport         http.RoundTripper
	// Watch is told of every call of /whoami. May be nil.
	Watch func(APICall)
}

// APICall of the API.
type APICall struct {
	At      time.Time
	Subject string // empty if the token was refused
	Client  string
	Status  int
}

// API is a running API.
type API struct {
	cfg    APIConfig
	server *Server
	jwts   jwts
}

// Identity is the JSON of /whoami.
type Identity struct {
	Subject string     `json:"subject"`
	Client  string     `json:"client"`
	Scope   []string   `json:"scope,omitempty"`
	Expires *time.Time `json:"expires,omitempty"` // of the token
}

// StartAPI starts the API, which takes access tokens and asks the IdP about each. It serves
// on return. ctx bounds the start only.
func StartAPI(ctx context.Context, c APIConfig) (a *API, err error) {
	if c, err = c.complete(); err != nil {
		return nil, err
	}
	a = &API{cfg: c, server: StartServer(c.Listener, c.Logger)}
	tokens, err := Await(ctx, c.Wait, c.Progress, "the IdP at "+c.Issuer,
		func(ctx context.Context) (*resourceserver.Server, error) {
			return resourceserver.New(ctx, resourceserver.Config{
				Issuer: c.Issuer, ClientID: c.ClientID, ClientSecret: c.ClientSecret, ClientKey: c.ClientKey,
				ClientAuth:       c.ClientAuth,
				IntrospectionURL: c.IntrospectionURL, CacheFor: c.Cache, Audience: c.Audience,
				HTTPClient: &http.Client{Transport: c.Transport}, Now: c.Now, Logger: c.Logger,
				InsecureAllowHTTP: c.InsecureAllowHTTP,
			})
		})
	if err != nil {
		_ = a.Close()
		return nil, err
	}
	a.server.Use(a.routes(tokens))
	_, _ = fmt.Fprintf(c.Progress, "api serves on %s (client %q of %s)\n", a.URL(), c.ClientID, c.Issuer)
	return a, nil
}

func (c APIConfig) complete() (APIConfig, error) {
	if c.Progress == nil {
		c.Progress = io.Discard
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Transport == nil {
		c.Transport = LocalTransport()
	}
	var faults []error
	for _, f := range []struct{ flag, value, cure string }{
		{"issuer", c.Issuer, "is missing; set it to the issuer identifier of the IdP, such as http://127.0.0.1:9000"},
		{"client-id", c.ClientID, "is missing; set it to the id under which the IdP knows this API"},
		{"client-secret", string(c.ClientSecret), "is missing, and so are -client-key and -client-cert; an API that " +
			"introspects has to authenticate (RFC 7662 §2.1)"},
	} {
		if f.value == "" && (f.flag != "client-secret" || c.ClientKey.Key == nil && c.ClientAuth == "") {
			faults = append(faults, &FlagError{Flag: f.flag, Cure: f.cure})
		}
	}
	if err := errors.Join(faults...); err != nil {
		return c, err
	}
	if c.Listener == nil {
		if c.Listen == "" {
			c.Listen = "127.0.0.1:9200"
		}
		l, err := net.Listen("tcp", c.Listen)
		if err != nil {
			return c, fmt.Errorf("-listen %s: %w", c.Listen, err)
		}
		c.Listener = l
	}
	if c.BaseURL == "" {
		c.BaseURL = URLOf(c.Listener)
	}
	return c, nil
}

func (a *API) routes(tokens *resourceserver.Server) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /whoami", a.watched(a.gateway(tokens.Require(http.HandlerFunc(whoami)))))
	mux.HandleFunc("GET /whoami-jwt", a.whoamiAlone)
	return mux
}

// gateway before the API, which may be broken.
func (a *API) gateway(next http.Handler) http.Handler {
	if a.cfg.Refuse == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.cfg.Refuse() {
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			JSON(w, http.StatusUnauthorized, Failure{"invalid_token", "this gateway refuses every token"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

func whoami(w http.ResponseWriter, r *http.Request) {
	t := resourceserver.FromContext(r.Context())
	id := Identity{Subject: t.Subject, Client: t.ClientID, Scope: t.Scope}
	if !t.Expires.IsZero() {
		id.Expires = &t.Expires
	}
	if seen, ok := r.Context().Value(callKey{}).(*APICall); ok {
		seen.Subject, seen.Client = t.Subject, t.ClientID
	}
	JSON(w, http.StatusOK, id)
}

type callKey struct{}

func (a *API) watched(next http.Handler) http.Handler {
	if a.cfg.Watch == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call := &APICall{At: a.cfg.Now()}
		rec := &StatusRecorder{ResponseWriter: w, Status: http.StatusOK}
		next.ServeHTTP(rec, r.WithContext(context.WithValue(r.Context(), callKey{}, call)))
		call.Status = rec.Status
		a.cfg.Watch(*call)
	})
}

// URL is where the API is called.
func (a *API) URL() string { return a.cfg.BaseURL }

// Addr is where it listens.
func (a *API) Addr() string { return a.server.Addr() }

// Run serves until ctx ends, then closes the API.
func (a *API) Run(ctx context.Context) error {
	return errors.Join(a.server.Wait(ctx), a.Close())
}

// Close ends the API: running requests get a moment to finish.
func (a *API) Close() error { return a.server.Close() }
