package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// listen opens the sockets. For localhost they are both loopback addresses, where the machine
// has both: some programs take the one, some the other.
func listen(address string) ([]net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("-listen: %w; want host:port, such as localhost:9000", err)
	}
	if host != "localhost" {
		l, err := net.Listen("tcp", address)
		return []net.Listener{l}, err
	}
	four, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return nil, err
	}
	six, err := net.Listen("tcp", net.JoinHostPort("::1", portOf(four)))
	switch {
	case errors.Is(err, syscall.EADDRINUSE): // somebody else would be asked
		_ = four.Close()
		return nil, err
	case err != nil: // a machine without IPv6
		return []net.Listener{four}, nil
	}
	return []net.Listener{four, six}, nil
}

func portOf(l net.Listener) string {
	_, port, _ := net.SplitHostPort(l.Addr().String()) // it is a TCP address
	return port
}

// serve answers on all listeners until ctx ends.
func serve(ctx context.Context, listeners []net.Listener, h http.Handler) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { failed <- s.Serve(l) }() // ends with Shutdown or Close
	}
	select {
	case err := <-failed:
		_ = s.Close() // err says more
		return err
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if err := s.Shutdown(stopping); err != nil {
		return s.Close() // event streams stay open for ever
	}
	return nil
}

// writeReady writes the issuers, one a line, to a file that is whole as soon as it is there.
func writeReady(path string, issuers []string) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".ready-*")
	if err != nil {
		return fmt.Errorf("-ready-file: %w", err)
	}
	_, err = tmp.WriteString(strings.Join(issuers, "\n") + "\n")
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name()) // err says more
		return fmt.Errorf("-ready-file: %w", err)
	}
	return nil
}

// askHealth asks a process that runs with the same flags, for images without any other program.
func (o *options) askHealth(ctx context.Context) error {
	host, port, err := net.SplitHostPort(o.listen)
	if err != nil {
		return fmt.Errorf("-listen: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || host == "localhost" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1" // in an empty image nobody knows localhost
	}
	url, transport := "http://"+net.JoinHostPort(host, port)+"/healthz", &http.Transport{}
	if o.tls != "" {
		ca, err := os.ReadFile(o.tls)
		if err != nil {
			return err
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(ca)
		url, transport.TLSClientConfig = "https"+strings.TrimPrefix(url, "http"), &tls.Config{RootCAs: roots}
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // it was read as far as it matters
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, resp.Status)
	}
	return nil
}
