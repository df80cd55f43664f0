package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	code := m.Run()
	demoProgram.Close()
	idpProgram.Close()
	os.Exit(code)
}

const (
	quietStart  = 6 * time.Second  // everybody logs in, and is seen without a fault
	shortRun    = 37 * time.Second // long enough for a whole idle window and what follows
	shortPeople = 24
	longPeople  = 36
)

// plan reads how long to run and with which seed.
func plan(t *testing.T) (long time.Duration, seed uint64) {
	long, seed = shortRun, uint64(time.Now().UnixNano()%1_000_000)
	var err error
	if text := os.Getenv("TANDEM_CHAOS"); text != "" {
		if long, err = time.ParseDuration(text); err != nil {
			t.Fatalf("TANDEM_CHAOS: %v", err)
		}
	}
	if text := os.Getenv("TANDEM_CHAOS_SEED"); text != "" {
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("TANDEM_CHAOS_SEED: %v", err)
		}
	}
	return long, seed
}

// The programs, the servers, the people and the faults; then the verdict.
func TestChaos(t *testing.T) {
	long, seed := plan(t)
	t.Logf("TANDEM_CHAOS_SEED=%d, %v", seed, long)
	w := newWorld(t)
	j := w.run(t, long, seed)
	broken, excused := check(j)
	t.Log(summary(j, seed, excused))
	keep(t, j, excused)
	for i, v := range broken {
		if i == 10 {
			t.Errorf("and %d more", len(broken)-i)
			break
		}
		t.Errorf("%s\n%s", v, around(j, v.who, v.at))
	}
	nothingIdle(t, j)
}

// keep writes the journal to the file that TANDEM_CHAOS_JOURNAL names, and what led to
// each excuse beside it.
func keep(t *testing.T, j *journal, excused []violation) {
	t.Helper()
	file := os.Getenv("TANDEM_CHAOS_JOURNAL")
	if file == "" {
		return
	}
	text, err := json.MarshalIndent(j, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	var why strings.Builder
	for _, v := range excused {
		fmt.Fprintf(&why, "%s\n%s\n", v, around(j, v.who, v.at))
	}
	if err := errors.Join(os.WriteFile(file, text, 0o600), os.WriteFile(file+".excused", []byte(why.String()),
		0o600)); err != nil {
		t.Fatal(err)
	}
}

// run lets people live and things break, and returns the journal.
func (w *world) run(t *testing.T, long time.Duration, seed uint64) *journal {
	w.rec.began = time.Now()
	living, home := context.WithCancel(context.Background())
	defer home()
	calm, quiet := context.WithCancel(living)
	defer quiet()
	w.living = living
	var all, watchers sync.WaitGroup
	watchers.Go(func() { w.idp.listen(living) })
	watchers.Go(func() { w.watchMachine(living) })
	number := shortPeople
	if long > shortRun {
		number = longPeople
	}
	for n := range number {
		p := newPerson(w, n, rand.New(rand.NewPCG(seed, uint64(n))))
		all.Go(func() { p.live(living, calm) })
	}
	breaking, enough := context.WithTimeout(living, long)
	defer enough()
	pause(breaking, quietStart)
	b := &breaker{world: w, rnd: rand.New(rand.NewPCG(seed, 1<<32)), short: long <= shortRun}
	var forgetAt []moment
	if !b.short {
		forgetAt = []moment{long / 3, long * 2 / 3}
	}
	b.rampage(breaking, forgetAt)
	<-breaking.Done() // those who have left come back to an ended session
	w.rec.write(func(j *journal) { j.Calm = w.rec.now() })
	quiet()
	w.everybodyBack(number)
	w.rec.write(func(j *journal) { j.End = w.rec.now() })
	home()
	all.Wait()
	w.ghosts.Wait()
	watchers.Wait()
	return &w.rec.j
}

// everybodyBack waits until everybody was served after the last fault, or until the
// time for that is over.
func (w *world) everybodyBack(number int) {
	back := map[string]bool{}
	seen := 0
	for deadline := w.rec.now() + recovery; len(back) < number &&
		w.rec.now() < deadline; pause(w.living, 50*time.Millisecond) {
		w.rec.write(func(j *journal) {
			for _, v := range j.Visits[seen:] {
				if v.Served && v.Kind != poll && v.From >= j.Calm {
					back[v.Who] = true
				}
			}
			seen = len(j.Visits)
		})
	}
}

// summary is what the run was, in a few lines.
func summary(j *journal, seed uint64, excused []violation) string {
	answers, kinds, faults, excuses := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	for i := range j.Hops {
		h := &j.Hops[i]
		kinds[string(h.Kind)]++
		answers[strconv.Itoa(h.Status)]++
	}
	trips, passwords := 0, 0
	for i := range j.Visits {
		if v := &j.Visits[i]; v.Asked {
			passwords++
		} else if v.ToLogin && v.Served {
			trips++
		}
	}
	for _, v := range excused {
		excuses[v.rule]++
	}
	for _, f := range j.Faults {
		target, _, _ := strings.Cut(f.Target, "/")
		faults[f.What+" "+target]++
	}
	return fmt.Sprintf("seed %d: %d requests (%s), answers %s; %d logged in with a password, %d round trips without; "+
		"%d logout tokens confirmed; %d spent refresh tokens presented; %d faults (%s); excused: %s",
		seed, len(j.Hops), list(kinds), list(answers), passwords, trips, delivered(j), spent(j), len(j.Faults),
		list(faults), list(excuses))
}

func list(counts map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s: %d", name, counts[name]))
	}
	if parts == nil {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

// nothingIdle fails a run that has tried nothing: then its verdict says nothing.
func nothingIdle(t *testing.T, j *journal) {
	t.Helper()
	seen := map[string]int{"logout tokens": delivered(j), "faults": len(j.Faults), "acknowledged log-outs": 0,
		"ends by an administrator": 0,
		"ends for inactivity":      0, "ghosts": 0, "polls": 0, "served": 0, "refused ghosts": 0}
	for i := range j.Hops {
		h := &j.Hops[i]
		if h.served() {
			seen["served"]++
		}
		switch {
		case h.Kind == poll:
			seen["polls"]++
		case h.Kind == ghost && h.Status == 401:
			seen["refused ghosts"]++
			fallthrough
		case h.Kind == ghost:
			seen["ghosts"]++
		}
	}
	for _, d := range j.Departures {
		if d.Acknowledged {
			seen["acknowledged log-outs"]++
		}
	}
	for _, w := range j.Words {
		switch {
		case w.Kind == "end" && w.Outcome == "admin":
			seen["ends by an administrator"]++
		case w.Kind == "end" && w.Outcome == "idle":
			seen["ends for inactivity"]++
		}
	}
	for what, n := range seen {
		if n == 0 {
			t.Errorf("the run has seen no %s: its verdict says nothing about them", what)
		}
	}
}
