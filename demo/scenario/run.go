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
)

// reading is how long people need for what a step says, at the usual pace.
func reading(s Step) time.Duration {
	letters := len(s.Text)
	for _, c := range s.Checks {
		letters += len(c.Text)
	}
	return 1500*time.Millisecond + time.Duration(letters)*35*time.Millisecond
}

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
	cut     context.Context // ends when another story begins: nobody waits for the rest of a step
	cancel  context.CancelFunc
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
	p.mu.Lock()
	if p.now != nil {
		p.now.cancel()
	}
	p.mu.Unlock()
	p.telling.Lock()
	defer p.telling.Unlock()
	t := &telling{Scenario: s, steps: s.Steps(), stage: newStage(p.system), state: State{ID: id, Busy: true}}
	t.cut, t.cancel = context.WithCancel(p.ctx)
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

// Step tells the next step, without pauses, and looks at its checks.
func (p *Player) Step(ctx context.Context) error { return p.step(ctx, 0) }

// Next tells the next step in the background, at a reader's pace. While one is being
// told it does nothing.
func (p *Player) Next(pace Pace) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.now
	if t == nil || t.over() || p.ctx.Err() != nil {
		return ErrNothing
	}
	if t.state.Busy {
		return nil
	}
	t.state.Busy = true
	p.plays.Go(func() { _ = p.step(p.ctx, pace) }) // what fails is in the state
	return nil
}

// over: there is no next step. p.mu is held.
func (t *telling) over() bool { return t.state.Step >= len(t.steps) || t.state.Error != "" }

func (p *Player) step(ctx context.Context, pace Pace) error {
	p.telling.Lock()
	defer p.telling.Unlock()
	p.mu.Lock()
	t := p.now
	if t == nil || t.over() {
		p.mu.Unlock()
		return ErrNothing
	}
	i := t.state.Step
	t.state.Busy = true
	p.mu.Unlock()

	t.stage.pace = pace
	ctx, cancel := context.WithCancel(ctx)
	defer context.AfterFunc(t.cut, cancel)()
	defer cancel()
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
	p.system.Note(system.Event{Kind: system.Step, From: system.Person,
		Title: fmt.Sprintf("Step %d: %s", i+1, step.Text)})
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

// Play tells the rest of the story by itself, in the background. After each step
// there is a pause to read it and to look at what has come about; none at pace 0.
func (p *Player) Play(pace Pace) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now != nil {
		p.play(pace, len(p.now.steps))
	}
}

// Back tells the story anew up to the step before the last one, without pauses: what has
// happened cannot be undone.
func (p *Player) Back(ctx context.Context) error {
	p.Stop()
	p.mu.Lock()
	t := p.now
	if t == nil || t.state.Step == 0 {
		p.mu.Unlock()
		return ErrNothing
	}
	to := t.state.Step - 1
	p.mu.Unlock()
	if err := p.Begin(ctx, t.ID); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now != nil && p.now.ID == t.ID {
		p.play(0, to)
	}
	return nil
}

// play tells steps until so many have been told. p.mu is held.
func (p *Player) play(pace Pace, until int) {
	t := p.now
	if t.playing || t.state.Step >= until || p.ctx.Err() != nil {
		return
	}
	t.playing, t.state.Playing = true, true
	p.plays.Go(func() {
		defer p.change(t, func() { t.playing, t.state.Playing = false, false })
		for {
			p.mu.Lock()
			at := t.state.Step
			goes := p.now == t && t.playing && at < until
			p.mu.Unlock()
			if !goes || p.step(p.ctx, pace) != nil {
				return
			}
			if pace == 0 || at+1 >= until {
				continue
			}
			rest := time.NewTimer(reading(t.steps[at]) * time.Duration(Usual) / time.Duration(pace))
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
