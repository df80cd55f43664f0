package engine

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

var (
	morning = time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)
	errDown = errors.New("down")
)

// C4: one call is under way per session; who comes meanwhile gets its answer.
func TestFlightsJoin(t *testing.T) {
	f := newFlights()
	a, b := store.Key{1}, store.Key{2}
	one, mine := f.join(a)
	again, second := f.join(a)
	if !mine || second || one != again || !f.underWay(a) || f.underWay(b) {
		t.Errorf("%v %v %v", mine, second, one == again)
	}
	if _, mine := f.join(b); !mine {
		t.Error("another session waits")
	}
	st := &State{}
	f.land(a, one, st, errDown)
	<-one.done
	if one.st != st || !errors.Is(one.err, errDown) || f.underWay(a) {
		t.Errorf("%+v", one)
	}
	if next, mine := f.join(a); !mine || next == one {
		t.Error("a call that is over answers for the next one")
	}
}

// C6: who waits is let go, once, with the cause; the call itself goes on.
func TestFlightsHold(t *testing.T) {
	f := newFlights()
	f.hold(store.Key{1}, errDown) // nobody waits
	fl, _ := f.join(store.Key{1})
	f.hold(store.Key{1}, errDown)
	f.hold(store.Key{1}, errors.New("another one"))
	<-fl.stuck
	if !errors.Is(fl.cause, errDown) || !f.underWay(store.Key{1}) {
		t.Errorf("%v", fl.cause)
	}
}

// RT-05, RT-06: a failure is followed by a pause of its session, or of the client; the longer one
// counts. A clock that was set back makes nobody wait.
func TestFlightsPause(t *testing.T) {
	f := newFlights()
	a, all := store.Key{1}, store.Key{}
	if d := f.failed(a, verdict.Retry, 40*time.Second, morning, reason.IdPFails, errDown); d != 40*time.Second {
		t.Errorf("asked for 40 s, waits %v", d)
	}
	f.failed(all, verdict.Retry, 20*time.Second, morning, reason.IdPSilent, errDown)
	for _, row := range []struct {
		key   store.Key
		after time.Duration
		wait  time.Duration
		why   reason.Cause
	}{
		{a, 0, 40 * time.Second, reason.IdPFails},
		{a, 30 * time.Second, 10 * time.Second, reason.IdPFails},
		{store.Key{2}, 5 * time.Second, 15 * time.Second, reason.IdPSilent},
		{a, -time.Millisecond, 0, ""},
	} {
		wait, why, err := f.paused(row.key, morning.Add(row.after))
		if wait != row.wait || why != row.why || (err != nil) != (row.why != "") {
			t.Errorf("%v after %v: %v %q %v", row.key[:1], row.after, wait, why, err)
		}
	}
	f.succeeded(a)
	if wait, _, _ := f.paused(a, morning); wait > 0 {
		t.Errorf("a call has succeeded, the session still waits %v", wait)
	}
}

// The pause grows with each failure, by a quarter of jitter at most.
func TestFlightsBackOff(t *testing.T) {
	for _, v := range []verdict.Verdict{verdict.Retry, verdict.Misconfigured} {
		for _, ms := range []int{0, 100, 255} {
			f := newFlights()
			for n := 1; n <= 4; n++ {
				whole := verdict.Backoff(v, n)
				now := time.UnixMilli(int64(256*1000 + ms))
				got := f.failed(store.Key{1}, v, 0, now, reason.IdPFails, errDown)
				if want := whole - whole/4*time.Duration(ms)/256; got != want {
					t.Errorf("%v, failure %d at %d ms: %v, want %v of %v", v, n, ms, got, want, whole)
				}
			}
		}
	}
}

// When the IdP is back, everybody is back who waited for that, and nobody who was told to wait.
func TestFlightsAfterAnOutage(t *testing.T) {
	f := newFlights()
	f.failed(store.Key{1}, verdict.Retry, 0, morning, reason.IdPSilent, errDown)
	f.failed(store.Key{2}, verdict.Retry, time.Minute, morning, reason.IdPFails, errDown)
	f.failed(store.Key{3}, verdict.Misconfigured, 0, morning, reason.IdPFails, errDown)
	f.succeeded(store.Key{4})
	for i, waits := range []bool{1: false, 2: true, 3: true} {
		if wait, _, _ := f.paused(store.Key{byte(i)}, morning); i > 0 && (wait > 0) != waits {
			t.Errorf("session %d waits %v", i, wait)
		}
	}
}

// What nobody comes back for is forgotten, ten minutes after it is over; that is looked for once
// a minute.
func TestFlightsForget(t *testing.T) {
	f := newFlights()
	fail := func(key byte, at time.Duration) {
		f.failed(store.Key{key}, verdict.Retry, time.Second, morning.Add(at), reason.IdPFails, errDown)
	}
	kept := func(key byte) bool { _, ok := f.pauses[store.Key{key}]; return ok }
	fail(1, 0)
	fail(2, 10*time.Minute+time.Second)
	if !kept(1) {
		t.Error("it is forgotten after ten minutes")
	}
	fail(3, 10*time.Minute+30*time.Second)
	if !kept(1) {
		t.Error("it is looked for more than once a minute")
	}
	fail(4, 11*time.Minute+time.Second)
	if kept(1) || !kept(2) || !kept(3) || !kept(4) {
		t.Errorf("kept: %v %v %v %v", kept(1), kept(2), kept(3), kept(4))
	}
}

// C6: after three time-outs in a row one call at a time tries whether the IdP answers.
func TestBreaker(t *testing.T) {
	f := newFlights()
	timeout := idp.Outcome{Answer: verdict.Answer{Fault: verdict.Sent}, Err: fmt.Errorf("idp: %w", errTimeout{})}
	call := func(key byte) (*flight, bool) {
		fl, _ := f.join(store.Key{key})
		return fl, f.admit(fl)
	}
	for n := range 3 {
		fl, ok := call(1)
		if !ok {
			t.Fatalf("call %d is not admitted", n+1)
		}
		f.went(&timeout)
		f.land(store.Key{1}, fl, nil, errDown)
	}
	trying, ok := call(1)
	if _, second := call(2); !ok || second {
		t.Errorf("the first call: %v, a second one: %v", ok, second)
	}
	f.went(&idp.Outcome{Answer: verdict.Answer{Fault: verdict.NotSent}, Err: errDown}) // says nothing
	f.land(store.Key{1}, trying, nil, errDown)
	again, ok := call(3)
	if _, second := call(4); !ok || second {
		t.Errorf("the next call: %v, a second one: %v", ok, second)
	}
	f.went(&idp.Outcome{Answer: verdict.Answer{Fault: verdict.Malformed}, Err: errDown})
	f.land(store.Key{3}, again, nil, errDown)
	for key := byte(5); key < 8; key++ {
		if _, ok := call(key); !ok {
			t.Error("the IdP answers, and calls are not admitted")
		}
	}
}

// An answer makes the time-outs before it forgotten, all of them. Calls that are no session's,
// as those of a log-in are, count as well.
func TestBreakerCountsInARow(t *testing.T) {
	f := newFlights()
	p := &Engine{flights: f}
	timeout := idp.Outcome{Answer: verdict.Answer{Fault: verdict.Sent}, Err: errTimeout{}}
	refused := idp.Outcome{Answer: verdict.Answer{Status: 400}, Err: errDown}
	another := idp.Outcome{Answer: verdict.Answer{Fault: verdict.OtherUser}, Err: errDown}
	for _, out := range []*idp.Outcome{&timeout, &timeout, &refused, &timeout, &timeout, &another, &timeout, &timeout} {
		p.Went(out)
	}
	if !f.admit(&flight{}) {
		t.Error("two in a row have opened it")
	}
	if p.Went(&timeout); !f.admit(&flight{}) || f.admit(&flight{}) {
		t.Error("three in a row have not")
	}
}

type errTimeout struct{}

func (errTimeout) Error() string   { return "time-out" }
func (errTimeout) Timeout() bool   { return true }
func (errTimeout) Temporary() bool { return true }

// RT-06: a 429 is the client's if three sessions have it within ten seconds.
func TestLimitedAll(t *testing.T) {
	for name, row := range map[string]struct {
		sessions []byte
		after    []time.Duration
		want     bool
	}{
		"three at once":          {[]byte{1, 2, 3}, []time.Duration{0, 0, 0}, true},
		"three within ten":       {[]byte{1, 2, 3}, []time.Duration{0, 5 * time.Second, 10 * time.Second}, true},
		"three in more than ten": {[]byte{1, 2, 3}, []time.Duration{0, 5 * time.Second, 10*time.Second + 1}, false},
		"two":                    {[]byte{1, 2}, []time.Duration{0, 0}, false},
		"one again and again":    {[]byte{1, 1, 1, 1}, []time.Duration{0, 0, 0, 0}, false},
		"the clock was set back": {[]byte{1, 2, 3}, []time.Duration{0, -1, -2}, false},
		"five":                   {[]byte{1, 2, 3, 4, 5}, []time.Duration{0, 1, 2, 3, 4}, true},
	} {
		f := newFlights()
		got := false
		for i, s := range row.sessions {
			got = f.limitedAll(store.Key{s}, morning.Add(row.after[i]))
		}
		if got != row.want || len(f.limited) > limitsToPause {
			t.Errorf("%s: %v, %d are remembered", name, got, len(f.limited))
		}
	}
}
