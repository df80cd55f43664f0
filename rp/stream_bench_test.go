package rp_test

import (
	"bufio"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tandem-sso/tandem/rp"
)

// BenchmarkStreams holds 10,000 open event streams, of 100 people with 100 each,
// over connections in memory, ends every session, and waits until each browser has
// read so. Memory counts both ends: the server's connection and goroutines, and
// the reader that stands for the browser. Afterwards no goroutine is left.
func BenchmarkStreams(b *testing.B) {
	const people, each = 100, 100
	before := goleak.IgnoreCurrent()
	b.Run("open=10000", func(b *testing.B) {
		for b.Loop() {
			fanOut(b, people, each)
		}
	})
	goleak.VerifyNone(b, before)
}

func fanOut(b *testing.B, people, each int) {
	var streams atomic.Int64
	w := newPageWorld(b, nil, func(c *rp.Config) {
		c.MaxStreamsPerSession, c.MaxStreamsPerSubject = each, each
		c.Events.Stream = func(change int) { streams.Add(int64(change)) }
	})
	var cookies []string
	for i := range people {
		p := w.login(fmt.Sprint("person", i))
		cookies = append(cookies, p.do(http.MethodGet, "/auth/session", nil).Request.Header.Get("Cookie"))
		p.client.CloseIdleConnections()
	}
	empty := inUse()
	var open, told sync.WaitGroup
	open.Add(people * each)
	for _, cookie := range cookies {
		for range each {
			told.Go(func() {
				conn, err := w.idp.Net.Dial(b.Context(), "tcp", "notes.example:443")
				if err != nil {
					b.Error(err)
					open.Done()
					return
				}
				defer conn.Close()
				fmt.Fprintf(conn, "GET /auth/events HTTP/1.1\r\nHost: notes.example\r\nCookie: %s\r\n\r\n", cookie)
				in := bufio.NewReaderSize(conn, 512)
				if !readUntil(in, "event: session") {
					b.Error("no first event")
				}
				open.Done()
				if !readUntil(in, "event: ended") {
					b.Error("no end")
				}
			})
		}
	}
	open.Wait()
	n := people * each
	if got := int(streams.Load()); got != n {
		b.Errorf("%d streams are open", got)
	}
	b.ReportMetric(float64(inUse()-empty)/float64(n), "B/stream")
	began := time.Now()
	for i := range people {
		if ended, err := w.auth.EndSessions(b.Context(), rp.Whose{Subject: fmt.Sprint("person", i)}); ended != 1 ||
			err != nil {
			b.Errorf("ended %d, %v", ended, err)
		}
	}
	told.Wait()
	b.ReportMetric(float64(time.Since(began).Milliseconds()), "ms/fan-out")
}

func readUntil(in *bufio.Reader, prefix string) bool {
	for {
		line, err := in.ReadString('\n')
		if strings.HasPrefix(line, prefix) {
			return true
		}
		if err != nil {
			return false
		}
	}
}

// inUse is what the process holds: heap and stacks.
func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
