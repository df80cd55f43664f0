package scenario_test

import (
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/demo/scenario"
	"github.com/tandem-sso/tandem/demo/system"
)

func start(t *testing.T) *system.System {
	t.Helper()
	s, err := system.Start(t.Context(), system.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Room.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// The README says how many there are.
func TestTheReadmeCountsTheScenarios(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(scenario.All()); n != 17 || !strings.Contains(string(text), "plays seventeen [scenarios]") {
		t.Errorf("there are %d scenarios: say so in README.md, and here", n)
	}
}

// Every story comes out as it says, one after another on one system.
func TestScenarios(t *testing.T) {
	s := start(t)
	p := scenario.NewPlayer(s)
	defer p.Close()
	seen := map[string]bool{}
	for _, one := range scenario.All() {
		t.Run(one.ID, func(t *testing.T) {
			if seen[one.ID] || one.Title == "" || one.Setup == "" || one.Watch == "" || one.Teaches == "" {
				t.Fatal("a double, or without words")
			}
			seen[one.ID] = true
			if err := p.Begin(t.Context(), one.ID); err != nil {
				t.Fatal(err)
			}
			for {
				err := p.Step(t.Context())
				if errors.Is(err, scenario.ErrNothing) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			checks := 0
			for i, step := range p.State().Steps {
				for _, c := range step.Checks {
					checks++
					if c.OK == nil || !*c.OK {
						t.Errorf("step %d (%s): not so: %s", i+1, step.Text, c.Text)
					}
				}
			}
			if checks == 0 {
				t.Error("nothing was checked")
			}
			if t.Failed() {
				events := s.Log.Read(0).Events
				for _, e := range events {
					t.Log(e.At.Format("15:04:05"), e.Kind, e.From, "→", e.To, e.Title, e.Reason)
				}
			}
		})
	}
}
