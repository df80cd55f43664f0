package planner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/demo/apps"
)

// Question is what is to be played.
type Question struct {
	Story string        `json:"story"` // the ID of one of Stories
	Work  time.Duration `json:"work"`  // how long the person works
	Away  time.Duration `json:"away"`  // and is then away, before they come back to every app
	// Sides are the two worlds. Their Active and Elsewhere follow from Story and Work.
	Sides [2]Policy `json:"sides"`
}

// Answer is what came of it. All times count from the log-in.
type Answer struct {
	Story string        `json:"story"` // in a sentence
	Work  time.Duration `json:"work"`
	Back  time.Duration `json:"back"` // when the person comes back
	Until time.Duration `json:"until"`
	Every time.Duration `json:"every"` // between two clicks
	Sides [2]World      `json:"sides"`
	// Differences between the two, and what made them; empty: none.
	Differences []Difference `json:"differences"`
}

// World is one side.
type World struct {
	Lanes []Lane `json:"lanes"`
}

const (
	plays   = 2               // at the same time; each is two worlds
	longest = 2 * time.Minute // of real time, for one play; a quiet machine needs two seconds
)

// Errors that are nobody's field.
var (
	ErrBusy = errors.New("others are playing: try again in a few seconds")
	ErrLong = fmt.Errorf("the play took longer than %s of real time and was stopped: shorten the work or the absence",
		apps.Span(longest))
	ErrClosed = errors.New("the demo is ending")
)

// Theatre plays one story twice, each time in a world of its own that begins anew: an IdP, three
// apps, the API and the app without the library, with their own stores and a clock of their own
// that is moved by hand, so that hours pass in a moment. It says what was different, and which
// setting made the difference. It is safe for concurrent use.
type Theatre struct {
	logger *slog.Logger
	seats  chan struct{}
	ctx    context.Context
	cancel context.CancelFunc
	mu     sync.Mutex // guards closed, and that nothing begins after it
	closed bool
	runs   sync.WaitGroup
}

// NewTheatre returns a Theatre; Close it.
func NewTheatre(logger *slog.Logger) *Theatre {
	t := &Theatre{logger: logger, seats: make(chan struct{}, plays)}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

// Close stops what is being played and waits for it.
func (t *Theatre) Close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.cancel()
	t.runs.Wait()
}

// Play plays. It stops when ctx ends, which is when nobody waits for the answer any more.
func (t *Theatre) Play(ctx context.Context, q Question) (Answer, error) {
	score, err := q.score()
	if err != nil {
		return Answer{}, err
	}
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return Answer{}, ErrClosed
	}
	t.runs.Add(1)
	t.mu.Unlock()
	defer t.runs.Done()
	select {
	case t.seats <- struct{}{}:
		defer func() { <-t.seats }()
	default:
		return Answer{}, ErrBusy
	}
	ctx, cancel := context.WithTimeoutCause(ctx, longest, ErrLong)
	defer cancel()
	defer context.AfterFunc(t.ctx, cancel)()

	var worlds [2]World
	var faults [2]error
	var both sync.WaitGroup
	for i, p := range q.Sides {
		both.Go(func() {
			worlds[i], faults[i] = play(ctx, t.logger, score, p)
			if faults[i] != nil {
				cancel()
			}
		})
	}
	both.Wait()
	if err := context.Cause(ctx); errors.Is(err, ErrLong) {
		return Answer{}, err
	}
	for _, err := range faults {
		if err != nil && !errors.Is(err, context.Canceled) {
			return Answer{}, err
		}
	}
	if err := errors.Join(faults[:]...); err != nil {
		return Answer{}, err
	}
	return Answer{Story: score.text, Work: score.work, Back: score.back, Until: score.until, Every: score.every,
		Sides: worlds, Differences: differences(q.Sides, worlds, score)}, nil
}

// Story that can be played with any settings.
type Story struct {
	ID, Title, Text string
	idle            bool // nobody works
	elsewhere       bool // the person works in programs that have no session of ours
}

// Stories lists them.
func Stories() []Story {
	return []Story{
		{ID: "works", Title: "Ada works, leaves, and comes back",
			Text: "Ada signs in to Notes, Reports and Wiki, and works in one of them. Then she leaves. Her pages " +
				"stay open, and ask for news. Grace does the same in Homemade."},
		{ID: "polls", Title: "Ada leaves, and her pages go on asking", idle: true,
			Text: "Ada signs in to Notes, Reports and Wiki, and is called away at once. Her pages stay open, and ask " +
				"for news. Grace does the same in Homemade."},
		{ID: "elsewhere", Title: "Ada works in programs that we know nothing of", elsewhere: true,
			Text: "Ada signs in to Notes, Reports and Wiki, and then works in other programs: each sends her to the " +
				"IdP, which lets her through. Then she leaves. Her pages stay open. Grace works in Homemade."},
	}
}

// score is a story with its times.
type score struct {
	Story
	text              string
	work, back, until time.Duration
	every             time.Duration // between two clicks, or two questions of a page
	delta             time.Duration // within which play and plan agree
}

const (
	clicks  = 10 // in the shorter window
	windows = 20 // the longest work and the longest absence, in shorter windows
)

// score checks the question and writes its times down. It sets the sides' Active.
func (q *Question) score() (score, error) {
	var s score
	for _, one := range Stories() {
		if one.ID == q.Story {
			s.Story = one
		}
	}
	if s.ID == "" {
		return s, &FieldError{Field: "story", Text: fmt.Sprintf("there is no story %q", q.Story)}
	}
	if s.idle {
		q.Work = 0
	}
	delta := time.Duration(0)
	for i := range q.Sides {
		p := &q.Sides[i]
		p.Active, p.Elsewhere = max(0, q.Work), s.elsewhere
		_, every, err := Everybody(*p)
		if err == nil {
			err = playable(p.IdP)
		}
		if err != nil {
			return s, &FieldError{Side: i + 1, Text: err.Error()}
		}
		if delta == 0 || every < delta {
			delta = every
		}
	}
	window := min(q.Sides[0].Window, q.Sides[1].Window)
	for _, d := range []struct {
		field, name string
		v           time.Duration
	}{{"work", "Ada works for", q.Work}, {"away", "Ada is away for", q.Away}} {
		if d.v < 0 || d.v > windows*window {
			return s, &FieldError{Field: d.field, Text: fmt.Sprintf("“%s” is %s; with a window of %s, use %s at most",
				d.name, apps.Span(d.v), apps.Span(window), apps.Span(windows*window))}
		}
	}
	s.every = window / clicks
	s.delta = max(delta, s.every)
	s.work, s.back = q.Work, q.Work+q.Away
	s.until = s.back + max(window/60, 3*time.Second)
	s.text = s.Text + fmt.Sprintf(" She comes back after %s.", apps.Span(q.Away))
	if s.work > 0 {
		s.text = strings.Replace(s.text, "Then she leaves", "She leaves after "+apps.Span(s.work), 1)
	}
	return s, nil
}

// FieldError belongs to a field of the question, or to one of its sides.
type FieldError struct {
	Field string
	Side  int // 1 or 2; 0: to none
	Text  string
}

func (e *FieldError) Error() string { return e.Text }
