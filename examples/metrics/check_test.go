package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/program"
	"github.com/tandem-sso/tandem/demo/system"
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
	metrics := free(t)
	measure, stop, err := serve(metrics)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	p := startPrometheus(t, metrics)
	s, err := system.Start(t.Context(), system.Config{Measure: measure, Logger: slog.New(slog.DiscardHandler),
		Settings: system.Settings{IdPIdle: 30 * time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	queries := map[string]string{} // with Grafana's variables filled in
	for _, panel := range dashboard(t) {
		for _, q := range panel.Targets {
			filled := strings.NewReplacer("$__rate_interval", "1m", "$client", ".*").Replace(q.Expr)
			queries[panel.Title+" "+q.RefID] = filled
		}
	}
	if len(queries) < 14 {
		t.Fatalf("only %d queries are in the dashboard", len(queries))
	}
	// People come and go until every panel shows something.
	deadline := time.Now().Add(2 * time.Minute)
	var empty []string
	for time.Now().Before(deadline) {
		oneLife(t, s)
		empty = nil
		for title, query := range queries {
			if !p.shows(t, query) {
				empty = append(empty, title)
			}
		}
		if len(empty) == 0 {
			break
		}
	}
	if len(empty) > 0 {
		t.Errorf("nothing shows for %q", empty)
	}
	p.rules(t)
}

// oneLife: somebody logs in, comes back after a while, has a page open, and is logged out at
// the IdP.
func oneLife(t *testing.T, s *system.System) {
	t.Helper()
	b := system.NewBrowser("ada")
	defer b.Close()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.SignIn(t.Context(), b, system.Apps()...))
	for _, after := range []time.Duration{3 * time.Minute, 7 * time.Minute} { // a signal is due; the IdP is asked first
		s.Advance(after)
		for _, app := range system.Apps() {
			_, err := b.Open(t.Context(), s.URL(app)+"/private")
			must(err)
		}
	}
	pages := make(chan error, 1)
	go func() {
		_, err := b.Fetch(t.Context(), s.URL(system.Notes)+"/auth/events")
		pages <- err
	}()
	for s.App(system.Notes).RP.OpenStreams() == 0 {
		select {
		case err := <-pages:
			t.Fatal("the stream is over: ", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	for _, one := range s.IDP.Sessions() {
		must(s.IDP.EndSession(one.SID))
	}
	must(<-pages)
}

// panel of the dashboard.
type panel struct {
	Title       string
	Targets     []struct{ RefID, Expr, LegendFormat string }
	FieldConfig struct{ Defaults struct{ Unit string } }
}

// dashboard returns all panels.
func dashboard(t *testing.T) []panel {
	t.Helper()
	text, err := os.ReadFile(docs + "/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct{ Panels []panel }
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d.Panels
}

type server struct{ at string }

// startPrometheus runs one that looks each second.
func startPrometheus(t *testing.T, target string) *server {
	t.Helper()
	rules, err := filepath.Abs(docs + "/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := fmt.Sprintf("global: {scrape_interval: 1s, evaluation_interval: 1s}\n"+
		"rule_files: [%q]\n"+
		"scrape_configs:\n  - {job_name: demo, static_configs: [{targets: [%q]}]}\n", rules, target)
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &server{free(t)}
	cmd := exec.Command("prometheus", "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+p.at, "--log.level=error")
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait() // it says so when it is interrupted
	})
	for deadline := time.Now().Add(time.Minute); ; {
		resp, err := http.Get("http://" + p.at + "/-/ready")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return p
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("Prometheus is not ready: %v", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// get asks the API of Prometheus.
func (p *server) get(ctx context.Context, path string, data any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.at+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
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
func (p *server) shows(t *testing.T, query string) bool {
	t.Helper()
	var data struct{ Result []struct{ Value [2]any } } // time, number
	if err := p.get(t.Context(), "/api/v1/query?query="+url.QueryEscape(query), &data); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	for _, r := range data.Result {
		if r.Value[1] != "NaN" {
			return true
		}
	}
	return false
}

// rules fails for an alert that cannot be evaluated, or that fires although nothing is wrong.
func (p *server) rules(t *testing.T) {
	t.Helper()
	var data struct {
		Groups []struct {
			Rules []struct{ Name, Health, State, LastError string }
		}
	}
	if err := p.get(t.Context(), "/api/v1/rules", &data); err != nil {
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

// free is an address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// The demo with -metrics serves its figures in the format that a Prometheus reads, until it
// ends.
func TestProgram(t *testing.T) {
	at := free(t)
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
