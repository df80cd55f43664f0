package scenario_test

import (
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

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
	if n := len(scenario.All()); n != 27 || !strings.Contains(string(text), "tells twenty-seven [stories]") {
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

// A story waits for its reader: Next tells one step and stops, Back takes the last one back,
// and another story does not wait for the rest of a step.
func TestAReadersPace(t *testing.T) {
	s := start(t)
	p := scenario.NewPlayer(s)
	defer p.Close()
	at := func(step int) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); ; {
			if st := p.State(); st.Step == step && !st.Busy && !st.Playing {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("not at step %d: %+v", step, p.State())
			}
			<-time.After(5 * time.Millisecond)
		}
	}
	if err := p.Next(scenario.Usual); !errors.Is(err, scenario.ErrNothing) {
		t.Error("there is a step without a story:", err)
	}
	if err := p.Begin(t.Context(), "most-restrictive"); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 2; n++ {
		if err := p.Next(scenario.MaxPace); err != nil {
			t.Fatal(err)
		}
		at(n)
	}
	if err := p.Back(t.Context()); err != nil {
		t.Fatal(err)
	}
	at(1)
	steps := 0
	for _, e := range s.Log.Read(0).Events {
		if e.Kind == system.Step {
			steps++
		}
	}
	if steps != 1 {
		t.Errorf("%d steps are on the timeline after Back, want 1", steps)
	}

	begun, clock := time.Now(), s.Now()
	if err := p.Next(60); err != nil { // a minute passes in this step
		t.Fatal(err)
	}
	at(2)
	if took := time.Since(begun); took < time.Second || s.Now().Sub(clock) < time.Minute {
		t.Errorf("a minute at 60 s a second took %v", took)
	}
	if err := p.Next(1); err != nil { // 45 s: would take 8 s
		t.Fatal(err)
	}
	begun = time.Now()
	if err := p.Begin(t.Context(), "logout"); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 6*time.Second {
		t.Errorf("the next story waited %v for a step of the one before", took)
	}
}
