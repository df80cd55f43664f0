// Package otelrp gives a relying party metrics and traces, over the OpenTelemetry API alone:
// which SDK collects them, and where they go, is the program's choice.
//
//	config, err := otelrp.Instrument(config)
//	auth, err := rp.New(ctx, config)
//
// docs/metrics.md lists the instruments, what to watch and what to do. It is a module of its
// own, so that the go.sum of programs without it does not list OpenTelemetry.
package otelrp

import (
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/tandem-sso/tandem/rp"
)

// Scope is the name of the meter and of the tracer.
const Scope = "github.com/tandem-sso/tandem/rp/otelrp"

// Option changes where measurements go.
type Option func(*options)

type options struct {
	meters  metric.MeterProvider
	tracers trace.TracerProvider
}

// WithMeterProvider says where metrics go. Default: otel.GetMeterProvider().
func WithMeterProvider(p metric.MeterProvider) Option { return func(o *options) { o.meters = p } }

// WithTracerProvider says where spans go. Default: otel.GetTracerProvider().
func WithTracerProvider(p trace.TracerProvider) Option { return func(o *options) { o.tracers = p } }

// Instrument returns a Config that measures and does all else as c does: it wraps Store and
// IdPTransport and adds to Events. Every measurement has the attribute client_id; none has a
// name of a person, a session or a token. Its error is one of the SDK's.
func Instrument(c rp.Config, opts ...Option) (rp.Config, error) {
	o := options{meters: otel.GetMeterProvider(), tracers: otel.GetTracerProvider()}
	for _, opt := range opts {
		opt(&o)
	}
	m, err := newMeters(o.meters.Meter(Scope), c.ClientID)
	if err != nil {
		return c, err
	}
	tracer := o.tracers.Tracer(Scope)
	if c.Store != nil { // else New says what is missing
		c.Store = measuredStore{c.Store, m, tracer, &census{}}
	}
	c.IdPTransport = m.around(c.IdPTransport, tracer)
	c.Events = m.events(c.Events)
	return c, nil
}
