package scenario

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/demo/system"
)

const (
	patience = 5 * time.Second // of real time, for a check to come true
	look     = 20 * time.Millisecond
	pause    = 1500 * time.Millisecond // between two steps that play by themselves
)

// Player tells one story at a time. It is safe for concurrent use.
type Player struct {
	system *system.System
	ctx    context.Context // of stories that play by themselves
	cancel context.CancelFunc
	plays  sync.WaitGroup

	telling sync.Mutex // one step at a time
	mu      sync.Mutex // guards all below
	now     *telling
}

// telling is a story that is being told.
type telling struct {
	Scenario
	steps   []Step
	stage   *Stage
	state   State
	playing bool
}

// State of a story, for the page.
type State struct {
	ID      string      `json:"id"`
	Step    int         `json:"step"` // done so far
	Steps   []StepState `json:"steps"`
	Busy    bool        `json:"busy"`
	Playing bool        `json:"playing"`
	Error   string      `json:"error,omitempty"`
}

// StepState of one step.
type StepState struct {
	Text   string       `json:"text"`
	Checks []CheckState `json:"checks"`
}

// CheckState of one check: nil, not looked at yet.
type CheckState struct {
	Text string `json:"text"`
	OK   *bool  `json:"ok"`
}

// NewPlayer returns a player; Close it.
func NewPlayer(s *system.System) *Player {
	p := &Player{system: s}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// Close ends the story that is told.
func (p *Player) Close() error {
	p.cancel()
	p.plays.Wait()
	p.telling.Lock()
	defer p.telling.Unlock()
	p.mu.Lock()
	t := p.now
	p.now = nil
	p.mu.Unlock()
	if t == nil {
		return nil
	}
	return t.stage.close()
}

// ErrUnknown means that there is no such scenario.
var ErrUnknown = errors.New("scenario: there is no such scenario")

// ErrNothing means that no story is being told, or that it is over.
var ErrNothing = errors.New("scenario: there is no next step")

// Begin ends the story before and sets up a new one.
func (p *Player) Begin(ctx context.Context, id string) error {
	s, ok := Find(id)
	if !ok {
		return ErrUnknown
	}
	p.Stop()
	p.telling.Lock()
	defer p.telling.Unlock()
	t := &telling{Scenario: s, steps: s.Steps(), stage: newStage(p.system), state: State{ID: id, Busy: true}}
	for _, step := range t.steps {
		one := StepState{Text: step.Text, Checks: []CheckState{}}
		for _, c := range step.Checks {
			one.Checks = append(one.Checks, CheckState{Text: c.Text})
		}
		t.state.Steps = append(t.state.Steps, one)
	}
	p.mu.Lock()
	old := p.now
	p.now = t
	p.mu.Unlock()
	if old != nil {
		if err := old.stage.close(); err != nil {
			return err
		}
	}
	err := p.system.Reset(ctx, s.Settings)
	p.change(t, func() { t.state.Busy = false })
	return err
}

func (p *Player) change(t *telling, f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now == t {
		f()
	}
}

// Step tells the next step and looks at its checks.
func (p *Player) Step(ctx context.Context) error {
	p.telling.Lock()
	defer p.telling.Unlock()
	p.mu.Lock()
	t := p.now
	if t == nil || t.state.Step >= len(t.steps) || t.state.Error != "" {
		p.mu.Unlock()
		return ErrNothing
	}
	i := t.state.Step
	t.state.Busy = true
	p.mu.Unlock()

	err := p.tell(ctx, t, i)
	p.change(t, func() {
		t.state.Busy = false
		t.state.Step = i + 1
		if err != nil {
			t.state.Error = err.Error()
		}
	})
	return err
}

func (p *Player) tell(ctx context.Context, t *telling, i int) error {
	step := t.steps[i]
	if step.Run != nil {
		if err := step.Run(ctx, t.stage); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	for k, c := range step.Checks {
		ok := eventually(ctx, t.stage, c)
		p.change(t, func() { t.state.Steps[i].Checks[k].OK = &ok })
	}
	return ctx.Err()
}

func eventually(ctx context.Context, st *Stage, c Check) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		if c.OK(ctx, st) {
			return true
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
}

// Play tells the rest of the story by itself, in the background. Between two
// steps there is a pause to look at what has come about, unless it is to be quick.
func (p *Player) Play(quick bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.now
	if t == nil || t.playing || p.ctx.Err() != nil {
		return
	}
	t.playing, t.state.Playing = true, true
	p.plays.Go(func() {
		defer p.change(t, func() { t.playing, t.state.Playing = false, false })
		for {
			p.mu.Lock()
			goes := p.now == t && t.playing
			p.mu.Unlock()
			if !goes || p.Step(p.ctx) != nil {
				return
			}
			if quick {
				continue
			}
			rest := time.NewTimer(pause)
			select {
			case <-rest.C:
			case <-p.ctx.Done():
				rest.Stop()
				return
			}
		}
	})
}

// Stop makes a story that plays by itself wait before its next step.
func (p *Player) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now != nil {
		p.now.playing, p.now.state.Playing = false, false
	}
}

// State of the story that is told, nil if there is none.
func (p *Player) State() *State {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now == nil {
		return nil
	}
	s := p.now.state
	s.Steps = make([]StepState, len(p.now.state.Steps))
	for i, step := range p.now.state.Steps {
		s.Steps[i] = StepState{step.Text, append([]CheckState{}, step.Checks...)}
	}
	return &s
}
