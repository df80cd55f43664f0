package otelrp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/tandem-sso/tandem/rp/store"
)

// measuredStore measures each call of a Store, Watch excepted, which lasts. Load has no span:
// most are answered from memory, in less time than a span takes.
type measuredStore struct {
	store.Store
	m      *meters
	tracer trace.Tracer
	census *census
}

// Findings are the Store's own.
func (s measuredStore) Findings(ctx context.Context) []store.Finding {
	if inner, ok := s.Store.(store.FindingStore); ok {
		return inner.Findings(ctx)
	}
	return nil
}

// Format prints what the Store prints.
func (s measuredStore) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, s.Store) }

// begin returns the context of a call, and what to do after it.
func (s measuredStore) begin(ctx context.Context, operation string) (context.Context, func(error)) {
	began := time.Now()
	ctx, span := s.tracer.Start(ctx, "tandem.store "+operation,
		trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(s.m.client))
	return ctx, func(err error) {
		out := outcome(err)
		if out == "error" {
			span.SetStatus(codes.Error, "")
		}
		span.End()
		s.record(ctx, began, operation, out)
	}
}

func (s measuredStore) record(ctx context.Context, began time.Time, operation, outcome string) {
	s.m.stored.Record(context.WithoutCancel(ctx), since(began), s.m.with("operation", operation, "outcome", outcome))
}

// outcome tells the answers of the contract from failures. That somebody has hung up is none.
func outcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, store.ErrNotFound):
		return "not_found"
	case errors.Is(err, store.ErrConflict):
		return "conflict"
	case errors.Is(err, store.ErrEnded):
		return "ended"
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	return "error"
}

func (s measuredStore) Load(ctx context.Context, key store.Key) (store.Record, error) {
	began := time.Now()
	rec, err := s.Store.Load(ctx, key)
	s.record(ctx, began, "load", outcome(err))
	return rec, err
}

func (s measuredStore) Create(ctx context.Context, rec store.Record) error {
	ctx, done := s.begin(ctx, "create")
	err := s.Store.Create(ctx, rec)
	done(err)
	return err
}

func (s measuredStore) Replace(ctx context.Context, rec store.Record) error {
	ctx, done := s.begin(ctx, "replace")
	err := s.Store.Replace(ctx, rec)
	done(err)
	return err
}

func (s measuredStore) Touch(ctx context.Context, key store.Key, active, due time.Time) error {
	ctx, done := s.begin(ctx, "touch")
	err := s.Store.Touch(ctx, key, active, due)
	done(err)
	return err
}

func (s measuredStore) End(ctx context.Context, sel store.Selector, end store.End) ([]store.Record, error) {
	ctx, done := s.begin(ctx, "end")
	ended, err := s.Store.End(ctx, sel, end)
	done(err)
	return ended, err
}

func (s measuredStore) List(ctx context.Context, ref store.Key) ([]store.Record, error) {
	ctx, done := s.begin(ctx, "list")
	list, err := s.Store.List(ctx, ref)
	done(err)
	return list, err
}

func (s measuredStore) Claim(ctx context.Context, owner store.Key, now time.Time, hold time.Duration, limit int) (
	[]store.Record, error) {
	began := time.Now() // each second, for nobody's request: no span
	list, err := s.Store.Claim(ctx, owner, now, hold, limit)
	s.record(ctx, began, "claim", outcome(err))
	if err == nil && s.census.due(began) {
		s.count(ctx, owner)
	}
	return list, err
}

func (s measuredStore) Settle(ctx context.Context, key store.Key, sealed []byte, due time.Time) error {
	ctx, done := s.begin(ctx, "settle")
	err := s.Store.Settle(ctx, key, sealed, due)
	done(err)
	return err
}

func (s measuredStore) Once(ctx context.Context, id store.Key, until time.Time) error {
	ctx, done := s.begin(ctx, "once")
	err := s.Store.Once(ctx, id, until)
	done(err)
	return err
}

func (s measuredStore) Acquire(ctx context.Context, id store.Key, ttl time.Duration) (store.Lease, error) {
	ctx, done := s.begin(ctx, "acquire")
	lease, err := s.Store.Acquire(ctx, id, ttl)
	done(err)
	return lease, err
}

func (s measuredStore) Renew(ctx context.Context, l store.Lease, ttl time.Duration) error {
	ctx, done := s.begin(ctx, "renew")
	err := s.Store.Renew(ctx, l, ttl)
	done(err)
	return err
}

func (s measuredStore) Release(ctx context.Context, l store.Lease) error {
	ctx, done := s.begin(ctx, "release")
	err := s.Store.Release(ctx, l)
	done(err)
	return err
}
