package engine

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/names"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// C5: an end reaches the log-ins that began before it. Where this app's clock counts, it also reaches
// one that began in the future by that clock, because then the clock was wrong. Where the IdP's clock
// counts, it does not. Later log-ins go on.
func TestEndUnder(t *testing.T) {
	end := Cut(time.Now()) // the store forgets by its own clock
	for name, row := range map[string]struct {
		which store.Selector
		ended []int // of 1: before the end, 2: after it, 3: in the future
	}{
		"by this app's clock": {store.Selector{BegunBy: end}, []int{1, 3}},
		"by the IdP's clock":  {store.Selector{BegunBy: end, IssuedBy: end}, []int{1}},
	} {
		now := end
		p := newWithStore(t, Config{Now: func() time.Time { return now }})
		d := record.Data{Subject: "ada"}
		for n, begun := range map[int]time.Duration{1: -time.Minute, 2: time.Minute, 3: time.Hour} {
			now = end.Add(begun)
			p.live(t, n, d)
		}
		now = end.Add(2 * time.Minute)
		ended, err := p.EndUnder(t.Context(), p.party.Under(names.BySubject, "ada"), row.which, reason.Admin, "")
		var told []int
		for _, rec := range ended {
			told = append(told, int(rec.Key[1]))
		}
		if slices.Sort(told); err != nil || !slices.Equal(told, row.ended) {
			t.Errorf("%s: told of %v, want %v; %v", name, told, row.ended, err)
		}
		for n := 1; n <= 3; n++ {
			_, err := p.kept.Load(t.Context(), numbered(n))
			if errors.Is(err, store.ErrEnded) != slices.Contains(row.ended, n) {
				t.Errorf("%s: session %d: %v", name, n, err)
			}
		}
	}
}

// halfDown is a store that does not list, or does not end single sessions.
type halfDown struct {
	store.Store
	list, end bool
}

func (s *halfDown) List(ctx context.Context, ref store.Key) ([]store.Record, error) {
	if s.list {
		return nil, errDown
	}
	return s.Store.List(ctx, ref)
}

func (s *halfDown) End(ctx context.Context, sel store.Selector, end store.End) ([]store.Record, error) {
	if s.end && sel.Key != (store.Key{}) {
		return nil, errDown
	}
	return s.Store.End(ctx, sel, end)
}

// C6: a log-out that may not have reached every session is told as a failure of the store, so that it
// comes again.
func TestEndUnderHalfDone(t *testing.T) {
	for name, s := range map[string]*halfDown{"no list": {list: true}, "no single end": {end: true}} {
		now := morning.Add(time.Hour)
		p := newWithStore(t, Config{Now: func() time.Time { return now }})
		s.Store, p.kept.Store = p.kept.Store, s
		p.live(t, 1, record.Data{Subject: "ada"})
		now = morning
		_, err := p.EndUnder(t.Context(), p.party.Under(names.BySubject, "ada"), store.Selector{BegunBy: morning},
			reason.Admin, "")
		if down := (*reason.UnavailableError)(nil); !errors.As(err, &down) || !errors.Is(err, errDown) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// C8: the instance that ends a session tells its own watchers at once, without the store's word, and
// keeps nothing of the session in memory.
func TestEndIsToldAtOnce(t *testing.T) {
	p := newWithStore(t, Config{Kind: NoToken})
	rec := p.live(t, 1, record.Data{})
	if _, err := p.Load(t.Context(), rec.Key); err != nil || p.Cached(&rec) == nil {
		t.Fatalf("the test shows nothing: %v", err)
	}
	watched := p.Subscribe(rec.Key)
	defer watched.Release()
	if _, err := p.End(t.Context(), rec.Key, reason.Admin); err != nil {
		t.Fatal(err)
	}
	if !closed(watched.Done) || watched.Why() != string(reason.Admin) {
		t.Errorf("nobody is told: %q", watched.Why())
	}
	if p.Cached(&rec) != nil {
		t.Error("it is in memory still")
	}
}
