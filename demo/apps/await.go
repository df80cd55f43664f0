package apps

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/resourceserver"
)

// Await calls start, and again for as long as wait while the reason of its
// failure may pass; what is wrong with the configuration does not pass.
func Await[T any](ctx context.Context, wait time.Duration, progress io.Writer, what string,
	start func(context.Context) (T, error)) (T, error) {
	deadline := time.Now().Add(wait)
	pause := 250 * time.Millisecond
	for {
		v, err := start(ctx)
		left := time.Until(deadline)
		switch {
		case err == nil || !mayPass(err) || ctx.Err() != nil:
			return v, err
		case wait <= 0:
			return v, fmt.Errorf("%w (with -wait 1m the program waits for it)", err)
		case left <= 0:
			return v, fmt.Errorf("gave up after %v: %w", wait, err)
		}
		_, _ = fmt.Fprintf(progress, "waiting for %s, for another %v: %v\n", what, left.Round(time.Second), err)
		t := time.NewTimer(min(pause, left))
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return v, ctx.Err()
		}
		pause = min(2*pause, 2*time.Second)
	}
}

func mayPass(err error) bool {
	var flag *FlagError
	var config *rp.ConfigError
	var api *resourceserver.ConfigError
	return !errors.As(err, &flag) && !errors.As(err, &config) && !errors.As(err, &api)
}
