// Command idp-mock serves an OpenID Provider for tests and demos.
//
//	go run ./idp-mock -client notes,s3cret,http://localhost:9101
//
// With -like NAME it behaves like a real provider, such as keycloak, entra, okta or auth0, or
// as strictly as possible (strict); -help lists the names.
//
// It prints the issuer's URL and serves until it is interrupted. Without a list of users
// every user name may sign in. Without -config and -client there is no client at first; the
// control API can add clients.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/tandem-sso/tandem/idp-mock/control"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "idp-mock:", err)
		os.Exit(1)
	}
}

// run is the program. It serves until ctx ends.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	o, err := parse(args, getenv, stderr)
	if err != nil {
		return err
	}
	if o.healthy {
		return o.askHealth(ctx)
	}
	f, err := o.readFile()
	if err != nil {
		return err
	}
	listeners, err := listen(o.listen)
	if err != nil {
		return err
	}
	for _, l := range listeners {
		defer func() { _ = l.Close() }() // the server closes it too
	}
	scheme := "http"
	if o.tls != "" {
		scheme = "https"
	}
	// Every program resolves localhost; names below it are known to browsers and curl alone.
	p, err := o.open(f, scheme+"://localhost:"+portOf(listeners[0]))
	if err != nil {
		return err
	}
	defer p.Close()
	if o.tls != "" {
		own, err := newTLS(o.tls, hostsOf(p.issuers))
		if err != nil {
			return err
		}
		for i, l := range listeners {
			listeners[i] = tls.NewListener(l, own)
		}
	}
	var hello strings.Builder
	for _, issuer := range p.issuers {
		fmt.Fprintf(&hello, "issuer %s\n", issuer)
		if o.wantsControl(f) {
			fmt.Fprintf(&hello, "status page %s%s\n", issuer, control.Path)
		}
	}
	fmt.Fprintf(&hello, "listening on %s\n", listeners[0].Addr())
	if _, err := io.WriteString(stdout, hello.String()); err != nil {
		return err
	}
	if o.ready != "" {
		if err := writeReady(o.ready, p.issuers); err != nil {
			return err
		}
		defer func() { _ = os.Remove(o.ready) }() // at the worst it is stale
	}
	return serve(ctx, listeners, p.handler)
}

func hostsOf(issuers []string) (hosts []string) {
	for _, issuer := range issuers {
		if u, err := url.Parse(issuer); err == nil { // idpmock.New has checked it
			hosts = append(hosts, u.Hostname())
		}
	}
	return hosts
}
