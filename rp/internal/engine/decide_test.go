package engine

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// A session whose time is up, and which the store does not end, is no session that has changed:
// whoever asks would look again and again.
func TestExpireWhileTheStoreEndsNothing(t *testing.T) {
	p := newWithStore(t, Config{})
	st, err := p.Open(p.live(t, 1, record.Data{Subject: "ada"}))
	if err != nil {
		t.Fatal(err)
	}
	p.kept.stays = errors.New("read only")
	err = p.Expire(t.Context(), st, lifetime.Absolute)
	if down := (*reason.UnavailableError)(nil); !errors.As(err, &down) || down.Cause != reason.StoreFailed {
		t.Errorf("%v", err)
	}
}

// The signals of many sessions are spread over a tenth of δ on both sides.
func TestSignalsAreSpread(t *testing.T) {
	c := Config{Kind: RefreshToken, SignalEvery: 100 * time.Second}
	c.Capabilities.Extends.Refresh = true
	p := newWithStore(t, c)
	for b, want := range map[byte]time.Duration{0: 90 * time.Second, 0x80: 100 * time.Second, 0xff: 110 * time.Second} {
		st := &State{Rec: store.Record{Key: store.Key{b, b}}, Data: &record.Data{RefreshToken: "r"}}
		if got := p.Policy(st).SignalEvery; (got - want).Abs() > 100*time.Millisecond {
			t.Errorf("%#x: %v, want %v", b, got, want)
		}
	}
}

// C8: who watches a session that has ended hears of it when the store answers again.
func TestLookAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newWithStore(t, Config{})
		rec := p.live(t, 1, record.Data{Subject: "ada"})
		topic := p.hub.subscribe(rec.Key)
		defer topic.Release()
		if _, err := p.kept.Store.End(t.Context(), store.Selector{Key: rec.Key},
			store.End{Reason: "admin", At: time.Now(), Until: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		p.kept.fails(errors.New("down"))
		time.AfterFunc(3*time.Second, func() { p.kept.fails(nil) })
		began := time.Now()
		go p.lookAgain(t.Context(), []store.Key{rec.Key})
		select {
		case <-topic.Done:
			if took := time.Since(began); took > 4*time.Second {
				t.Errorf("heard after %v", took)
			}
		case <-time.After(time.Minute):
			t.Error("never heard")
		}
		p.stop()
	})
}
