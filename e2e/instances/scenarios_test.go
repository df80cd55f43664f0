package instances

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/tandem-sso/tandem/demo/scenario"
	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/internal/servertest"
)

// Every story of the control room comes out the same when each app runs as two
// instances that take turns on one Redis.
func TestScenarios(t *testing.T) {
	redis, err := servertest.StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(redis.Close)
	s, err := system.Start(t.Context(), system.Config{Instances: 2, Store: "redis://" + redis.Addr + "/0",
		Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		s.Room.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	p := scenario.NewPlayer(s)
	defer p.Close()
	for _, one := range scenario.All() {
		t.Run(one.ID, func(t *testing.T) {
			err := p.Begin(t.Context(), one.ID)
			for err == nil {
				err = p.Step(t.Context())
			}
			if !errors.Is(err, scenario.ErrNothing) { // is left to tell
				t.Fatal(err)
			}
			for i, step := range p.State().Steps {
				for _, c := range step.Checks {
					if c.OK == nil || !*c.OK {
						t.Errorf("step %d (%s): not so: %s", i+1, step.Text, c.Text)
					}
				}
			}
		})
	}
}
