package rp_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store"
)

// live serves what stays open: a stream, and a connection that was taken over as
// a WebSocket library does. Both end with the session.
func live(auth *rp.RelyingParty) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := auth.Authenticate(r)
		if err != nil {
			auth.Answer(r, err).Write(w)
			return
		}
		if r.URL.Path == "/stream" {
			fmt.Fprintln(w, "open")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-s.Done():
				fmt.Fprintln(w, "over")
			case <-r.Context().Done():
			}
			return
		}
		done := s.Done() // before the connection is taken over
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		defer conn.Close()
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		select {
		case <-done:
			fmt.Fprintln(conn, "over")
		case <-time.After(time.Hour):
			fmt.Fprintln(conn, "not told")
		}
	})
}

// C8, BCL-17: a stream and a taken-over connection end with their session at
// once, on every instance; those of other sessions stay.
func TestDoneEndsStreamsAndSockets(t *testing.T) {
	inBubble(t, setup{instances: 3}, func(t *testing.T, w *world) {
		v, bob := w.visitor("ada"), w.visitor("bob")
		v.login()
		bob.login()
		over, stays := make(chan string, 6), make(chan string, 6)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for i, auth := range w.auth {
			host := fmt.Sprintf("live%d.example", i)
			w.serve(host, live(auth))
			for _, path := range []string{"/stream", "/socket"} {
				go func() { over <- openLine(ctx, w, host, path, v.id()) }()
				go func() { stays <- openLine(ctx, w, host, path, bob.id()) }()
			}
		}
		time.Sleep(10 * time.Minute)
		began := time.Now()
		w.judged(w.deliver(w.logoutToken(v.session())), true)
		for range 6 {
			if got := <-over; got != "over\n" {
				t.Errorf("read %q", got)
			}
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %v", took)
		}
		synctest.Wait()
		if len(stays) != 0 {
			t.Errorf("another session's connection ended: %q", <-stays)
		}
		if _, err := w.auth[2].EndSessions(t.Context(), rp.Whose{Subject: "bob"}); err != nil {
			t.Error(err)
		}
		for range 6 {
			if got := <-stays; got != "over\n" {
				t.Errorf("read %q", got)
			}
		}
	})
}

// openLine opens a connection and returns its last line.
func openLine(ctx context.Context, w *world, host, path, id string) string {
	conn, err := w.idp.Net.Dial(ctx, "tcp", host+":443")
	if err != nil {
		return err.Error()
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.0\r\nHost: %s\r\nCookie: %s=%s\r\nUpgrade: "+
		"websocket\r\nConnection: Upgrade\r\n\r\n", path, host, cookie, id); err != nil {
		return err.Error()
	}
	return lastLine(conn)
}

func lastLine(conn net.Conn) (last string) {
	r := bufio.NewReader(conn)
	for {
		line, err := r.ReadString('\n')
		if line != "" {
			last = line
		}
		if err != nil {
			return last
		}
	}
}

// Done of a session that has ended between the request's look and the call.
func TestDoneOfAnEndedSession(t *testing.T) {
	inBubble(t, setup{instances: 2}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.AddCookie(&http.Cookie{Name: cookie, Value: v.id()})
		s, err := w.auth[0].Authenticate(req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.auth[1].EndSessions(t.Context(), rp.Whose{Subject: "ada"}); err != nil {
			t.Fatal(err)
		}
		select {
		case <-s.Done():
		case <-time.After(time.Second):
			t.Error("Done stays open")
		}
	})
}

// Done may be asked for again and again, as in the select of a loop: it is one
// channel, and one subscription.
func TestDoneInALoop(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		w.run = func(rw http.ResponseWriter, r *http.Request, s *rp.Session) {
			first := s.Done()
			if n := testing.AllocsPerRun(100, func() {
				if s.Done() != first {
					t.Error("another channel")
				}
			}); n > 0 {
				t.Errorf("%v allocations each time", n)
			}
			if err := s.End(r.Context()); err != nil {
				t.Error(err)
			}
			<-first
			<-s.Done()
		}
		v.fetch("/run")
	})
}

// C8: a WebSocket that its handler hands to goroutines of its own outlives the
// request, not the session: Done closes and Err answers after the handler has
// returned.
func TestDoneAfterTheHandler(t *testing.T) {
	inBubble(t, setup{instances: 2}, func(t *testing.T, w *world) {
		var s *rp.Session
		var done <-chan struct{}
		w.run = func(_ http.ResponseWriter, _ *http.Request, session *rp.Session) { s, done = session, session.Done() }
		v := w.visitor("ada")
		v.login()
		v.get("/run")
		time.Sleep(time.Minute)
		select {
		case <-done:
			t.Fatal("done while the session lives")
		default:
		}
		if err := s.Err(); err != nil {
			t.Errorf("Err of a live session: %v", err)
		}
		v.instance = "1"
		v.submit("/auth/logout")
		synctest.Wait()
		select {
		case <-done:
		default:
			t.Error("not done after the log-out")
		}
		if err := s.Err(); !errors.Is(err, store.ErrEnded) {
			t.Errorf("Err after the log-out: %v", err)
		}
		if done = s.Done(); done == nil {
			t.Error("no channel after the end")
		}
	})
}
