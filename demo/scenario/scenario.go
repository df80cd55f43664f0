// Package scenario is a set of short stories that the demo can play: each sets
// the system up, does what people, apps and the IdP do, and checks what is to be
// learnt. The control room shows them, tests run them.
package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// Scenario is one story.
type Scenario struct {
	ID       string
	Title    string
	Setup    string // what is set up
	Watch    string // what to look at
	Teaches  string
	Settings system.Settings
	// Steps returns the story anew, for one telling.
	Steps func() []Step
}

// Step of a story.
type Step struct {
	Text   string
	Run    func(context.Context, *Stage) error // may be nil
	Checks []Check
}

// Check of what has come about.
type Check struct {
	Text string
	// OK is asked again and again for a while: much happens behind the scenes.
	OK func(context.Context, *Stage) bool
}

// All lists the scenarios.
func All() []Scenario {
	return slices.Concat(basics(), people(), windows(), trouble(), races(), instances(), temperaments())
}

// Find returns a scenario by its ID.
func Find(id string) (Scenario, bool) {
	all := All()
	i := slices.IndexFunc(all, func(s Scenario) bool { return s.ID == id })
	if i < 0 {
		return Scenario{}, false
	}
	return all[i], true
}

// Stage is where one story is told: the system, and the people's browsers.
type Stage struct {
	*system.System
	pace     Pace
	mu       sync.Mutex
	browsers map[string]*system.Browser
	closers  []func() error
}

// Pace is how many seconds of the demo's clock pass in one second of the reader's. 0: as
// many as can be.
type Pace int

const (
	// Usual is a pace at which one can watch a window of minutes run out.
	Usual   Pace = 60
	MaxPace Pace = 600
	longest      = 8 * time.Second // of real time, for one wait
)

// Forward moves the clock as fast as the reader wants to see it.
func (st *Stage) Forward(ctx context.Context, d time.Duration, each func(context.Context)) error {
	var real time.Duration
	if st.pace > 0 {
		real = min(longest, d/time.Duration(st.pace))
	}
	return st.Walk(ctx, d, real, each)
}

func newStage(s *system.System) *Stage {
	return &Stage{System: s, browsers: map[string]*system.Browser{}}
}

func (st *Stage) close() error {
	st.mu.Lock()
	defer st.mu.Unlock()
	var first error
	for _, f := range st.closers {
		if err := f(); err != nil && first == nil {
			first = err
		}
	}
	for _, b := range st.browsers {
		b.Close()
	}
	st.closers, st.browsers = nil, map[string]*system.Browser{}
	return first
}

// Browser of a person; the same one for the whole story.
func (st *Stage) Browser(user string) *system.Browser {
	st.mu.Lock()
	defer st.mu.Unlock()
	b := st.browsers[user]
	if b == nil {
		b = system.NewBrowser(user)
		st.browsers[user] = b
	}
	return b
}

// act lets a person do something in an app and tells the status of the answer.
func (st *Stage) act(ctx context.Context, user, app, what string) (int, error) {
	b := st.Browser(user)
	if app == system.Naive {
		r, err := b.Fetch(ctx, st.Naive.URL()+"/me")
		return r.Status, err
	}
	r, err := st.Act(ctx, b, app, what)
	return r.Status, err
}

// status asks an app how a person's session stands. It extends nothing.
func (st *Stage) status(ctx context.Context, user, app string) (s rp.Status) {
	r, err := st.Browser(user).Fetch(ctx, st.URL(app)+"/auth/session")
	if err != nil {
		return rp.Status{}
	}
	_ = json.Unmarshal([]byte(r.Body), &s) // an unreadable one is in no state
	return s
}

// idpSession returns the person's session at the IdP.
func (st *Stage) idpSession(user string) (idpmock.Session, bool) {
	for _, s := range st.IDP.Sessions() {
		if s.Username == user {
			return s, true
		}
	}
	return idpmock.Session{}, false
}

// sessionOf names the session that a person has in an app.
func sessionOf(st *Stage, user, app string) (string, error) {
	for _, k := range st.App(app).Known() {
		if k.Subject == user && k.Status.State == "live" {
			return k.Session, nil
		}
	}
	return "", fmt.Errorf("%s has no session in %s", user, system.Name(app))
}

// The vocabulary of the stories.

func signIn(user string, apps ...string) func(context.Context, *Stage) error {
	return func(ctx context.Context, st *Stage) error { return st.SignIn(ctx, st.Browser(user), apps...) }
}

func do(user, app, what string) func(context.Context, *Stage) error {
	return func(ctx context.Context, st *Stage) error {
		_, err := st.act(ctx, user, app, what)
		return err
	}
}

func wait(d time.Duration) func(context.Context, *Stage) error {
	return func(ctx context.Context, st *Stage) error { return st.Forward(ctx, d, nil) }
}

// during lets d pass while the given things are done every so often.
func during(d, every time.Duration, things ...func(context.Context, *Stage) error) func(context.Context, *Stage) error {
	return func(ctx context.Context, st *Stage) error {
		for left := d; left > 0; left -= every {
			if err := st.Forward(ctx, min(every, left), nil); err != nil {
				return err
			}
			for _, f := range things {
				if err := f(ctx, st); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

func steps(things ...func(context.Context, *Stage) error) func(context.Context, *Stage) error {
	return func(ctx context.Context, st *Stage) error {
		for _, f := range things {
			if err := f(ctx, st); err != nil {
				return err
			}
		}
		return nil
	}
}

func live(user string, apps ...string) Check {
	return Check{person2(user) + " is signed in to " + names(apps), func(ctx context.Context, st *Stage) bool {
		for _, id := range apps {
			if st.status(ctx, user, id).State != "live" {
				return false
			}
		}
		return true
	}}
}

func ended(user, app string, why reason.Reason) Check {
	return Check{fmt.Sprintf("%s's session in %s ended: %s", person2(user), system.Name(app), why),
		func(ctx context.Context, st *Stage) bool {
			s := st.status(ctx, user, app)
			return s.State == "ended" && s.Reason == why
		}}
}

func idpLives(user string) Check {
	return Check{person2(user) + "'s session at the IdP lives", func(_ context.Context, st *Stage) bool {
		_, ok := st.idpSession(user)
		return ok
	}}
}

func idpEnded(user string) Check {
	return Check{person2(user) + "'s session at the IdP is over", func(_ context.Context, st *Stage) bool {
		_, ok := st.idpSession(user)
		return !ok
	}}
}

// answers checks what an app answers to a person who does something now.
func answers(user, app, what string, status int) Check {
	return Check{fmt.Sprintf("%s answers %s with %d %s", system.Name(app), person2(user), status,
		http.StatusText(status)), func(ctx context.Context, st *Stage) bool {
		got, err := st.act(ctx, user, app, what)
		return err == nil && got == status
	}}
}

func count(endpoint idpmock.Endpoint, client string, text string, ok func(n int) bool) Check {
	return Check{text, func(_ context.Context, st *Stage) bool { return ok(st.IDP.Count(endpoint, client)) }}
}

func person2(user string) string {
	return map[string]string{"ada": "Ada", "grace": "Grace", "alan": "Alan"}[user]
}

func names(apps []string) string {
	out := ""
	for i, id := range apps {
		switch {
		case i == 0:
		case i == len(apps)-1:
			out += " and "
		default:
			out += ", "
		}
		out += system.Name(id)
	}
	return out
}
