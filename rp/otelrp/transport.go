package otelrp

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

type transport struct {
	next   http.RoundTripper
	m      *meters
	tracer trace.Tracer
}

// wrapper is the type of Config.IdPTransport.
type wrapper = func(http.RoundTripper) http.RoundTripper

// around measures what calls the IdP, within what the app wraps it by itself.
func (m *meters) around(outer wrapper, tracer trace.Tracer) wrapper {
	return func(next http.RoundTripper) http.RoundTripper {
		measured := transport{next, m, tracer}
		if outer == nil {
			return measured
		}
		return outer(measured)
	}
}

// RoundTrip measures one call. Its path is an endpoint of the IdP's, so there are few of
// them; the query, which may hold secrets, is left out. The IdP is another's system: no
// trace header is sent to it.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	t.m.calls.Add(r.Context(), 1, t.m.with())
	ctx, span := t.tracer.Start(r.Context(), "tandem.idp "+r.URL.Path, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(t.m.client, attribute.String("http.request.method", r.Method),
			attribute.String("server.address", r.URL.Hostname()), attribute.String("url.path", r.URL.Path)))
	defer span.End()
	resp, err := t.next.RoundTrip(r.WithContext(ctx))
	status := "none" // no answer
	if err == nil {
		status = strconv.Itoa(resp.StatusCode)
		span.SetAttributes(attribute.Int("http.response.status_code", resp.StatusCode))
	}
	if err != nil || resp.StatusCode >= 500 {
		span.SetStatus(codes.Error, "") // an error's text may have an address with its query
	}
	// A call that has been given up is counted, too.
	done := context.WithoutCancel(ctx)
	t.m.calls.Add(done, -1, t.m.with())
	t.m.called.Record(done, since(began), t.m.with("path", r.URL.Path, "status", status))
	return resp, err
}
