package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"syscall"
	"time"
)

const (
	connections = 64
	turns       = 16                     // of a server in one round
	fewer       = 4                      // times fewer for one that is easily told from the bare one
	serverTime  = 120 * time.Millisecond // for one server in one turn
)

// servers drives whole servers over loopback, each with 64 connections, in turn.
func servers(subjects []*subject, rounds int) error {
	type result struct {
		s                *subject
		addr             string
		raw              [][]byte // one request per connection
		rate, ratio, cpu []float64
	}
	var all []*result
	for _, s := range subjects {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		srv := &http.Server{Handler: s.handler, ReadHeaderTimeout: time.Second}
		go func() { _ = srv.Serve(l) }()
		defer func() { _ = srv.Close() }()
		one := &result{s: s, addr: l.Addr().String()}
		for _, r := range s.requests {
			r = r.Clone(r.Context())
			r.Host = one.addr
			if s == subjects[0] { // a cookie as long as the others'
				r.AddCookie(&http.Cookie{Name: "__Host-session", Value: token()})
			}
			raw, err := httputil.DumpRequest(r, false)
			if err != nil {
				return err
			}
			one.raw = append(one.raw, raw)
		}
		all = append(all, one)
	}
	for turn := range rounds * turns {
		for _, r := range all { // each right after the bare one: the machine drifts
			if turn%fewer > 0 && median(r.ratio) > 1.5 {
				continue
			}
			bare, bareCPU, err := drive(all[0].addr, all[0].raw)
			if err != nil {
				return fmt.Errorf("%s: %w", all[0].s.name, err)
			}
			rate, cpu, err := drive(r.addr, r.raw)
			if err != nil {
				return fmt.Errorf("%s: %w", r.s.name, err)
			}
			r.rate, r.ratio, r.cpu = append(r.rate, rate), append(r.ratio, bare/rate), append(r.cpu, cpu/bareCPU)
		}
	}
	fmt.Printf("\n%-48s %12s %12s %8s\n", "whole server, 64 connections", "requests/s", "bare ÷ it", "CPU ×")
	for _, r := range all {
		fmt.Printf("%-48s %12.0f %12.2f %8.2f\n", r.s.name, median(r.rate), median(r.ratio), median(r.cpu))
	}
	fmt.Println("CPU ×: processor time per request of this process, server and driver, in units of the bare one's")
	return nil
}

// drive returns requests per second and the processor time of one, which is steadier
// where the machine is shared. The same bytes are sent again and again,
// and the answer is read up to its end, so that the driver costs little.
func drive(addr string, raw [][]byte) (rate, cpu float64, err error) {
	var (
		wait  sync.WaitGroup
		mu    sync.Mutex
		total int
		fault error
	)
	began, used := time.Now(), processorTime()
	for _, raw := range raw {
		wait.Go(func() {
			n, err := driveOne(addr, raw, began)
			mu.Lock()
			defer mu.Unlock()
			total += n
			if err != nil {
				fault = err
			}
		})
	}
	wait.Wait()
	return float64(total) / time.Since(began).Seconds(), float64(processorTime()-used) / float64(total), fault
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func driveOne(addr string, raw []byte, began time.Time) (n int, err error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	for time.Since(began) < serverTime {
		if _, err := conn.Write(raw); err != nil {
			return n, err
		}
		first, err := in.ReadSlice('\n')
		if err != nil {
			return n, err
		}
		if !bytes.Contains(first, []byte(" 200 ")) {
			return n, fmt.Errorf("answered %q", first)
		}
		for len(bytes.TrimSpace(first)) > 0 {
			if first, err = in.ReadSlice('\n'); err != nil {
				return n, err
			}
		}
		n++
	}
	return n, nil
}
