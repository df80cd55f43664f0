package keyset

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// views are both kinds of View of a set.
func views(s *Set, alg string) map[string]*View {
	return map[string]*View{"trusted": s.Trusted(alg), "limited": s.Limited(alg)}
}

// CORE-14: a key that the IdP has withdrawn verifies for an hour at most, though
// nobody brings a token that is signed with another one.
func TestWithdrawnKey(t *testing.T) {
	for name, row := range map[string]struct {
		cache string
		after time.Duration
	}{
		"nothing said":            {"", time.Hour},
		"a year":                  {"public, max-age=31536000", time.Hour},
		"ten minutes":             {"max-age=600", 10 * time.Minute},
		"a second":                {"max-age=1", time.Minute},
		"never store":             {"no-store", time.Minute},
		"quoted, with others":     {`public, Max-Age="120", must-revalidate`, 2 * time.Minute},
		"nonsense":                {"max-age=soon", time.Minute},
		"of another kind of time": {"s-maxage=1, stale-while-revalidate=7", time.Hour},
	} {
		for _, limited := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, limited %v", name, limited), func(t *testing.T) {
				p := &idp{header: http.Header{"Cache-Control": {row.cache}}}
				p.publish(rsa0())
				set := p.set()
				v := set.Trusted("RS256")
				if limited {
					v = set.Limited("RS256")
				}
				token := rsa0().Sign(payload)
				if err := good(v, token); err != nil {
					t.Fatal(err)
				}
				p.publish(rsa1())
				p.advance(row.after - 1)
				if err := good(v, token); err != nil {
					t.Errorf("a moment before the keys are old: %v", err)
				}
				p.expect(t, 1)
				p.advance(1)
				if err := good(v, token); !errors.Is(err, ErrNoKey) {
					t.Errorf("after %v: %v", row.after, err)
				}
				if err := good(v, rsa1().Sign(payload)); err != nil {
					t.Errorf("the new key: %v", err)
				}
			})
		}
	}
}

// Old keys are read again once, whoever comes, also if what they bring is junk.
func TestOldKeysAreReadOnce(t *testing.T) {
	token := rsa0().Sign(payload)
	synctest.Test(t, func(t *testing.T) {
		p := &idp{delay: 100 * time.Millisecond}
		p.publish(rsa0())
		set := p.set()
		if err := good(set.Limited("RS256"), token); err != nil {
			t.Fatal(err)
		}
		p.advance(time.Hour)
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				for name, v := range views(set, "RS256") {
					if err := good(v, token); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				}
			})
		}
		all.Wait()
		p.expect(t, 2)
	})
}

// Decision 21: where old keys cannot be read again, they go on for a day, and nobody
// waits for long.
func TestOldKeysGoOn(t *testing.T) {
	token, other := rsa0().Sign(payload), rsa1().Sign(payload)
	for name, spoil := range map[string]func(*idp){
		"500":       func(p *idp) { p.answer(500, nil) },
		"no keys":   func(p *idp) { p.answer(200, []byte(`{"keys":[]}`)) },
		"no answer": func(p *idp) { p.mu.Lock(); p.delay = time.Hour; p.mu.Unlock() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &idp{}
				p.publish(rsa0())
				set := New(url, &http.Client{Transport: p}, time.Now)
				var told []time.Time
				begun := time.Now()
				set.Trouble = func(err error, until time.Time) {
					told = append(told, time.Now())
					if err == nil || !until.Equal(begun.Add(24*time.Hour)) {
						t.Errorf("told %v until %v", err, until)
					}
				}
				v := set.Limited("RS256")
				if err := good(v, token); err != nil {
					t.Fatal(err)
				}
				spoil(p)
				time.Sleep(time.Hour)
				for range 23 * 4 {
					asked := time.Now()
					if err := good(v, token); err != nil {
						t.Fatalf("after %v: %v", time.Since(begun), err)
					}
					if took := time.Since(asked); took > patience {
						t.Fatalf("it took %v", took)
					}
					asked = time.Now()
					if err := good(v, token); err != nil || time.Since(asked) > 0 {
						t.Fatalf("the next one waited for %v: %v", time.Since(asked), err)
					}
					time.Sleep(15*time.Minute - time.Since(asked))
				}
				// All along a key that is not known could not be looked for.
				if err := good(set.Limited("RS256"), other); !isUnavailable(err) {
					t.Errorf("an unknown key: %v", err)
				}
				set.Stop()
				if n := len(told); n < 90 || n > 93 {
					t.Errorf("told %d times that the keys could not be read", n)
				}
				time.Sleep(time.Until(begun.Add(24 * time.Hour)))
				for name, v := range views(set, "RS256") {
					if err := good(v, token); !isUnavailable(err) {
						t.Errorf("%s after a day: %v", name, err)
					}
				}
				set.Stop()
				p.mu.Lock()
				p.delay = 0
				p.mu.Unlock()
				p.publish(rsa0())
				time.Sleep(time.Minute)
				for name, v := range views(set, "RS256") {
					if err := good(v, token); err != nil {
						t.Errorf("%s after the repair: %v", name, err)
					}
				}
			})
		})
	}
}

// While the keys cannot be read, they are asked for once a minute, not at every token.
func TestOldKeysInAnOutage(t *testing.T) {
	p := &idp{}
	p.publish(rsa0())
	set := p.set()
	v := set.Limited("RS256")
	if err := good(v, rsa0().Sign(payload)); err != nil {
		t.Fatal(err)
	}
	p.answer(500, nil)
	p.advance(time.Hour)
	for range 15 {
		for range 10 {
			if err := good(v, rsa0().Sign(payload)); err != nil {
				t.Fatal(err)
			}
		}
		p.advance(20 * time.Second)
	}
	p.expect(t, 1+5)
}

// The same key id with a new key: found by the first token that it has signed, once
// the interval is over.
func TestSameIDNewKey(t *testing.T) {
	p := &idp{}
	p.publish(rsa0().Named("k"))
	v := p.set().Limited("RS256")
	if err := good(v, rsa0().Named("k").Sign(payload)); err != nil {
		t.Fatal(err)
	}
	p.publish(rsa1().Named("k"))
	p.advance(Interval)
	if err := good(v, rsa1().Named("k").Sign(payload)); err != nil {
		t.Errorf("the new key: %v", err)
	}
	if err := good(v, rsa0().Named("k").Sign(payload)); !errors.Is(err, ErrNoKey) {
		t.Errorf("the old one: %v", err)
	}
	p.expect(t, 2)
}

// Keys without ids are exchanged, too: the next token finds it out.
func TestNewKeyWithoutIDs(t *testing.T) {
	p := &idp{}
	p.publish(rsa0().Named(""))
	v := p.set().Limited("RS256")
	if err := good(v, rsa0().Named("").Sign(payload)); err != nil {
		t.Fatal(err)
	}
	p.publish(rsa1().Named(""))
	err := good(v, rsa1().Named("").Sign(payload))
	if retryAfter(err) != Interval {
		t.Errorf("inside the interval: %v", err)
	}
	p.advance(Interval)
	if err := good(v, rsa1().Named("").Sign(payload)); err != nil {
		t.Errorf("after it: %v", err)
	}
	p.expect(t, 2)
}

// BCL-21: junk opens an interval in which nobody looks; a token by a key that was
// published within it is not refused but is to come again.
func TestNewKeyBehindJunk(t *testing.T) {
	p := &idp{}
	p.publish(rsa0())
	v := p.set().Limited("RS256")
	if err := good(v, rsa0().Sign(payload)); err != nil {
		t.Fatal(err)
	}
	p.advance(time.Minute)
	if err := good(v, rsa1().Named("junk").Sign(payload)); !errors.Is(err, ErrNoKey) {
		t.Fatalf("junk: %v", err)
	}
	p.publish(rsa0(), rsa1())
	p.advance(3 * time.Second)
	err := good(v, rsa1().Sign(payload))
	if retryAfter(err) != Interval-3*time.Second {
		t.Errorf("the new key, behind junk: %v", err)
	}
	if err := good(v, rsa1().Named("").Sign(payload)); retryAfter(err) == 0 {
		t.Errorf("without a key id: %v", err)
	}
	p.advance(retryAfter(err))
	if err := good(v, rsa1().Sign(payload)); err != nil {
		t.Errorf("when it comes again: %v", err)
	}
	p.expect(t, 3)
	// The same where the look has failed.
	p.answer(500, nil)
	p.advance(Interval)
	if err := good(v, rsa0().Named("new").Sign(payload)); !isUnavailable(err) || retryAfter(err) != 0 {
		t.Errorf("the look that fails: %v", err)
	}
	if err := good(v, rsa0().Named("new").Sign(payload)); retryAfter(err) != Interval {
		t.Errorf("after the look that failed: %v", err)
	}
	if err := good(v, rsa1().Named("r0").Sign(payload)); !isUnavailable(err) || retryAfter(err) != 0 {
		t.Errorf("a known id, after the look that failed: %v", err)
	}
}

// The same where the look that junk has caused is still under way: it began before the
// key was published, so it says nothing against it.
func TestNewKeyDuringALookForJunk(t *testing.T) {
	token, junk := rsa1().Sign(payload), rsa1().Named("junk").Sign(payload)
	for name, old := range map[string]time.Duration{"fresh keys": time.Minute, "old keys": time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &idp{}
				p.publish(rsa0())
				v := New(url, &http.Client{Transport: p}, time.Now).Limited("RS256")
				if err := good(v, rsa0().Sign(payload)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(old)
				p.mu.Lock()
				p.delay = time.Second
				p.mu.Unlock()
				refused := make(chan error)
				go func() { refused <- good(v, junk) }()
				synctest.Wait()
				p.publish(rsa0(), rsa1())
				err := good(v, token)
				if retryAfter(err) != Interval-time.Second {
					t.Errorf("the new key: %v", err)
				}
				if err := <-refused; !errors.Is(err, ErrNoKey) {
					t.Errorf("junk: %v", err)
				}
				time.Sleep(retryAfter(err))
				if err := good(v, token); err != nil {
					t.Errorf("when it comes again: %v", err)
				}
				p.expect(t, 3)
			})
		})
	}
}

// A clock that was set back by a year does not keep the keys for a year.
func TestOldKeysByAWrongClock(t *testing.T) {
	p := &idp{}
	p.publish(rsa0())
	p.advance(365 * 24 * time.Hour)
	v := p.set().Limited("RS256")
	if err := good(v, rsa0().Sign(payload)); err != nil {
		t.Fatal(err)
	}
	p.publish(rsa1())
	p.advance(-365 * 24 * time.Hour)
	if err := good(v, rsa0().Sign(payload)); !errors.Is(err, ErrNoKey) {
		t.Errorf("the withdrawn key: %v", err)
	}
	p.expect(t, 2)
	p.answer(500, nil)
	p.advance(-time.Hour)
	for range 50 {
		if err := good(v, rsa1().Sign(payload)); err != nil {
			t.Fatal(err)
		}
	}
	p.expect(t, 3)
}

func TestFreshness(t *testing.T) {
	for _, row := range []struct {
		header string // lines
		want   time.Duration
	}{
		{"", time.Hour},
		{"Cache-Control: max-age=1800\nAge: 600", 20 * time.Minute},
		{"Cache-Control: max-age=1800\nAge: 99999999999999999999", time.Minute},
		{"Cache-Control: max-age=1800\nAge: -5", 30 * time.Minute},
		{"Age: 1800", 30 * time.Minute},
		{"Cache-Control: max-age=99999999999999999999", time.Hour},
		{"Cache-Control: max-age=-1", time.Minute},
		{"Cache-Control: max-age", time.Minute},
		{"Cache-Control: max-age=600, max-age=1800", 10 * time.Minute},
		{"Cache-Control: public\nCache-Control: max-age=600", 10 * time.Minute},
		{"Cache-Control: max-age=600, no-cache", time.Minute},
		{"Cache-Control: ,,=,", time.Hour},
		{"Expires: Thu, 01 Jan 1970 00:00:00 GMT", time.Hour},
	} {
		h := http.Header{}
		for line := range strings.SplitSeq(row.header, "\n") {
			if name, value, ok := strings.Cut(line, ": "); ok {
				h.Add(name, value)
			}
		}
		if got := freshness(h); got != row.want {
			t.Errorf("%q: %v, want %v", row.header, got, row.want)
		}
	}
}

func FuzzFreshness(f *testing.F) {
	f.Add("public, max-age=600", "7")
	f.Add(`max-age="1", ,=no-store`, "x")
	f.Fuzz(func(t *testing.T, cache, age string) {
		if got := freshness(http.Header{"Cache-Control": {cache}, "Age": {age}}); got < minFresh || got > maxFresh {
			t.Errorf("%q and %q: %v", cache, age, got)
		}
	})
}
