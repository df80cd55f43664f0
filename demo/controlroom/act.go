package controlroom

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/demo/scenario"
	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// order is what a button asks for.
type order struct {
	Do       string           `json:"do"`
	App      string           `json:"app,omitempty"`
	Session  string           `json:"session,omitempty"`
	SID      string           `json:"sid,omitempty"`
	User     string           `json:"user,omitempty"`
	Story    string           `json:"story,omitempty"`
	Seconds  int              `json:"seconds,omitempty"`
	On       bool             `json:"on,omitempty"`   // of a switch; of step and play: without pauses
	Pace     scenario.Pace    `json:"pace,omitempty"` // of step and play; 0: the usual one
	Settings *system.Settings `json:"settings,omitempty"`
}

const maxJump = 24 * time.Hour

// act carries out an order. The answer is JSON: what was done, or why not.
func (r *Room) act(w http.ResponseWriter, req *http.Request) {
	var o order
	if err := decode(w, req, &o); err != nil {
		apps.JSON(w, http.StatusBadRequest, apps.Failure{Error: "bad_request", Text: "this is no order: " +
			err.Error()})
		return
	}
	ctx, cancel := context.WithTimeout(req.Context(), 30*time.Second)
	defer cancel()
	text, err := r.do(ctx, o)
	if err != nil {
		apps.JSON(w, http.StatusUnprocessableEntity, apps.Failure{Error: "not_done", Text: err.Error()})
		return
	}
	apps.JSON(w, http.StatusOK, map[string]string{"done": text})
}

func (r *Room) do(ctx context.Context, o order) (string, error) {
	s := r.System
	switch o.Do {
	case "sign-in":
		return "", r.people.signIn(ctx, s, o.User)
	case system.DoActive, system.DoPassive, system.DoCallAPI, system.DoLogout:
		result, err := s.Do(ctx, o.App, o.Session, o.Do)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%s answered %d %s", system.Name(o.App), result.Status, http.StatusText(result.Status)), nil
	case "jump":
		d := time.Duration(o.Seconds) * time.Second
		if d <= 0 || d > maxJump {
			return "", fmt.Errorf("the clock goes forward by a second to %v", maxJump)
		}
		return "", r.pilot.jump(ctx, d)
	case "speed":
		return "", r.pilot.setSpeed(o.Seconds)
	case "pilot":
		return "", r.pilot.fly(o.App, o.Seconds)
	case "end":
		err := s.EndAtIdP(o.SID)
		if errors.Is(err, idpmock.ErrNoSession) {
			return "", errors.New("this session has ended already")
		}
		return "", err
	case "idp-down":
		s.SetIdPDown(o.On)
		return "", nil
	case "idp-hangs":
		s.SetIdPHangs(o.On)
		return "", nil
	case "api-broken":
		s.BreakAPI(o.On)
		return "", nil
	case "lose":
		s.LoseDeliveries(o.On)
		return "", nil
	case "settings":
		if o.Settings == nil {
			return "", errors.New("no settings were given")
		}
		return "", s.Change(ctx, *o.Settings)
	case "story":
		r.pilot.rest()
		return "", r.stories.Begin(ctx, o.Story)
	case "step", "play":
		pace, err := o.pace()
		if err != nil {
			return "", err
		}
		if o.Do == "play" {
			r.stories.Play(pace)
			return "", nil
		}
		r.stories.Stop()
		return "", r.stories.Next(pace)
	case "back":
		r.pilot.rest()
		return "", r.stories.Back(ctx)
	case "stop":
		r.stories.Stop()
		return "", nil
	case "clear":
		s.Log.Clear()
		return "", nil
	}
	return "", fmt.Errorf("nobody knows how to do %q", o.Do)
}

// pace at which a story is to be told.
func (o order) pace() (scenario.Pace, error) {
	switch {
	case o.Pace < 0 || o.Pace > scenario.MaxPace:
		return 0, fmt.Errorf("a story is told at 1 to %d seconds a second", scenario.MaxPace)
	case o.On:
		return 0, nil
	case o.Pace == 0:
		return scenario.Usual, nil
	}
	return o.Pace, nil
}

// people are those whom the page plays: each has a browser in this process.
type people struct {
	mu   sync.Mutex
	list map[string]*system.Browser
}

// signIn signs a person in to all apps. Who is signed in already stays so.
func (p *people) signIn(ctx context.Context, s *system.System, user string) error {
	if user == "" {
		user = "ada"
	}
	p.mu.Lock()
	b := p.list[user]
	if b == nil {
		b = system.NewBrowser(user)
		if p.list == nil {
			p.list = map[string]*system.Browser{}
		}
		p.list[user] = b
	}
	p.mu.Unlock()
	return s.SignIn(ctx, b, system.Apps()...)
}

func (p *people) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.list {
		b.Close()
	}
}
