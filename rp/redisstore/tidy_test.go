package redisstore_test

import (
	"errors"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/redisstore"
)

// Whatever happens to sessions, once they have ended and are settled no key is
// left that does not go by itself.
func TestLeavesNothing(t *testing.T) {
	ctx := t.Context()
	o := redisstore.Options{Prefix: newPrefix()}
	s := open(t, shared(t).Addr, o)
	must := func(err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Fatalf("answer: %v, want %v", err, want)
		}
	}
	end := rp.End{Reason: rp.Admin, At: time.Now(), Until: time.Now().Add(time.Hour)}
	for i := range 20 {
		rec := record(i)
		must(s.Create(ctx, rec), nil)
		must(s.Create(ctx, rec), rp.ErrConflict)
		rec.Version = 1
		rec.Refs = []rp.Key{nth('t', i), rec.Refs[1]} // another sid
		must(s.Replace(ctx, rec), nil)
		sel := rp.Selector{Key: rec.Key}
		if i%2 == 0 {
			sel = rp.Selector{Ref: nth('t', i)}
		}
		got, err := s.End(ctx, sel, end)
		if must(err, nil); len(got) != 1 {
			t.Fatalf("%d sessions were ended", len(got))
		}
		if i%2 == 0 {
			late := record(100 + i)
			late.Refs = rec.Refs
			must(s.Create(ctx, late), rp.ErrEnded)
		}
		must(s.Settle(ctx, rec.Key, nil, time.Time{}), nil)
		must(s.Once(ctx, nth('o', i), end.Until), nil)
		l, err := s.Acquire(ctx, nth('l', i), time.Minute)
		must(err, nil)
		must(s.Release(ctx, l), nil)
	}

	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{shared(t).Addr}, DisableCache: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	keys, err := c.Do(ctx, c.B().Keys().Pattern(o.Prefix+"*").Build()).AsStrSlice()
	if err != nil || len(keys) == 0 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	for _, key := range keys {
		if ttl, err := c.Do(ctx, c.B().Pttl().Key(key).Build()).AsInt64(); err != nil || ttl <= 0 {
			t.Errorf("%q stays for good (%d, %v)", key, ttl, err)
		}
	}
}
