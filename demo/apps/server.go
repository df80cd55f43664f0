package apps

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Server is the life of one of the demo's servers: it listens at once, answers 503 until it
// is ready, and ends cleanly, event streams included. It serves one handler on one listener,
// and GET /healthz.
type Server struct {
	listener net.Listener
	http     *http.Server
	handler  atomic.Pointer[http.Handler]
	served   chan struct{} // closed when Serve has returned
	err      error         // of Serve; valid once served is closed
	stopping context.Context
	stop     context.CancelFunc
	close    sync.Once

	mu     sync.Mutex // guards unused
	unused map[net.Conn]struct{}
}

// StartServer serves 503 on l until Use is called.
func StartServer(l net.Listener, logger *slog.Logger) *Server {
	s := &Server{listener: l, served: make(chan struct{}), unused: map[net.Conn]struct{}{}}
	s.stopping, s.stop = context.WithCancel(context.Background())
	var waiting http.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "not ready yet: waiting for the IdP", http.StatusServiceUnavailable)
	})
	s.handler.Store(&waiting)
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.serve),
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug), ConnState: s.connState,
	}
	s.http.RegisterOnShutdown(s.closeUnused)
	go func() {
		defer close(s.served)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.err = err
		}
	}()
	return s
}

// Use makes the server ready.
func (s *Server) Use(h http.Handler) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "ok\n")
	})
	mux.Handle("/", h)
	var ready http.Handler = mux
	s.handler.Store(&ready)
}

// serve makes event streams end with the server, which would wait for them.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.Header.Get("Accept"), "text/event-stream") || strings.HasSuffix(r.URL.Path, "/events") {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(s.stopping, cancel)()
		r = r.WithContext(ctx)
	}
	(*s.handler.Load()).ServeHTTP(w, r)
}

// connState remembers connections that nothing was sent on yet: browsers keep
// some in reserve, and http.Server.Shutdown waits 5 s for each.
func (s *Server) connState(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.unused, c)
	if state == http.StateNew {
		s.unused[c] = struct{}{}
		if s.stopping.Err() != nil {
			_ = c.Close()
		}
	}
}

func (s *Server) closeUnused() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.unused {
		_ = c.Close()
	}
}

// Addr is host:port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Wait returns when ctx ends, with nil, or when the server has failed.
func (s *Server) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.served:
		return s.err
	}
}

// Close ends the server: running requests get a moment to finish. Only the
// first call does anything.
func (s *Server) Close() (err error) {
	s.close.Do(func() {
		s.stop()
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		if s.http.Shutdown(ctx) != nil {
			err = s.http.Close()
		}
		<-s.served
		err = errors.Join(err, s.err)
	})
	return err
}

// URLOf is http:// and an address that can be connected to: nobody can connect to
// 0.0.0.0.
func URLOf(l net.Listener) string {
	addr := l.Addr().String()
	if host, port, err := net.SplitHostPort(addr); err == nil {
		if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
			addr = net.JoinHostPort("127.0.0.1", port)
		}
	}
	return "http://" + addr
}
