package simulation

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func long() bool { return os.Getenv("TANDEM_SIMULATE") == "long" }

// result of one history.
type result struct {
	rules  string // that were broken, "" if none
	report string
	counts map[string]int
}

// play lets a history happen.
func play(t *testing.T, h *history) (r result) {
	cryptotest.SetGlobalRandom(t, 1) // the same history has the same ids, and so the same jitter
	synctest.Test(t, func(*testing.T) {
		w, err := newWorld(h)
		if err != nil {
			r.rules, r.report = "set-up", err.Error()
		} else {
			w.happen()
		}
		w.close()
		o := w.oracle
		if len(o.broken) > 0 {
			r.report = o.report()
			r.rules = o.broken[0].rule // the first; others follow from it
		}
		r.counts = o.counts
	})
	return r
}

func (w *world) happen() {
	for _, a := range w.h.Acts {
		if w.at()+a.Gap >= horizon {
			break
		}
		w.sleep(a.Gap)
		if w.gone() {
			break
		}
		w.acts.Go(func() { w.do(a) })
	}
	w.sleep(horizon - w.at())
	w.oracle.say("-", "everybody has gone")
	w.recover()
	// Nobody is there any more: polling tabs and streams alone must not keep
	// anything alive.
	w.sleep(w.h.Window + 40*time.Minute)
	w.oracle.final()
}

// recover takes all faults out of force.
func (w *world) recover() {
	for _, p := range w.idps {
		p.ClearFaults()
		p.ClearDeliveryFaults()
	}
	w.spoils.mu.Lock()
	for _, f := range w.spoils.stores {
		f.ops, f.race = 0, false
	}
	w.spoils.apiStatus = 0
	w.spoils.mu.Unlock()
	w.oracle.recovered()
}

// recovered ends all trouble.
func (o *oracle) recovered() {
	now := o.lock()
	defer o.unlock()
	for _, t := range o.troubles {
		if t.to == never && t.path&pathRestart == 0 {
			t.to, t.open = now, false
		}
	}
}

// final judges what can be judged only when all is quiet.
func (o *oracle) final() {
	now := o.lock()
	defer o.unlock()
	if len(o.broken) > 0 {
		return
	}
	for _, s := range o.truth.sessions {
		if s.ended == never {
			o.breach("C2", "%s still lives at the IdP; everybody has been gone since %s", s.label, stamp(horizon))
		}
	}
	for _, s := range o.born {
		if s.endAt < now && s.tellAt == never { // what ends this moment is told this moment
			o.breach("C8", "%s ended at %s, and no event has said so by %s", s.label, stamp(s.endAt), stamp(now))
		}
		if s.endAt == never && o.clockEndAt(s, horizon) != "" {
			o.breach("C2", "%s has run out, and nobody has ended it by %s", s.label, stamp(now))
		}
	}
}

// lane plays random histories and stops at the first that breaks the contract.
func lane(t *testing.T, f *focus) (sum map[string]int) {
	sum = map[string]int{}
	tries := 1
	var first, last string
	t.Cleanup(func() {
		if first != "" && last == "" { // it was a matter of luck: this is all there is to see
			t.Log("\n" + first)
		}
	})
	rapid.Check(t, func(rt *rapid.T) {
		h := drawHistory(rt, f)
		last = ""
		for range tries {
			r := play(t, h)
			sum["histories"]++
			for name, c := range r.counts {
				sum[name] += c
			}
			if r.rules != "" {
				// The order of what happens at one moment is the scheduler's. So from now
				// on a history gets several chances to fail again.
				tries = 5
				if last = r.report; first == "" {
					first = last
				}
				rt.Log("\n" + r.report)
				rt.Fatalf("the contract is broken: %s", r.rules)
			}
		}
	})
	return sum
}

func set(t *testing.T, name, value string) {
	t.Helper()
	old := flag.Lookup(name).Value.String()
	if err := flag.Set(name, value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Set(name, old) })
}

// TestContract plays random histories and holds C1–C9 against all of them.
func TestContract(t *testing.T) {
	histories := quickHistories
	if n, err := strconv.Atoi(os.Getenv("TANDEM_HISTORIES")); err == nil {
		histories = n
	}
	if long() {
		const all = 10_000
		n := runtime.GOMAXPROCS(0)
		for i := range n {
			t.Run(fmt.Sprintf("part %d of %d", i+1, n), func(t *testing.T) { apart(t, "", (all+n-1)/n) })
		}
		return
	}
	check(t, focused(t), histories)
}

// check plays so many histories; f: of what part of the world, nil: of all of it.
func check(t *testing.T, f *focus, histories int) {
	set(t, "rapid.nofailfile", "true") // the seed is enough
	set(t, "rapid.checks", fmt.Sprint(histories))
	if seed := flag.Lookup("rapid.seed"); seed.Value.String() == "0" {
		set(t, "rapid.seed", "1") // the gate is the same for everybody
	}
	began := time.Now()
	sum := lane(t, f)
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(sum)) {
		fmt.Fprintf(&b, "\n  %-34s %9d", name, sum[name])
	}
	t.Logf("histories of %v in %v:%s", horizon, time.Since(began).Round(time.Second), b.String())
	if testing.Short() {
		histories /= 5 // as rapid does
	}
	if sum["histories"] < histories {
		t.Errorf("only %d of %d histories were played", sum["histories"], histories)
	}
}
