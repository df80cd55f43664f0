package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/demo/apps"
)

// usualMetrics is where a Prometheus looks for what OpenTelemetry exports.
const usualMetrics = "127.0.0.1:9464"

// metricsFlag is an address, or no more than the wish for metrics.
type metricsFlag string

func (m *metricsFlag) String() string   { return string(*m) }
func (m *metricsFlag) IsBoolFlag() bool { return true } // -metrics alone is enough

func (m *metricsFlag) Set(v string) error {
	switch v {
	case "true", "1":
		*m = usualMetrics
	case "false", "0":
		*m = ""
	default:
		if _, _, err := net.SplitHostPort(v); err != nil {
			return errors.New("use -metrics, or -metrics=HOST:PORT")
		}
		*m = metricsFlag(v)
	}
	return nil
}

// elsewhere runs this demo as the program that collects metrics, examples/metrics, which has
// the same flags. It is in a module of its own because OpenTelemetry and Prometheus are not to
// be among what the library needs; so it is built now, from the source beside this one.
func elsewhere(ctx context.Context, at metricsFlag, args []string, stdout, stderr io.Writer) error {
	var said strings.Builder
	source := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/tandem-sso/tandem")
	source.Stderr = &said
	dir, err := source.Output()
	if err != nil {
		return &apps.FlagError{Flag: "metrics",
			Cure: fmt.Sprintf("needs Go and a clone, for what collects metrics is in "+
				"a module of its own; in a clone: go run ./demo -metrics=%s (%v %s)", at, err,
				strings.TrimSpace(said.String()))}
	}
	temp, err := os.MkdirTemp("", "tandem-metrics")
	if err != nil {
		return fmt.Errorf("-metrics: %w", err)
	}
	defer func() { _ = os.RemoveAll(temp) }()
	_, _ = fmt.Fprintln(stdout, "building what collects metrics, examples/metrics")
	program := filepath.Join(temp, "metrics.exe") // the ending is Windows', and harms nobody else
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./metrics")
	build.Dir, build.Stdout, build.Stderr = filepath.Join(strings.TrimSpace(string(dir)), "examples"), stderr, stderr
	build.Env = append(os.Environ(), "PWD="+build.Dir)
	if err := build.Run(); err != nil {
		return fmt.Errorf("-metrics: go build ./metrics in examples: %w", err)
	}
	run := exec.CommandContext(ctx, program, args...)
	run.Stdout, run.Stderr = stdout, stderr
	run.Cancel = func() error {
		if run.Process.Signal(os.Interrupt) != nil { // Windows has none
			return run.Process.Kill()
		}
		return nil
	}
	run.WaitDelay = 20 * time.Second
	if err := run.Run(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("-metrics: %w", err)
	}
	return ctx.Err()
}
