// Package servertest starts real servers for tests, Redis, PostgreSQL and PgBouncer
// on free loopback ports with their data in a temporary directory, and a TCP proxy
// that makes the network to them fail. A server that is not installed is an error with
// the name of the package to install, never a reason to skip.
package servertest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// server is one process that can be stopped, killed, frozen and started again.
type server struct {
	Addr string // host:port

	start func() *exec.Cmd // a new command each time
	ready func() error
	stop  os.Signal // asks it to shut down in good order
	log   string    // file

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{} // closed when cmd has ended
}

// Start starts the server and waits until it answers. It keeps its data and its
// port over restarts.
func (s *server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil {
		return fmt.Errorf("servertest: %s already runs", s.cmd.Path)
	}
	cmd := s.start()
	out, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("servertest: %w", err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(done)
	}()
	deadline := time.After(30 * time.Second)
	for {
		err := s.ready()
		if err == nil {
			s.cmd, s.done = cmd, done
			return nil
		}
		select {
		case <-done:
			return fmt.Errorf("servertest: %s ended at once:\n%s", cmd.Path, s.tail())
		case <-deadline:
			_ = cmd.Process.Kill()
			<-done
			return fmt.Errorf("servertest: %s does not answer: %w\n%s", cmd.Path, err, s.tail())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (s *server) tail() string {
	b, _ := os.ReadFile(s.log)
	return string(b[max(0, len(b)-2000):])
}

// Stop shuts the server down in good order and waits until it has ended.
func (s *server) Stop() { s.end(s.stop) }

// Kill is kill -9.
func (s *server) Kill() { s.end(syscall.SIGKILL) }

// Freeze is SIGSTOP: connections stand, and nobody answers until Thaw. PostgreSQL
// goes on with the sessions that it has, in processes of their own.
func (s *server) Freeze() { s.send(syscall.SIGSTOP) }

// Thaw lets a frozen server go on.
func (s *server) Thaw() { s.send(syscall.SIGCONT) }

func (s *server) send(sig os.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil {
		_ = s.cmd.Process.Signal(sig) // it may be gone
	}
}

func (s *server) end(sig os.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(sig) // it may be gone
	select {
	case <-s.done:
	case <-time.After(20 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.done
	}
	s.cmd = nil
}

// freePort returns a loopback port that nobody listens on at the moment. It is none of those that the
// kernel gives to whoever asks for any port (ip_local_port_range): between here and the start of the
// server somebody else could get it.
func freePort() (port int, err error) {
	for range 50 {
		port = 20_000 + rand.IntN(12_000)
		l, taken := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if taken == nil {
			return port, l.Close()
		}
		err = taken
	}
	return 0, err
}
