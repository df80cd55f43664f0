package system

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// idpState is what the IdP does to whoever calls it.
type idpState int

const (
	idpServes idpState = iota
	idpDown            // connections are cut, as if nobody was there
	idpHangs           // connections are taken, and nothing is answered
)

// downSwitch takes the IdP down.
type downSwitch struct {
	mu    sync.Mutex
	state idpState
	freed chan struct{} // closed when it hangs no longer
}

// set reports whether the state is another one now.
func (d *downSwitch) set(to idpState) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.state == to {
		return false
	}
	if d.state == idpHangs {
		close(d.freed)
	}
	if to == idpHangs {
		d.freed = make(chan struct{})
	}
	d.state = to
	return true
}

func (d *downSwitch) now() (idpState, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state, d.freed
}

func (d *downSwitch) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		state, freed := d.now()
		if state == idpHangs {
			select {
			case <-freed:
			case <-r.Context().Done():
			}
		}
		if state == idpDown || r.Context().Err() != nil {
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	})
}

// SetIdPDown takes the IdP down or brings it back.
func (s *System) SetIdPDown(down bool) {
	s.setIdP(down, idpDown, Event{Title: "IdP down", Text: "Every connection to it is cut. Nobody is logged out by " +
		"that."})
}

// SetIdPHangs makes the IdP take calls and answer none, or brings it back.
func (s *System) SetIdPHangs(hangs bool) {
	s.setIdP(hangs, idpHangs, Event{Title: "IdP hangs", Text: "It takes every call and answers none. Nobody is " +
		"logged out by that."})
}

func (s *System) setIdP(bad bool, to idpState, e Event) {
	if !bad {
		to, e = idpServes, Event{Title: "IdP back", Text: "The apps find it again by themselves."}
	}
	if !s.down.set(to) {
		return
	}
	e.Kind, e.From, e.Clause = Control, IdP, "C6"
	s.Note(e)
}

// IdPDown tells whether it is down, or hangs.
func (s *System) IdPDown() bool {
	state, _ := s.down.now()
	return state != idpServes
}

// BreakAPI makes the API refuse every token, or mends it.
func (s *System) BreakAPI(broken bool) {
	if s.broken.Swap(broken) == broken {
		return
	}
	e := Event{Kind: Control, From: API, Title: "API mended"}
	if broken {
		e.Title, e.Text, e.Clause = "API broken", "A gateway before it refuses every token with 401, good ones too, "+
			"and asks nobody.", "C6"
	}
	s.Note(e)
}

// LoseDeliveries makes the IdP lose all logout tokens, or stop losing them.
func (s *System) LoseDeliveries(lose bool) {
	if s.losing.Swap(lose) == lose {
		return
	}
	s.IDP.ClearDeliveryFaults()
	e := Event{Kind: Control, From: IdP, Title: "Logout tokens arrive again"}
	if lose {
		s.IDP.FaultDelivery(idpmock.DeliveryFault{Lose: true, Times: idpmock.Always})
		e.Title, e.Text = "Logout tokens get lost", "As with a firewall between the IdP and the apps, or an IdP that "+
			"sends none on expiry."
	}
	s.Note(e)
}

// Losing tells whether logout tokens get lost.
func (s *System) Losing() bool { return s.losing.Load() }

// SayJump puts on the timeline that the clock is about to move by d.
func (s *System) SayJump(d time.Duration) {
	s.Note(Event{Kind: Control, From: Person, Title: "Clock moves by " + d.String(),
		Text: "One clock serves the IdP, the apps and the API."})
}

// EndAtIdP ends a session at the IdP, as an administrator would.
func (s *System) EndAtIdP(sid string) error { return s.IDP.EndSession(sid) }

// SignIn signs a person in to the apps, in the given browser, one after another:
// credentials are asked for once.
func (s *System) SignIn(ctx context.Context, b *Browser, apps ...string) error {
	for _, id := range apps {
		page := "/login"
		if id != Naive {
			page = "/private"
			if s.App(id) == nil {
				return fmt.Errorf("there is no app %q", id)
			}
		}
		r, err := b.Open(ctx, s.URL(id)+page)
		if err != nil {
			return err
		}
		if r.Status != http.StatusOK || r.URL.Path != "/private" && id != Naive {
			return fmt.Errorf("the log-in to %s led to %d at %s", Name(id), r.Status, r.URL.Redacted())
		}
	}
	return nil
}

// The things that a person can do in an app.
const (
	DoActive  = "active"
	DoPassive = "passive"
	DoCallAPI = "call-api"
	DoLogout  = "logout"
)

// Do lets the browser that has a session do something in an app.
func (s *System) Do(ctx context.Context, id, session, what string) (Result, error) {
	a := s.App(id)
	if a == nil {
		return Result{}, fmt.Errorf("there is no app %q", id)
	}
	cookies, ok := a.CookieOf(session)
	if !ok {
		return Result{}, fmt.Errorf("%s has not seen such a session", Name(id))
	}
	b := NewBrowser("")
	defer b.Close()
	if err := b.Take(a.URL(), cookies); err != nil {
		return Result{}, err
	}
	return s.Act(ctx, b, id, what)
}

// Act does something in an app with a browser. An answer that is none to the
// question is put on the timeline.
func (s *System) Act(ctx context.Context, b *Browser, id, what string) (Result, error) {
	a := s.App(id)
	r, err := act(ctx, b, a, what)
	if err == nil {
		s.answered(id, b.User, r)
	}
	return r, err
}

func act(ctx context.Context, b *Browser, a *apps.App, what string) (Result, error) {
	switch what {
	case DoActive:
		return b.Fetch(ctx, a.URL()+"/me")
	case DoPassive:
		return b.Fetch(ctx, a.URL()+"/passive")
	case DoCallAPI:
		return b.Fetch(ctx, a.URL()+"/call-api")
	case DoLogout:
		return b.Post(ctx, a.URL()+a.RP.Prefix()+"/logout", nil)
	}
	return Result{}, fmt.Errorf("nobody knows how to do %q", what)
}

// answered notes the answers that concern the session.
func (s *System) answered(id, user string, r Result) {
	e := Event{From: id, To: Person, Subject: user, Title: fmt.Sprintf("%s answered %d %s", Name(id), r.Status,
		http.StatusText(r.Status))}
	switch r.Status {
	case http.StatusServiceUnavailable:
		e.Kind, e.Clause = Trouble, "C6"
		e.Text = "The IdP has to confirm the session first, and cannot be asked. The person keeps the session and is " +
			"told when to try again (Retry-After: " + r.Header.Get("Retry-After") + " s)."
	case http.StatusBadGateway:
		e.Kind, e.Clause = Trouble, "C6"
		e.Text = "The API refuses a token that the IdP calls good. The API is to blame, and the session is kept."
	case http.StatusUnauthorized:
		e.Kind, e.Clause = Refused, "C2"
		e.Text = "There is no session any more. A script gets 401 and the reason, never a redirect."
	default:
		return
	}
	s.Note(e)
}

// Snapshot is the system at one moment.
type Snapshot struct {
	Now      time.Time         `json:"now"`
	Settings Settings          `json:"settings"`
	IdPDown  bool              `json:"idp_down"`
	IdPHangs bool              `json:"idp_hangs"`
	Broken   bool              `json:"api_broken"`
	IdP      []idpmock.Session `json:"idp"`
	Apps     []AppSession      `json:"apps"`
	Naive    NaiveSession      `json:"naive"` // the latest
}

// NaiveSession is what is known of the naive app, which knows little itself.
type NaiveSession struct {
	Subject    string    `json:"subject"`
	State      string    `json:"state"` // live, ended or empty
	Reason     string    `json:"reason,omitempty"`
	LastActive time.Time `json:"last_active"`
}

// AppSession is a session in an app.
type AppSession struct {
	App        string        `json:"app"`
	Session    string        `json:"session"`
	SID        string        `json:"sid"`
	Subject    string        `json:"subject"`
	State      string        `json:"state"` // live or ended
	Reason     reason.Reason `json:"reason,omitempty"`
	LastActive time.Time     `json:"last_active"`
	Status     rp.Status     `json:"status"`
	// Of the access token, zero if the app keeps none.
	TokenBegan time.Time `json:"token_began,omitzero"`
	TokenEnds  time.Time `json:"token_ends,omitzero"`
}

// Look takes a snapshot. It extends nothing.
func (s *System) Look() Snapshot {
	idp, _ := s.down.now()
	out := Snapshot{Now: s.Now(), Settings: s.Settings(), IdPDown: idp == idpDown, IdPHangs: idp == idpHangs,
		Broken: s.broken.Load(),
		IdP:    s.IDP.Sessions(), Apps: []AppSession{}}
	if out.IdP == nil {
		out.IdP = []idpmock.Session{}
	}
	s.mu.Lock()
	out.Naive = s.naively
	s.mu.Unlock()
	for _, id := range Apps() {
		for _, k := range s.App(id).Known() {
			one := AppSession{App: id, Session: k.Session, SID: k.SID, Subject: k.Subject, State: k.Status.State,
				Reason: k.Status.Reason, LastActive: k.Active, Status: k.Status}
			one.TokenBegan, one.TokenEnds = s.tokens.of(id, k.SID)
			out.Apps = append(out.Apps, one)
		}
	}
	return out
}
