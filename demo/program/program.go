// Package program is the demo as a program: flags in, running servers out. It is
// a package so that tests can start the very same program in process.
package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"syscall"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/demo/controlroom"
	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/resourceserver"
)

// Run is the program: it serves until ctx ends. getenv reads the environment.
// With -h it returns flag.ErrHelp.
func Run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	return RunMeasured(ctx, nil, args, getenv, stdout, stderr)
}

// Meter serves metrics on an address until stop is called. What it measures goes through
// measure first.
type Meter func(addr string) (measure func(rp.Config) (rp.Config, error), stop func(), err error)

// RunMeasured is Run with a Meter for -metrics. Without one -metrics runs examples/metrics, which has one.
func RunMeasured(ctx context.Context, meter Meter, args []string, getenv func(string) string, stdout,
	stderr io.Writer) error {
	o, err := parse(args, getenv, stderr)
	if err != nil {
		return err
	}
	if o.metrics != "" {
		if meter == nil {
			return elsewhere(ctx, o.metrics, args, stdout, stderr)
		}
		measure, stop, err := meter(string(o.metrics))
		if err != nil {
			return fmt.Errorf("-metrics: %w", err)
		}
		defer stop()
		o.measure = measure
		_, _ = fmt.Fprintf(stdout, "metrics at http://%s/metrics\n", o.metrics)
	}
	level := slog.LevelWarn
	if o.verbose {
		level = slog.LevelDebug
	}
	logger := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	switch o.app {
	case "":
		return o.everything(ctx, stdout, logger)
	case "api":
		return o.api(ctx, stdout, logger)
	}
	return o.single(ctx, stdout, logger)
}

func (o *options) single(ctx context.Context, stdout io.Writer, logger *slog.Logger) error {
	start := map[string]func(context.Context, apps.Config) (*apps.App, error){
		"refreshtoken": apps.StartRefreshToken, "referencetoken": apps.StartReferenceToken,
		"notoken": apps.StartNoToken,
	}[o.app]
	progress := stdout
	if o.diagnose { // nobody is served, and the app itself may be running meanwhile
		if o.baseURL == "" && o.listen != "" {
			o.baseURL = "http://" + o.listen
		}
		o.listen, progress, logger = "127.0.0.1:0", io.Discard, slog.New(slog.DiscardHandler)
	}
	shows, err := o.shows()
	if err != nil {
		return err
	}
	params, err := o.loginParams()
	if err != nil {
		return err
	}
	alg := o.idTokenAlg
	if o.profile != "" && !o.given["id-token-alg"] {
		alg = "" // the profile's
	}
	a, err := start(ctx, apps.Config{
		Issuer: o.issuer, ClientID: o.clientID, ClientSecret: rp.Secret(o.clientSecret),
		Listen: o.listen, BaseURL: o.baseURL, APIURL: o.apiURL, Scopes: strings.Fields(o.scopes), Store: o.store,
		Instances: o.instances, SealKey: rp.Secret(o.sealKey),
		SignalEvery: o.signalEvery, TrustFor: o.trustFor, IdPWindow: o.idpWindow, Idle: o.idle, Absolute: o.absolute,
		Trailing: o.trailing, SilentCheck: o.silentCheck, IDTokenAlg: alg, Like: o.like,
		TrustedAudiences: strings.Fields(o.trustedAudiences), LoginParams: params, Profile: o.profile,
		ResponseMode: o.responseMode,
		JAR:          o.jar, RequestURI: o.requestURI,
		PAR: o.par, DPoP: o.dpop, ClientKeys: shows.forApp(), ClientAuth: shows.method,
		Transport: shows.transport,
		Wait:      o.wait, InsecureAllowHTTP: o.insecureHTTP, Measure: o.measure, Progress: progress, Logger: logger,
	})
	if err != nil {
		return inFlags{err}
	}
	if o.diagnose {
		found := a.RP.Findings()
		if o.baseURL != "" { // the app may be running there: do POST requests reach it?
			found, err = a.Diagnose(ctx)
		}
		if err == nil {
			diagnose(stdout, found)
		}
		return errors.Join(err, a.Close())
	}
	for _, f := range a.RP.Findings() {
		if f.Serious {
			_, _ = fmt.Fprintln(stdout, "note:", asFlags(f.String()))
		}
	}
	return a.Run(ctx)
}

func (o *options) api(ctx context.Context, stdout io.Writer, logger *slog.Logger) error {
	shows, err := o.shows()
	if err != nil {
		return err
	}
	a, err := apps.StartAPI(ctx, apps.APIConfig{
		Issuer: o.issuer, ClientID: o.clientID, ClientSecret: resourceserver.Secret(o.clientSecret),
		ClientKey: shows.forAPI(), ClientAuth: shows.method, Transport: shows.transport, Listen: o.listen,
		BaseURL:  o.baseURL,
		Audience: strings.Fields(o.audience), IntrospectionURL: o.introspectionURL, Cache: o.cache, Wait: o.wait,
		InsecureAllowHTTP: o.insecureHTTP, Progress: stdout, Logger: logger,
	})
	if err != nil {
		return inFlags{err}
	}
	return a.Run(ctx)
}

// everything starts the whole demo. Without -listen-port-base the usual ports are
// tried first, so that addresses stay the same from start to start.
func (o *options) everything(ctx context.Context, stdout io.Writer, logger *slog.Logger) error {
	c := system.Config{PortBase: o.portBase, Like: o.like, Store: o.store, Instances: o.instances, Measure: o.measure,
		Logger: logger, Settings: system.Settings{
			IdPIdle: o.idpIdle, IdPAbsolute: o.idpMaximum, TokenLife: o.tokenLife, SignalEvery: o.signalEvery,
			TrustFor: o.trustFor,
			Idle:     o.idle, Absolute: o.absolute, Trailing: o.trailing, SilentCheck: o.silentCheck,
			APICache: o.cache}}
	usual := !o.given["listen-port-base"]
	if usual {
		c.PortBase = usualPort
	}
	room, err := controlroom.Start(ctx, c)
	if usual && errors.Is(err, syscall.EADDRINUSE) {
		c.PortBase = 0
		room, err = controlroom.Start(ctx, c)
	}
	if err != nil {
		return err
	}
	s := room.System
	several := ""
	if o.instances > 1 {
		several = fmt.Sprintf("\n  Each app runs as %d instances, which share its sessions and take turns.",
			o.instances)
	}
	_, _ = fmt.Fprintf(stdout, `
  Tandem demo: one sign-on, three apps, and a room to watch them from

  Control room    %s

  Notes           %s   keeps a refresh token
  Reports         %s   keeps a reference token, calls the API
  Wiki            %s   keeps no token
  Homemade        %s   without the library, for comparison
  API             %s
  IdP             %s   sign in as ada, grace or alan; no password

  An IdP session ends %v after the last activity. Ctrl-C ends the demo.%s

`, room.URL(), s.App(system.Notes).URL(), s.App(system.Reports).URL(), s.App(system.Wiki).URL(), s.Naive.URL(), s.API.URL(), s.IDP.Issuer(), s.Settings().IdPIdle, several)
	return room.Run(ctx)
}

const usualPort = 9000
