// Command demo shows Tandem at work.
//
//	go run ./demo                      an IdP, three apps, an API and the control room
//	go run ./demo -instances 2         the same, each app as two instances
//	go run ./demo -metrics             the same, and metrics at http://127.0.0.1:9464/metrics
//	go run ./demo -app refreshtoken …  one app alone, against any IdP
//	go run ./demo -app api …           the API alone
//
// Every flag has an environment twin: -client-secret is TANDEM_CLIENT_SECRET.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/tandem-sso/tandem/demo/program"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := program.Run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp), errors.Is(err, context.Canceled) && ctx.Err() != nil:
	default:
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}
