package redisstore_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/redisstore"
)

// A server that is full takes in nobody, says so, and lets everybody who is there
// work and leave; that is how there is room again.
func TestFull(t *testing.T) {
	server := start(t, "--maxmemory", "4mb", "--maxmemory-policy", "noeviction", "--appendonly", "no")
	addr, ctx := server.Addr, t.Context()
	s := open(t, addr, redisstore.Options{})
	must := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Fatalf("%s: %v, want %v", what, err, want)
		}
	}
	now := time.Now()
	expired := func(i int) store.Record {
		rec := record(i)
		rec.Begun, rec.Issued, rec.Active = now.Add(-time.Hour), now.Add(-time.Hour), now.Add(-time.Hour)
		rec.Due = now.Add(-time.Minute)
		return rec
	}
	n := 0
	var full error
	for full == nil {
		if n > 10_000 {
			t.Fatal("the server never gets full")
		}
		if full = s.Create(ctx, expired(n)); full == nil {
			n++
		}
	}
	if n < 20 || !strings.Contains(full.Error(), "Redis is full") || isAnswer(full) {
		t.Fatalf("Create of session %d: %v", n, full)
	}
	// Fuller than full, so that no call gets through by chance.
	must("CONFIG", command(t, addr, "CONFIG", "SET", "maxmemory", "2mb").Error(), nil)
	if codes := s.Findings(ctx); len(codes) == 0 || codes[0].Code != "redis_full" {
		t.Errorf("findings: %v", codes)
	}

	// Who is there goes on.
	rec, err := s.Load(ctx, nth('k', 0))
	must("Load", err, nil)
	must("Touch", s.Touch(ctx, rec.Key, now, now.Add(time.Hour)), nil)
	l, err := s.Acquire(ctx, nth('l', 0), time.Minute)
	must("Acquire", err, nil)
	must("Renew", s.Renew(ctx, l, time.Minute), nil)
	must("Replace", s.Replace(ctx, rec), nil) // the tokens of a refresh are kept
	rec.Version, rec.Refs = 2, []store.Key{nth('t', 0), rec.Refs[1]}
	must("Replace with another sid", s.Replace(ctx, rec), nil)
	must("Release", s.Release(ctx, l), nil)

	// Log-outs by all roads.
	until := now.Add(time.Hour)
	end := store.End{Reason: "user_logout", At: now, Until: until}
	got, err := s.End(ctx, store.Selector{Key: rec.Key}, end)
	must("End", err, nil)
	if len(got) != 1 {
		t.Fatalf("%d sessions were ended", len(got))
	}
	must("Settle", s.Settle(ctx, rec.Key, nil, time.Time{}), nil)
	must("Once", s.Once(ctx, nth('o', 0), until), nil) // the jti of the logout token
	must("Once again", s.Once(ctx, nth('o', 0), until), store.ErrConflict)
	got, err = s.End(ctx, store.Selector{Ref: nth('s', 1), BegunBy: now, IssuedBy: now}, end)
	must("back-channel logout", err, nil)
	if len(got) != 1 {
		t.Fatalf("%d sessions were ended", len(got))
	}
	_, err = s.End(ctx, store.Selector{Ref: nth('x', 0)}, end) // before its log-in
	must("back-channel logout of nobody", err, nil)
	if err := s.Create(ctx, record(n)); err == nil || isAnswer(err) {
		t.Fatalf("Create in a full server: %v", err)
	}

	// The sweeper makes room.
	for swept := 0; swept < n-3; {
		batch, err := s.Claim(ctx, benchOwner, now, time.Minute, 64)
		must("Claim", err, nil)
		if len(batch) == 0 {
			t.Fatalf("only %d of %d expired sessions are found", swept, n)
		}
		for _, r := range batch {
			if !r.Ended() {
				_, err := s.End(ctx, store.Selector{Key: r.Key}, end)
				must("End of an expired session", err, nil)
				swept++
			}
			must("Settle", s.Settle(ctx, r.Key, nil, time.Time{}), nil)
		}
	}
	must("CONFIG", command(t, addr, "CONFIG", "SET", "maxmemory", "4mb").Error(), nil)
	must("Create when there is room again", s.Create(ctx, record(n)), nil)
	_, err = s.Load(ctx, nth('k', 1))
	must("Load of an ended session", err, store.ErrEnded)
	late := record(n + 1)
	late.Refs[0] = nth('x', 0)
	must("Create against a tombstone that was left in a full server", s.Create(ctx, late), store.ErrEnded)
}
