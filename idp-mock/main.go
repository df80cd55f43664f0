// Command idp-mock serves an OpenID Provider for tests and demos.
//
//	go run ./idp-mock -listen 127.0.0.1:9000 -config idp.json
//
// With -like NAME it behaves as a real provider does (keycloak, entra, adfs, okta,
// auth0, cognito, login.gov, dex, hydra, zitadel, oidc-provider, duende), or as strictly as can be
// (strict).
//
// It prints the issuer's URL and serves until it is interrupted. Without a list
// of users every user name may sign in; without -config and -client there is no
// client yet: the control API can add some.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/control"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/transmitter"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "idp-mock:", err)
		os.Exit(1)
	}
}

// run is the program. It serves until ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("idp-mock", flag.ContinueOnError)
	flags.SetOutput(stderr)
	listen := flags.String("listen", "127.0.0.1:9000", "address to listen on; port 0 picks one")
	issuer := flags.String("issuer", "", "issuer URL (default http://localhost:PORT)")
	file := flags.String("config", "", "JSON configuration file")
	like := flags.String("like", "", "behave as a real provider does: "+strings.Join(idpmock.TemperamentNames(), ", "))
	alg := flags.String("alg", "", "signing algorithm, RS256 or ES256")
	idle := flags.Duration("idle", 0, "idle window of sessions (default 15m)")
	absolute := flags.Duration("absolute", 0, "absolute lifetime of sessions (default 8h)")
	coordinate := flags.Bool("coordinate", true, "bind the clients' tokens to the session")
	expiry := flags.Bool("expiry-logout", true, "send logout tokens to all clients on expiry")
	withControl := flags.Bool("control", true, "serve the control API and the status page under /_mock/, without authentication")
	client := flags.String("client", "", "a client: id,secret,base-URL; its URIs are base/auth/callback, base/auth/logged-out, "+
		"base/auth/backchannel-logout, and base/auth/frontchannel-logout with a provider that sends no logout tokens")
	signals := flags.String("ssf", "", "transmit Shared Signals to a receiver: token,audience; the token is for the management API and for polls")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}

	cfg := idpmock.Config{CoordinateClientLifetimes: *coordinate, ExpiredSessionsTriggerBackchannelLogout: *expiry}
	serveControl := *withControl
	if *file != "" {
		text, err := os.ReadFile(*file)
		if err != nil {
			return err
		}
		if err := readConfig(text, &cfg, &serveControl); err != nil {
			return fmt.Errorf("%s: %w", *file, err)
		}
	}
	if *like != "" {
		var err error
		if cfg.Temperament, err = idpmock.Like(*like); err != nil {
			return fmt.Errorf("-like: %w", err)
		}
	}
	if *client != "" {
		c, err := parseClient(*client, cfg.Temperament)
		if err != nil {
			return err
		}
		cfg.Clients = append(cfg.Clients, c)
	}
	// A flag that was given beats the file.
	flags.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "issuer":
			cfg.Issuer = *issuer
		case "alg":
			cfg.SigningAlg = *alg
		case "idle":
			cfg.IdleWindow = *idle
		case "absolute":
			cfg.AbsoluteLifetime = *absolute
		case "coordinate":
			cfg.CoordinateClientLifetimes = *coordinate
		case "expiry-logout":
			cfg.ExpiredSessionsTriggerBackchannelLogout = *expiry
		case "control":
			serveControl = *withControl
		}
	})

	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	defer l.Close()
	if cfg.Issuer == "" {
		_, port, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			return err
		}
		// Every program resolves localhost; names below it are known to browsers and curl alone.
		cfg.Issuer = "http://localhost:" + port
	}
	idp, err := idpmock.New(cfg)
	if err != nil {
		return err
	}
	defer idp.Close()
	handler := idp.Handler()
	if serveControl {
		handler = control.Beside(idp, handler)
	}
	if *signals != "" {
		token, audience, _ := strings.Cut(*signals, ",")
		signals, err := transmitter.New(idp, transmitter.Config{OnEnd: true,
			Receivers: []transmitter.Receiver{{Token: token, Audience: []string{audience}}}})
		if err != nil {
			return err
		}
		defer func() { _ = signals.Close() }() // always nil
		handler = signals.Beside(handler)
	}
	hello := fmt.Sprintf("issuer %s\nlistening on %s\n", idp.Issuer(), l.Addr())
	if serveControl {
		hello += fmt.Sprintf("status page %s%s\n", idp.Issuer(), control.Path)
	}
	if _, err := io.WriteString(stdout, hello); err != nil {
		return err
	}
	return serve(ctx, l, handler)
}

// readConfig reads a configuration file: what idpmock.Config has, and control_api.
func readConfig(text []byte, c *idpmock.Config, control *bool) error {
	var own struct {
		ControlAPI *bool `json:"control_api"`
	}
	if err := json.Unmarshal(text, &own); err != nil {
		return err
	}
	if own.ControlAPI == nil {
		return json.Unmarshal(text, c)
	}
	*control = *own.ControlAPI
	var rest map[string]json.RawMessage
	if err := json.Unmarshal(text, &rest); err != nil {
		return err
	}
	delete(rest, "control_api")
	text, err := json.Marshal(rest)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, c)
}

func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	mux := http.NewServeMux()
	mux.Handle("/", h)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok\n") })
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if err := s.Shutdown(stopping); err != nil {
		return s.Close() // event streams stay open for ever
	}
	return nil
}

// parseClient reads the -client flag. A provider that sends no logout tokens
// tells the client by the front channel, if it has one.
func parseClient(text string, like idpmock.Temperament) (idpmock.Client, error) {
	parts := strings.SplitN(text, ",", 3)
	if len(parts) != 3 || parts[0] == "" {
		return idpmock.Client{}, fmt.Errorf("-client: %q: want id,secret,base-URL (an empty secret is a public client)", text)
	}
	u, err := url.Parse(parts[2])
	if err != nil || u.Host == "" {
		return idpmock.Client{}, fmt.Errorf("-client: %q is no base URL", parts[2])
	}
	base := strings.TrimSuffix(parts[2], "/")
	c := idpmock.Client{ID: parts[0], Secret: parts[1], RedirectURIs: []string{base + "/auth/callback"},
		PostLogoutRedirectURIs: []string{base + "/auth/logged-out"}, BackchannelLogoutURI: base + "/auth/backchannel-logout", BackchannelSessionRequired: true, RefreshTokens: true}
	if !like.Has("backchannel_logout_supported") && like.Has("frontchannel_logout_supported") {
		c.FrontchannelLogoutURI, c.FrontchannelSessionRequired = base+"/auth/frontchannel-logout", true
	}
	return c, nil
}
