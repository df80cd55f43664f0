// Command mutate tells whether the tests would notice a mistake: it makes one small mistake
// after another, runs the tests, and lists the mistakes that no test has noticed. Each of
// those wants a test, or a line in survivors.txt that says why it does no harm.
//
//	make mutate
//	make mutate ROOM=rp/internal/lifetime MUTANTS=all SEED=7
//	make mutate ROOM=rp/internal/engine FILE=lease.go MUTANTS=all
//
// It takes a sample of each package; the seed of the sample is printed. It says 1 if a
// mutant survives unexplained. A mutant whose tests do not end is listed, too: it is most
// often an endless loop, but a busy machine may be the reason.
package main

import (
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// options are the flags of a run.
type options struct {
	room, file   string
	sample, seed string
	patience     time.Duration
	verbose      bool
}

func main() {
	var o options
	flag.StringVar(&o.room, "room", "", "only this package, as in rp/internal/lifetime")
	flag.StringVar(&o.file, "file", "", "only this file of a package, as in limits.go")
	flag.StringVar(&o.sample, "mutants", "", `how many mutants of each package, or "all"`)
	flag.StringVar(&o.seed, "seed", "", "chooses the sample; none: the date")
	flag.DurationVar(&o.patience, "patience", 30*time.Second,
		"how long tests may take, beside five times what they take without a mistake")
	flag.BoolVar(&o.verbose, "v", false, "say of each mutant which test has killed it")
	flag.Parse()
	survivors, err := o.run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(2)
	}
	if survivors > 0 {
		os.Exit(1)
	}
}

func (o options) run() (survivors int, err error) {
	root, err := filepath.Abs("..")
	if err != nil {
		return 0, err
	}
	why, err := readSurvivors(filepath.Join("mutate", survivorsFile))
	if err != nil {
		return 0, err
	}
	if o.seed == "" {
		o.seed = time.Now().UTC().Format(time.DateOnly)
	}
	fmt.Printf("SEED=%s repeats this sample\n", o.seed)
	known := false
	for _, r := range rooms {
		if o.room != "" && o.room != r.dir {
			continue
		}
		known = true
		left, err := o.tryRoom(root, r, why)
		if err != nil {
			return survivors, err
		}
		survivors += left
	}
	if !known {
		return 0, fmt.Errorf("%s is not a package that is mutated; see tools/mutate/rooms.go", o.room)
	}
	return survivors, nil
}

// size is how many mutants a run takes of a room; -1: all.
func (r room) size(sample string) (int, error) {
	switch sample {
	case "":
		if r.of == 0 {
			return many, nil
		}
		return r.of, nil
	case "all":
		return -1, nil
	}
	n, err := strconv.Atoi(sample)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("-mutants %s: a number, or all", sample)
	}
	return n, nil
}

func (o options) tryRoom(root string, r room, why map[string]string) (survivors int, err error) {
	n, err := r.size(o.sample)
	if err != nil {
		return 0, err
	}
	defer forgetFailures(filepath.Join(root, filepath.FromSlash(r.dir)))()
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	t, err := newTrial(root, dir, r, o.patience)
	if err != nil {
		return 0, err
	}
	chosen := choose(slices.DeleteFunc(slices.Clone(t.all), func(m mutant) bool {
		return o.file != "" && o.file != path.Base(m.file)
	}), n, o.seed)
	count := map[outcome]int{}
	for _, m := range chosen {
		if _, explained := why[m.key()]; explained {
			continue
		}
		fate, by, err := t.of(m)
		if err != nil {
			return survivors, err
		}
		count[fate]++
		switch fate {
		case survived:
			survivors++
			fmt.Println("SURVIVED ", m.key())
		case timedOut:
			fmt.Println("TIMED OUT", m.key(), by)
		case killed:
			if o.verbose {
				fmt.Println("killed   ", m.key(), "by", by)
			}
		}
	}
	fmt.Printf("%-24s %4d mutants, %d tried: %d killed, %d timed out, %d survived, %d not built\n", r.dir, len(t.all),
		len(chosen), count[killed], count[timedOut], count[survived], count[unbuilt])
	return survivors, nil
}

// choose takes n of all mutants; n below 0: all of them. The same seed takes the same.
func choose(all []mutant, n int, seed string) []mutant {
	if n < 0 || n >= len(all) {
		return all
	}
	h := fnv.New64a()
	h.Write([]byte(seed))
	chosen := slices.Clone(all)
	r := rand.New(rand.NewPCG(h.Sum64(), 0))
	r.Shuffle(len(chosen), func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
	return chosen[:n]
}

// forgetFailures removes what a property test notes of its failures, unless there was
// something before.
func forgetFailures(dir string) (after func()) {
	notes := filepath.Join(dir, "testdata", "rapid")
	if _, err := os.Stat(notes); err == nil {
		return func() {}
	}
	return func() {
		_ = os.RemoveAll(notes)
		_ = os.Remove(filepath.Dir(notes)) // only if it is empty
	}
}
