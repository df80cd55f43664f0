package program_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/program"
	"github.com/tandem-sso/tandem/e2e/driver/process"
)

// go run ./demo -metrics serves metrics, until it ends.
func TestMetrics(t *testing.T) {
	at := process.FreeAddr(t)
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute) // it builds first
	defer stop()
	started, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- program.Run(ctx, []string{"-metrics=" + at, "-listen-port-base", "0"}, env(), out, t.Output())
		out.Close()
	}()
	told := false
	lines := bufio.NewScanner(started)
	for lines.Scan() && !strings.Contains(lines.Text(), "Ctrl-C ends the demo") {
		told = told || strings.Contains(lines.Text(), "http://"+at+"/metrics")
	}
	go io.Copy(io.Discard, started)
	if !told {
		t.Error("nobody is told where the metrics are")
	}
	resp, err := http.Get("http://" + at + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || !strings.Contains(string(text), `tandem_logins_total{client_id="notes"} 0`) {
		t.Errorf("%v\n%s", err, text)
	}
	http.DefaultClient.CloseIdleConnections()
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := http.Get("http://" + at + "/metrics"); err == nil {
		t.Error("it is served after the end")
	}
}

// A binary of the demo has no source beside it, and says what has.
func TestMetricsNeedTheSource(t *testing.T) {
	t.Chdir(t.TempDir())
	err := program.Run(t.Context(), []string{"-metrics"}, env(), io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "in a clone: go run ./demo -metrics=127.0.0.1:9464") {
		t.Error(err)
	}
	err = program.Run(t.Context(), []string{"-metrics=9464"}, env(), io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "-metrics=HOST:PORT") {
		t.Error(err)
	}
}
