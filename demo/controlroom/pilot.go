package controlroom

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/demo/system"
)

const (
	beat     = 100 * time.Millisecond // of real time, between two steps of a faster clock
	maxSpeed = 120
)

// pilot moves the clock, and the people who are active by themselves.
type pilot struct {
	system *system.System
	logger *slog.Logger
	stop   context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex // guards all below
	speed int
	every map[string]time.Duration // by app
	last  map[string]time.Time
}

func startPilot(s *system.System, logger *slog.Logger) *pilot {
	ctx, cancel := context.WithCancel(context.Background())
	p := &pilot{system: s, logger: logger, stop: cancel, done: make(chan struct{}), speed: 1,
		every: map[string]time.Duration{}, last: map[string]time.Time{}}
	go func() {
		defer close(p.done)
		p.run(ctx)
	}()
	return p
}

func (p *pilot) close() {
	p.stop()
	<-p.done
}

func (p *pilot) run(ctx context.Context) {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			speed, _ := p.state()
			if d := now.Sub(last) * time.Duration(speed-1); d > 0 {
				p.system.Advance(d)
			}
			last = now
			p.actAll(ctx)
		}
	}
}

// jump moves the clock by d; people who are active by themselves stay so.
func (p *pilot) jump(ctx context.Context, d time.Duration) error {
	p.system.SayJump(d)
	return p.system.Forward(ctx, d, p.actAll)
}

// actAll lets those act whose time has come.
func (p *pilot) actAll(ctx context.Context) {
	now := p.system.Now()
	var due []string
	p.mu.Lock()
	for id, every := range p.every {
		if now.Sub(p.last[id]) >= every {
			p.last[id] = now
			due = append(due, id)
		}
	}
	p.mu.Unlock()
	slices.Sort(due)
	for _, id := range due {
		// The latest session that lives is the person's.
		for _, k := range p.system.App(id).Known() {
			if k.Status.State != "live" {
				continue
			}
			what := system.DoActive
			if id == system.Reports {
				what = system.DoCallAPI
			}
			if _, err := p.system.Do(ctx, id, k.Session, what); err != nil && ctx.Err() == nil {
				p.logger.Debug("the person could not act", "app", id, "error", err)
			}
			break
		}
	}
}

func (p *pilot) setSpeed(n int) error {
	if n < 1 || n > maxSpeed {
		return fmt.Errorf("the clock runs 1 to %d times as fast as real time", maxSpeed)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.speed = n
	return nil
}

// fly makes the person act in an app every so many seconds; 0 ends that.
func (p *pilot) fly(id string, seconds int) error {
	if p.system.App(id) == nil {
		return fmt.Errorf("there is no app %q", id)
	}
	if seconds < 0 || seconds > 86400 {
		return fmt.Errorf("a person acts every 1 to 86400 s, or 0 for not at all")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.every, id)
	if seconds > 0 {
		p.every[id] = time.Duration(seconds) * time.Second
		p.last[id] = time.Time{}
	}
	return nil
}

// rest lets nobody act and the clock run as usual.
func (p *pilot) rest() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.speed = 1
	clear(p.every)
}

func (p *pilot) state() (speed int, every map[string]int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	every = map[string]int{}
	for id := range maps.Keys(p.every) {
		every[id] = int(p.every[id] / time.Second)
	}
	return p.speed, every
}
