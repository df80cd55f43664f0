package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// options is what the program was told by flags and environment.
type options struct {
	listen, issuer, issuers, config, like, alg, typ, signals, tls, ready string

	idle, absolute                                     time.Duration
	coordinate, expiry, control, pkceOptional, healthy bool

	clients []string
	given   map[string]bool // by flag or environment
}

const usage = `Usage: idp-mock [flags]

Serves an OpenID Provider for tests and demos, and says where. Every flag has an environment
twin: -access-token-typ is IDP_MOCK_ACCESS_TOKEN_TYP. A flag goes before it, and both before
the configuration file.

`

func (o *options) flags(stderr io.Writer) *flag.FlagSet {
	f := flag.NewFlagSet("idp-mock", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		_, _ = io.WriteString(stderr, usage) // there is nobody else to tell
		f.PrintDefaults()
	}
	f.StringVar(&o.listen, "listen", "localhost:9000", "address to listen on; localhost is both "+
		"loopback addresses; port 0 picks one")
	f.StringVar(&o.issuer, "issuer", "", "issuer URL (default http://localhost:PORT, with -tls https)")
	f.StringVar(&o.issuers, "issuers", "", "several providers in one process: names with commas; each is an issuer of "+
		"its own, such as http://localhost:9000/acme")
	f.StringVar(&o.config, "config", "", "JSON configuration `file`")
	f.StringVar(&o.like, "like", "", "behave as a real provider does: "+strings.Join(idpmock.TemperamentNames(), ", "))
	f.StringVar(&o.alg, "alg", "", "signing algorithm, RS256, ES256 or PS256")
	f.StringVar(&o.typ, "access-token-typ", "", "typ of JWT access tokens, at+jwt (the default) or JWT")
	f.BoolVar(&o.pkceOptional, "pkce-optional", false, "accept log-ins without PKCE from all clients")
	f.DurationVar(&o.idle, "idle", 0, "idle window of sessions (default 15m)")
	f.DurationVar(&o.absolute, "absolute", 0, "absolute lifetime of sessions (default 8h)")
	f.BoolVar(&o.coordinate, "coordinate", true, "bind the clients' tokens to the session")
	f.BoolVar(&o.expiry, "expiry-logout", true, "send logout tokens to all clients on expiry")
	f.BoolVar(&o.control, "control", true, "serve the control API and the status page under /_mock/, "+
		"without authentication")
	f.Func("client", "a client: id,secret,base-URL; its URIs are base/auth/callback, base/auth/logged-out, "+
		"base/auth/backchannel-logout, and base/auth/frontchannel-logout with a provider that sends no logout "+
		"tokens. Paths "+
		"that follow, such as id,secret,base-URL,/login/callback, are its redirect URIs instead. An empty secret is a "+
		"public client. May be repeated; in the environment spaces stand between two", o.addClients)
	f.StringVar(&o.signals, "ssf", "", "transmit Shared Signals to a receiver: token,audience; the token is for "+
		"the management API and for polls")
	f.StringVar(&o.tls, "tls", "", "serve https, and write the certificate of the CA that vouches for it, made "+
		"at each start, to this `file`")
	f.StringVar(&o.ready, "ready-file", "", "write the issuers to this `file` once they are served, and remove "+
		"it at the end")
	f.BoolVar(&o.healthy, "health", false, "ask the process that runs with the same flags whether it is healthy, "+
		"and end with 0 or 1")
	return f
}

func (o *options) addClients(v string) error {
	o.clients = append(o.clients, strings.Fields(v)...)
	return nil
}

// twin is the environment variable of a flag.
func twin(name string) string {
	return "IDP_MOCK_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// parse reads the flags, and the environment for those that are not given.
func parse(args []string, getenv func(string) string, stderr io.Writer) (*options, error) {
	o := &options{given: map[string]bool{}}
	f := o.flags(stderr)
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q: flags start with -", f.Arg(0))
	}
	f.Visit(func(g *flag.Flag) { o.given[g.Name] = true })
	var faults []error
	f.VisitAll(func(g *flag.Flag) {
		v := getenv(twin(g.Name))
		if v == "" || o.given[g.Name] {
			return
		}
		if err := g.Value.Set(v); err != nil {
			// it may be a secret
			faults = append(faults, fmt.Errorf("%s: it is no value for -%s", twin(g.Name), g.Name))
		}
		o.given[g.Name] = true
	})
	if o.issuers != "" && o.signals != "" {
		faults = append(faults, errors.New("-ssf: it needs one issuer; leave -issuers out"))
	}
	return o, errors.Join(faults...)
}

// apply puts what was given over a configuration.
func (o *options) apply(c *idpmock.Config) error {
	if o.given["like"] {
		t, err := idpmock.Like(o.like)
		if err != nil {
			return fmt.Errorf("-like: %w", err)
		}
		c.Temperament = t
	}
	c.Clients = slices.Clone(c.Clients)
	for _, text := range o.clients {
		client, err := parseClient(text, c.Temperament)
		if err != nil {
			return err
		}
		c.Clients = append(c.Clients, client)
	}
	for name, put := range map[string]func(){
		"alg":              func() { c.SigningAlg = o.alg },
		"access-token-typ": func() { c.AccessTokenTyp = o.typ },
		"pkce-optional":    func() { c.PKCEOptional = o.pkceOptional },
		"idle":             func() { c.IdleWindow = o.idle },
		"absolute":         func() { c.AbsoluteLifetime = o.absolute },
		"coordinate":       func() { c.CoordinateClientLifetimes = o.coordinate },
		"expiry-logout":    func() { c.ExpiredSessionsTriggerBackchannelLogout = o.expiry },
	} {
		if o.given[name] {
			put()
		}
	}
	return nil
}

// parseClient reads one -client. A provider that sends no logout tokens tells the client by
// the front channel, if it has one.
func parseClient(text string, like idpmock.Temperament) (idpmock.Client, error) {
	parts := strings.Split(text, ",")
	if len(parts) < 3 || parts[0] == "" {
		return idpmock.Client{}, fmt.Errorf("-client: %q: want id,secret,base-URL (an empty secret is a public client)",
			text)
	}
	u, err := url.Parse(parts[2])
	if err != nil || u.Host == "" {
		return idpmock.Client{}, fmt.Errorf("-client: %q is no base URL", parts[2])
	}
	base := strings.TrimSuffix(parts[2], "/")
	c := idpmock.Client{ID: parts[0], Secret: parts[1], RedirectURIs: []string{base + "/auth/callback"},
		PostLogoutRedirectURIs: []string{base + "/auth/logged-out", base, base + "/"},
		BackchannelLogoutURI:   base + "/auth/backchannel-logout", BackchannelSessionRequired: true,
		RefreshTokens:     true,
		ClientCredentials: parts[1] != "", TokenExchange: parts[1] != ""}
	if len(parts) > 3 {
		c.RedirectURIs, c.BackchannelLogoutURI = nil, ""
		for _, path := range parts[3:] {
			if !strings.HasPrefix(path, "/") {
				return idpmock.Client{}, fmt.Errorf("-client: %q is no path of a redirect URI: it must begin with /",
					path)
			}
			c.RedirectURIs = append(c.RedirectURIs, base+path)
		}
		return c, nil
	}
	if !like.Has("backchannel_logout_supported") && like.Has("frontchannel_logout_supported") {
		c.FrontchannelLogoutURI, c.FrontchannelSessionRequired = base+"/auth/frontchannel-logout", true
	}
	return c, nil
}

// readFile reads the configuration file, if there is one.
func (o *options) readFile() (file, error) {
	f := file{config: idpmock.Config{CoordinateClientLifetimes: o.coordinate,
		ExpiredSessionsTriggerBackchannelLogout: o.expiry}}
	if o.config == "" {
		return f, nil
	}
	text, err := os.ReadFile(o.config)
	if err != nil {
		return f, err
	}
	if err := f.read(text); err != nil {
		return f, fmt.Errorf("%s: %w", o.config, err)
	}
	return f, nil
}
