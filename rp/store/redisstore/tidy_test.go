package redisstore_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/redisstore"
	"github.com/tandem-sso/tandem/rp/store/storetest"
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
	end := store.End{Reason: "admin", At: time.Now(), Until: time.Now().Add(time.Hour)}
	for i := range 20 {
		rec := record(i)
		must(s.Create(ctx, rec), nil)
		must(s.Create(ctx, rec), store.ErrConflict)
		rec.Version = 1
		rec.Refs = []store.Key{nth('t', i), rec.Refs[1]} // another sid
		must(s.Replace(ctx, rec), nil)
		sel := store.Selector{Key: rec.Key}
		if i%2 == 0 {
			sel = store.Selector{Ref: nth('t', i)}
		}
		got, err := s.End(ctx, sel, end)
		if must(err, nil); len(got) != 1 {
			t.Fatalf("%d sessions were ended", len(got))
		}
		if i%2 == 0 {
			late := record(100 + i)
			late.Refs = rec.Refs
			must(s.Create(ctx, late), store.ErrEnded)
		}
		must(s.Settle(ctx, rec.Key, nil, time.Time{}), nil)
		must(s.Once(ctx, nth('o', i), end.Until), nil)
		l, err := s.Acquire(ctx, nth('l', i), time.Minute)
		must(err, nil)
		must(s.Release(ctx, l), nil)
	}

	for key, ttl := range lifetimes(t, o.Prefix) {
		if ttl <= 0 || ttl > 62*time.Minute && !strings.Contains(key, "}:due:") {
			t.Errorf("%q stays for %v", key, ttl)
		}
	}
}

// lifetimes tells how long Redis keeps the keys with a prefix; -1: for good.
func lifetimes(t *testing.T, prefix string) map[string]time.Duration {
	t.Helper()
	addr := shared(t).Addr
	keys, err := command(t, addr, "KEYS", prefix+"*").AsStrSlice()
	if err != nil || len(keys) == 0 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	all := make(map[string]time.Duration)
	for _, key := range keys {
		ms, err := command(t, addr, "PTTL", key).AsInt64()
		if err != nil {
			t.Fatal(err)
		}
		if all[key] = time.Duration(ms) * time.Millisecond; ms < 0 {
			all[key] = -1
		}
	}
	return all
}

// recordKey finds the name of a record.
func recordKey(t *testing.T, prefix string, key store.Key) string {
	t.Helper()
	pattern := prefix + "{*}:s:" + base64.RawURLEncoding.EncodeToString(key[:])
	names, err := command(t, shared(t).Addr, "KEYS", pattern).AsStrSlice()
	if err != nil || len(names) != 1 {
		t.Fatalf("%q, %v", names, err)
	}
	return names[0]
}

func indexKey(prefix string, ref store.Key) string {
	return prefix + "{" + base64.RawURLEncoding.EncodeToString(ref[:]) + "}:x"
}

// What belongs to a live session is kept until the session is abandoned, whatever
// moves its Due, and goes then; what is never due stays.
func TestLivesAsLongAsItsDue(t *testing.T) {
	const day = 24 * time.Hour
	ctx, clock := t.Context(), storetest.NewClock()
	o := redisstore.Options{Prefix: newPrefix(), Now: clock.Now}
	s := open(t, shared(t).Addr, o)
	check := func(what string, due time.Duration, keys int) {
		t.Helper()
		all := lifetimes(t, o.Prefix)
		if len(all) != keys {
			t.Errorf("%s: %d keys, want %d", what, len(all), keys)
		}
		for key, ttl := range all {
			if least := due + store.Abandoned; ttl < least-time.Minute || ttl > least+9*day {
				t.Errorf("%s: %q stays for %v, want %v and a few days", what, key, ttl, least)
			}
			if mine := all[recordKey(t, o.Prefix, nth('k', 0))]; ttl < mine {
				t.Errorf("%s: %q stays for %v, the record for %v", what, key, ttl, mine)
			}
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	rec, another := record(0), record(1)
	rec.Active, rec.Due = clock.Now(), clock.Now().Add(time.Hour)
	must(s.Create(ctx, rec))
	check("Create", time.Hour, 4) // record, due set, two indexes
	touch := func(due time.Time) {
		t.Helper()
		rec.Active = rec.Active.Add(time.Second)
		must(s.Touch(ctx, rec.Key, rec.Active, due))
	}
	touch(clock.Now().Add(2 * time.Hour))
	check("Touch", 2*time.Hour, 4)
	touch(clock.Now().Add(40 * day))
	check("Touch far ahead", 40*day, 4)

	rec.Version, rec.Due = 1, clock.Now().Add(60*day)
	must(s.Replace(ctx, rec))
	check("Replace", 60*day, 4)
	rec.Version, rec.Refs = 2, []store.Key{nth('t', 0), rec.Refs[1]}
	rec.Due = clock.Now().Add(80 * day)
	must(s.Replace(ctx, rec))
	check("Replace with another reference", 80*day, 4)
	got, err := s.Claim(ctx, benchOwner, rec.Due, 20*day, 1)
	must(err)
	if len(got) != 1 {
		t.Fatalf("%d records were claimed", len(got))
	}
	check("Claim", 100*day, 4)

	rec.Version, rec.Refs = 3, []store.Key{nth('t', 1)}
	rec.Active, rec.Due = rec.Active.Add(time.Second), clock.Now().Add(time.Hour)
	must(s.Replace(ctx, rec))
	for _, key := range []string{recordKey(t, o.Prefix, rec.Key), indexKey(o.Prefix, rec.Refs[0])} {
		if ttl := lifetimes(t, key)[key]; ttl < store.Abandoned || ttl > store.Abandoned+9*day {
			t.Errorf("Replace, due sooner and with another reference: %q stays for %v", key, ttl)
		}
	}

	touch(time.Time{})
	for _, key := range []string{recordKey(t, o.Prefix, rec.Key), indexKey(o.Prefix, rec.Refs[0])} {
		if ttl := lifetimes(t, key)[key]; ttl != -1 {
			t.Errorf("a session that is never due: %q stays for %v", key, ttl)
		}
	}
	touch(clock.Now().Add(time.Hour))
	key := recordKey(t, o.Prefix, rec.Key)
	if ttl := lifetimes(t, key)[key]; ttl < store.Abandoned || ttl > store.Abandoned+2*day {
		t.Errorf("a session that is due again stays for %v", ttl)
	}

	// Others come and go under the same reference: it stays for who stays longest.
	other := another
	other.Key, other.Refs = nth('k', 1), rec.Refs
	other.Due = clock.Now().Add(time.Minute)
	must(s.Create(ctx, other))
	end := store.End{Reason: "admin", At: clock.Now(), Until: clock.Now().Add(time.Hour)}
	_, err = s.End(ctx, store.Selector{Key: other.Key}, end)
	must(err)
	live, err := s.List(ctx, rec.Refs[0])
	must(err)
	if len(live) != 1 {
		t.Errorf("%d sessions are listed", len(live))
	}
}

// A record of another version of Tandem is a system failure, for whoever comes
// across it, and is left as it is (C6).
func TestUnknownLayout(t *testing.T) {
	ctx, addr := t.Context(), shared(t).Addr
	o := redisstore.Options{Prefix: newPrefix()}
	s := open(t, addr, o)
	rec, neighbour := record(0), record(0)
	rec.Due = time.Now().Add(-time.Minute)
	neighbour.Key[31] ^= 1 // in the same bucket
	neighbour.Refs = []store.Key{nth('n', 0)}
	neighbour.Due = rec.Due.Add(time.Second)
	for _, r := range []store.Record{rec, neighbour} {
		if err := s.Create(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	name := recordKey(t, o.Prefix, rec.Key)
	if err := command(t, addr, "SETRANGE", name, "0", "\x09").Error(); err != nil {
		t.Fatal(err)
	}
	before, err := command(t, addr, "GET", name).ToString()
	if err != nil {
		t.Fatal(err)
	}
	end := store.End{Reason: "admin", At: time.Now(), Until: time.Now().Add(time.Hour)}
	at1, other := rec, rec
	at1.Version = 1
	other.Refs = []store.Key{nth('n', 1)}
	for what, call := range map[string]func() error{
		"Load":    func() error { _, err := s.Load(ctx, rec.Key); return err },
		"Create":  func() error { return s.Create(ctx, other) },
		"Replace": func() error { return s.Replace(ctx, at1) },
		"Touch":   func() error { return s.Touch(ctx, rec.Key, time.Now().Add(time.Hour), time.Now().Add(time.Hour)) },
		"End":     func() error { _, err := s.End(ctx, store.Selector{Key: rec.Key}, end); return err },
		"EndRef":  func() error { _, err := s.End(ctx, store.Selector{Ref: rec.Refs[0]}, end); return err },
		"List":    func() error { _, err := s.List(ctx, rec.Refs[0]); return err },
		"Settle":  func() error { return s.Settle(ctx, rec.Key, nil, time.Time{}) },
	} {
		if err := call(); err == nil || !strings.Contains(err.Error(), "newer version of Tandem") || isAnswer(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	// It is in nobody's way.
	for i, want := range []int{0, 1, 0} {
		got, err := s.Claim(ctx, benchOwner, time.Now(), time.Minute, 1)
		if err != nil || len(got) != want || want == 1 && got[0].Key != neighbour.Key {
			t.Fatalf("Claim %d: %d records, %v", i+1, len(got), err)
		}
	}
	if after, err := command(t, addr, "GET", name).ToString(); err != nil || after != before {
		t.Errorf("it has changed, %v", err)
	}
}
