// Command metrics is the demo with its metrics served to a Prometheus, and what a program of
// your own does for that.
//
//	go run ./metrics -metrics    the whole demo; http://127.0.0.1:9464/metrics
//
// It takes the flags of the demo, and is what the demo runs for -metrics.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/tandem-sso/tandem/demo/program"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/otelrp"
)

// serve measures by OpenTelemetry and shows a Prometheus the figures.
func serve(addr string) (measure func(rp.Config) (rp.Config, error), stop func(), err error) {
	registry := prometheus.NewRegistry()
	exporter, err := otelprom.New(otelprom.WithRegisterer(registry), otelprom.WithoutScopeInfo())
	if err != nil {
		return nil, nil, err
	}
	meters := metric.NewMeterProvider(metric.WithReader(exporter))
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	// OpenMetrics is the format that has exemplars.
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = srv.Serve(l) }() // until stop
	measure = func(c rp.Config) (rp.Config, error) {
		return otelrp.Instrument(c, otelrp.WithMeterProvider(meters))
	}
	return measure, func() { _ = srv.Close(); _ = meters.Shutdown(context.Background()) }, nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := program.RunMeasured(ctx, serve, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp), errors.Is(err, context.Canceled) && ctx.Err() != nil:
	default:
		fmt.Fprintln(os.Stderr, "metrics:", err)
		os.Exit(1)
	}
}
