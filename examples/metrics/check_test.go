package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/program"
	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/e2e/driver/process"
	"github.com/tandem-sso/tandem/e2e/driver/prometheus"
)

const docs = "../../docs/metrics"

// Every query of the dashboard and every alert is answered by a Prometheus that watches the
// demo, and each alert fires on what it is for. make metrics-check runs it.
func TestMetricsCheck(t *testing.T) {
	if os.Getenv("TANDEM_METRICS") == "" {
		t.Skip("make metrics-check sets TANDEM_METRICS and needs prometheus and promtool")
	}
	for _, args := range [][]string{{"check", "rules", docs + "/alerts.yml"}, {"test", "rules",
		docs + "/alerts_test.yml"}} {
		if out, err := exec.CommandContext(t.Context(), "promtool", args...).CombinedOutput(); err != nil {
			t.Fatalf("promtool %v: %v\n%s", args, err, out)
		}
	}
	const idle = 30 * time.Minute
	metrics := process.FreeAddr(t)
	measure, stop, err := serve(metrics)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	p := prometheus.Start(t, docs, metrics)
	s, err := system.Start(t.Context(), system.Config{Measure: measure, Logger: slog.New(slog.DiscardHandler),
		Settings: system.Settings{IdPIdle: idle}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	visit := prometheus.Visit{Idle: idle, Wait: s.Advance}
	for _, app := range system.Apps() {
		visit.Apps = append(visit.Apps, s.URL(app))
	}
	p.FillsDashboard(t, docs, visit)
	p.Rules(t)
}

// The demo with -metrics serves its figures in the format that a Prometheus reads, until it
// ends.
func TestProgram(t *testing.T) {
	at := process.FreeAddr(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	started, out := io.Pipe()
	go func() {
		done <- program.RunMeasured(ctx, serve, []string{"-metrics=" + at, "-listen-port-base", "0"},
			func(string) string { return "" }, out, io.Discard)
		out.Close()
	}()
	for lines := bufio.NewScanner(started); lines.Scan() && !strings.Contains(lines.Text(), "Ctrl-C ends the demo"); {
	}
	go io.Copy(io.Discard, started)
	resp, err := http.Get("http://" + at + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(text), `tandem_logins_total{client_id="notes"} 0`) {
		t.Errorf("%v\n%s", err, text)
	}
	stop()
	if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := http.Get("http://" + at + "/metrics"); err == nil {
		t.Error("it is served after the end")
	}
}
