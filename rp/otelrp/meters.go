package otelrp

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/reason"
)

// meters are the instruments of one client. docs/metrics.md has them for operators.
type meters struct {
	client attribute.KeyValue

	logins, refused, ends, signals, unavailable, massLogouts, keysRead metric.Int64Counter

	streams, calls metric.Int64UpDownCounter

	sessions metric.Int64Gauge

	lasted, lag, waited, logoutTokens, pages, stored, called metric.Float64Histogram
}

// Limits of buckets, in seconds.
var (
	short = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	long  = []float64{60, 300, 900, 1800, 3600, 2 * 3600, 4 * 3600, 8 * 3600, 12 * 3600, 24 * 3600, 7 * 24 * 3600}
	lags  = []float64{.05, .1, .5, 1, 5, 15, 30, 60, 120, 300, 600, 1800}
)

func newMeters(meter metric.Meter, client string) (*meters, error) {
	m := &meters{client: attribute.String("client_id", client)}
	var errs []error
	for _, c := range []struct {
		to               *metric.Int64Counter
		name, unit, text string
	}{
		{&m.logins, "tandem.logins", "{login}", "Log-ins that began a session."},
		{&m.refused, "tandem.refused", "{request}", "Log-ins and logout tokens that were refused, by what."},
		{&m.ends, "tandem.session.ends", "{session}", "Sessions that ended, by reason and cause."},
		{&m.signals, "tandem.signals", "{call}",
			"Calls that told the IdP of activity, or could not, by how and verdict."},
		{&m.unavailable, "tandem.unavailable", "{request}", "Requests that were answered with 503, by cause."},
		{&m.massLogouts, "tandem.mass.logouts", "{alarm}",
			"Minutes in which the IdP refused suspiciously many sessions."},
		{&m.keysRead, "tandem.keys.reads", "{read}", "Times that the IdP's signing keys were read."},
	} {
		var err error
		*c.to, err = meter.Int64Counter(c.name, metric.WithUnit(c.unit), metric.WithDescription(c.text))
		errs = append(errs, err)
	}
	for _, c := range []struct {
		to               *metric.Int64UpDownCounter
		name, unit, text string
	}{
		{&m.streams, "tandem.streams", "{stream}", "Event streams of pages that are open on this instance."},
		{&m.calls, "tandem.idp.calls.active", "{call}", "Calls of the IdP that are under way."},
	} {
		var err error
		*c.to, err = meter.Int64UpDownCounter(c.name, metric.WithUnit(c.unit), metric.WithDescription(c.text))
		errs = append(errs, err)
	}
	for _, c := range []struct {
		to         *metric.Float64Histogram
		name, text string
		buckets    []float64
	}{
		{&m.lasted, "tandem.session.duration", "How long sessions lasted, from the start of the log-in.", long},
		{&m.lag, "tandem.signal.lag", "From the latest activity to the IdP being told.", lags},
		{&m.waited, "tandem.wait.duration", "How long requests waited for a call of the IdP, by outcome.", short},
		{&m.logoutTokens, "tandem.logout.token.duration",
			"From the arrival of a logout token to its answer, by outcome.", short},
		{&m.pages, "tandem.page.delay", "From the end of a session to an open page being told, by reason.", short},
		{&m.stored, "tandem.store.duration", "Calls of the store, by operation and outcome.", short},
		{&m.called, "tandem.idp.call.duration", "Calls of the IdP to the answer's header, by path and status.", short},
	} {
		var err error
		*c.to, err = meter.Float64Histogram(c.name, metric.WithUnit("s"), metric.WithDescription(c.text),
			metric.WithExplicitBucketBoundaries(c.buckets...))
		errs = append(errs, err)
	}
	var err error
	m.sessions, err = meter.Int64Gauge("tandem.sessions", metric.WithUnit("{session}"),
		metric.WithDescription("Sessions that live, of all instances together, as the store counts them."))
	errs = append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	m.zero()
	return m, nil
}

// zero begins the counters at 0 that an alert looks at, so that the first case counts, too.
func (m *meters) zero() {
	no := context.Background()
	for _, c := range []metric.Int64Counter{m.logins, m.massLogouts} {
		c.Add(no, 0, m.with())
	}
	for _, c := range []reason.Cause{reason.StoreFailed, reason.IdPSilent, reason.IdPFails, reason.Busy} {
		m.unavailable.Add(no, 0, m.with("cause", string(c)))
	}
	for _, what := range []event.Refusal{event.RefusedLogin, event.RefusedLogoutToken, event.FailedLogoutToken} {
		m.refused.Add(no, 0, m.with("what", string(what)))
	}
	m.streams.Add(no, 0, m.with())
	m.calls.Add(no, 0, m.with())
}

// with are the client and pairs of key and value.
func (m *meters) with(pairs ...string) metric.MeasurementOption {
	all := []attribute.KeyValue{m.client}
	for i := 0; i+1 < len(pairs); i += 2 {
		all = append(all, attribute.String(pairs[i], pairs[i+1]))
	}
	return metric.WithAttributeSet(attribute.NewSet(all...))
}

func since(t time.Time) float64 { return time.Since(t).Seconds() }
