// Command bench prints what a session costs per authenticated request, beside
// its floor and the peers, and what a storm of requests at refresh time does, all
// in one run: the ratios count, not the times.
//
//	go run . [-rounds 7] [-each 150ms] [-redis 127.0.0.1:6379] [-server] [-people 50000] [-outage]
//	go run . -capacity [-sessions 50000] [-signals 5000] [-streams 2000]
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 7, "rounds; every subject runs once in each, the median counts")
	each := flag.Duration("each", 150*time.Millisecond, "time for one subject in one round")
	redis := flag.String("redis", "", "address of a Redis server; empty: a redis-server is started, if there is one")
	people := flag.Int("people", 50_000, "sessions that are overdue at the end of an outage")
	only := flag.Bool("outage", false, "the end of an outage alone")
	server := flag.Bool("server", true, "whole servers over loopback, too")
	reckon := flag.Bool("capacity", false, "what docs/capacity.md reckons with, as its tables (make capacity)")
	sessions := flag.Int("sessions", 50_000, "capacity: sessions in each store")
	signals := flag.Int("signals", 5_000, "capacity: people whose signal is due at once")
	streams := flag.Int("streams", 2_000, "capacity: open streams")
	flag.Parse()
	ctx := context.Background()
	var err error
	switch {
	case *reckon:
		err = capacity(ctx, *sessions, *signals, *streams)
	case !*only:
		err = run(ctx, *rounds, *each, *redis, *server)
	}
	if err == nil {
		err = drain(ctx, *people)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// subject is one way to authenticate a request.
type subject struct {
	name     string
	handler  http.Handler
	requests []*http.Request // of different people

	serial, parallel []float64 // ns per request, one per round
	allocs           float64
}

func run(ctx context.Context, rounds int, each time.Duration, redis string, server bool) error {
	subjects, closeAll, err := build(ctx, redis)
	defer closeAll()
	if err != nil {
		return err
	}
	for _, s := range subjects {
		s.allocs = testing.AllocsPerRun(100, func() { s.handler.ServeHTTP(nowhere{}, s.requests[0]) })
	}
	for range rounds { // in turn, so that a drift of the machine hits all alike
		for _, s := range subjects {
			s.serial = append(s.serial, timed(s, each, 1))
			s.parallel = append(s.parallel, timed(s, each, runtime.GOMAXPROCS(0)))
		}
	}
	table(subjects)
	if server {
		if err := servers(subjects, rounds); err != nil {
			return err
		}
	}
	return storms(ctx, redis)
}

// timed returns nanoseconds per request.
func timed(s *subject, each time.Duration, workers int) float64 {
	var (
		wait  sync.WaitGroup
		mu    sync.Mutex
		total int
	)
	began := time.Now()
	for i := range workers {
		wait.Go(func() {
			n := 0
			w, r := nowhere{}, s.requests[i%len(s.requests)]
			for n == 0 || time.Since(began) < each {
				for range 64 {
					s.handler.ServeHTTP(w, r)
				}
				n += 64
			}
			mu.Lock()
			total += n
			mu.Unlock()
		})
	}
	wait.Wait()
	return float64(time.Since(began)) / float64(total)
}

func table(subjects []*subject) {
	bare := median(subjects[0].serial)
	floor := median(subjects[1].serial) - bare
	fmt.Printf("%-48s %12s %12s %8s %8s\n", "one authenticated request, in process", "ns, 1 core", "ns, all", "allocs",
		"net ×")
	for _, s := range subjects {
		m := median(s.serial)
		net := "–"
		if s != subjects[0] {
			net = fmt.Sprintf("%.2f", (m-bare)/floor)
		}
		fmt.Printf("%-48s %12.0f %12.0f %8.0f %8s\n", s.name, m, median(s.parallel), s.allocs, net)
	}
	fmt.Println("net ×: work added to the bare handler, in units of the floor's")
	beside(subjects, "tandem, redisstore cold, passive", "floor of Redis: GET, unseal", 24*len(subjects[0].serial))
}

// beside compares two subjects in short turns, each right after the other: what
// goes to another process and back depends on the moment more than on the code.
func beside(subjects []*subject, name, floor string, turns int) {
	find := func(start string) *subject {
		i := slices.IndexFunc(subjects, func(s *subject) bool { return strings.HasPrefix(s.name, start) })
		if i < 0 {
			return nil
		}
		return subjects[i]
	}
	a, b := find(name), find(floor)
	if a == nil || b == nil {
		return
	}
	const turn = 20 * time.Millisecond
	var one, all []float64
	for range turns {
		one = append(one, timed(a, turn, 1)/timed(b, turn, 1))
		all = append(all, timed(a, turn, runtime.GOMAXPROCS(0))/timed(b, turn, runtime.GOMAXPROCS(0)))
	}
	fmt.Printf("%s ÷ %s: %.2f on one core, %.2f on all\n", a.name, b.name, median(one), median(all))
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// nowhere is a ResponseWriter without cost.
type nowhere struct{}

func (nowhere) Header() http.Header         { return http.Header{} }
func (nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (nowhere) WriteHeader(int)             {}
