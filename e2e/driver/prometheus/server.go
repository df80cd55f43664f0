// Package prometheus has a Prometheus watch the demo by the configuration of docs/metrics, and
// asks it what the dashboard there asks.
package prometheus

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/e2e/driver/process"
)

// Server is one that runs, at an address such as 127.0.0.1:9095.
type Server struct{ At string }

const (
	target = "127.0.0.1:9464" // in docs/metrics/prometheus.yml
	ready  = time.Minute
)

// Start runs one until the test ends, which scrapes another address than the documentation's.
// docs is the path of docs/metrics.
func Start(t *testing.T, docs, metrics string) *Server {
	t.Helper()
	docs, err := filepath.Abs(docs)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(docs, "prometheus.yml"))
	if err != nil {
		t.Fatal(err)
	}
	config := strings.NewReplacer(target, metrics, "alerts.yml]", filepath.Join(docs, "alerts.yml")+"]").
		Replace(string(text))
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &Server{process.FreeAddr(t)}
	cmd := exec.Command("prometheus", "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+s.At, "--log.level=error")
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait() // it says so when it is interrupted
	})
	for deadline := time.Now().Add(ready); ; {
		resp, err := http.Get("http://" + s.At + "/-/ready")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return s
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("Prometheus is not ready: %v", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// Get asks its API.
func (s *Server) Get(ctx context.Context, path string, data any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.At+path, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.Status != "success" {
		return errors.New(answer.Error)
	}
	return nil
}

// shows reports whether a query has an answer with a number.
func (s *Server) shows(t *testing.T, query string) bool {
	t.Helper()
	var data struct{ Result []struct{ Value [2]any } } // time, number
	if err := s.Get(t.Context(), "/api/v1/query?query="+url.QueryEscape(query), &data); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	for _, r := range data.Result {
		if r.Value[1] != "NaN" {
			return true
		}
	}
	return false
}

// Rules fails for an alert that cannot be evaluated, or that fires although nothing is wrong.
func (s *Server) Rules(t *testing.T) {
	t.Helper()
	var data struct {
		Groups []struct {
			Rules []struct{ Name, Health, State, LastError string }
		}
	}
	if err := s.Get(t.Context(), "/api/v1/rules", &data); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, g := range data.Groups {
		for _, r := range g.Rules {
			n++
			if r.Health != "ok" || r.State == "firing" {
				t.Errorf("%s: health %s, %s %s", r.Name, r.Health, r.State, r.LastError)
			}
		}
	}
	if n < 10 {
		t.Errorf("Prometheus has %d rules", n)
	}
}
