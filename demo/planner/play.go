package planner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
)

const (
	ada   = "ada"
	grace = "grace"
)

// appOf is the demo's app of each kind.
var appOf = map[string]string{rp.RefreshToken.String(): system.Notes, rp.ReferenceToken.String(): system.Reports,
	rp.NoToken.String(): system.Wiki}

// playable tells whether the demo's IdP can behave like this one.
func playable(idp string) error {
	if !slices.Contains(idpmock.TemperamentNames(), idp) {
		return fmt.Errorf("the IdP of the demo cannot behave like %s, so this side is computed only. It can behave "+
			"like keycloak, auth0, entra, duende and others", idp)
	}
	return nil
}

// stage is one world while the story is played in it.
type stage struct {
	*system.System
	score
	app        string // in which Ada works
	ada, grace *system.Browser
	read       int64 // of the log
	film       film
}

// play plays the story in a world that begins with these settings.
func play(ctx context.Context, logger *slog.Logger, s score, p Policy) (w World, err error) {
	begun := time.Now().Truncate(time.Second)
	world, err := system.Start(ctx, system.Config{Logger: logger, Now: func() time.Time {
		return begun
	}, Settings: system.Settings{
		Like: p.IdP, IdPIdle: p.Window, IdPAbsolute: max(s.until, p.Absolute, p.Window) + time.Hour,
		TokenLife:   p.TokenLife,
		SignalEvery: p.SignalEvery, TrustFor: p.TrustFor, Idle: p.Idle, Absolute: p.Absolute,
		Trailing: p.Trailing}})
	if err != nil {
		return World{}, err
	}
	st := &stage{System: world, score: s, app: appOf[p.Kind], ada: system.NewBrowser(ada),
		grace: system.NewBrowser(grace),
		film:  film{begun: begun, opens: map[string]time.Duration{}}}
	if p.SilentCheck {
		for _, id := range system.Apps() {
			if err == nil {
				err = st.Replace(ctx, id, func(c *apps.Config) { c.SilentCheck = true })
			}
		}
	}
	if err == nil {
		err = st.tell(ctx)
	}
	st.ada.Close()
	st.grace.Close()
	err = errors.Join(err, world.Room.Close(), world.Close())
	st.look() // the world has said all that it had to say
	if err != nil {
		return World{}, err
	}
	return World{Lanes: st.film.lanes(p, s)}, nil
}

// tell plays from the log-in to the return.
func (st *stage) tell(ctx context.Context) error {
	err := st.SignIn(ctx, st.ada, system.Apps()...)
	if err == nil {
		err = st.SignIn(ctx, st.grace, system.Naive)
	}
	if err != nil {
		return err
	}
	st.look()
	for at := time.Duration(0); at < st.back; {
		next := st.after(at)
		if err := st.pass(ctx, at, next); err != nil {
			return err
		}
		at = next
		if at <= st.work {
			err = st.click(ctx)
		} else {
			err = st.poll(ctx)
		}
		if err == nil {
			err = st.Quiet(ctx)
		}
		if err != nil {
			return err
		}
		st.look()
	}
	return st.comeBack(ctx)
}

// after is when somebody or something acts next: the last click is at the very end of the work.
func (s score) after(at time.Duration) time.Duration {
	next := at + s.every
	for _, mark := range []time.Duration{s.work, s.back} {
		if at < mark && next > mark {
			next = mark
		}
	}
	return next
}

// pass lets the time from at to next pass. A deadline of a session at the IdP is a stop of its
// own, so that it ends on time; everything else is found by the next question of a page.
func (st *stage) pass(ctx context.Context, at, next time.Duration) error {
	for at < next {
		d := next - at
		for _, one := range st.IDP.Sessions() {
			if left := one.IdleDeadline.Sub(st.Now()); left > 0 {
				d = min(d, left)
			}
		}
		if err := st.Step(ctx, d); err != nil {
			return err
		}
		at += d
	}
	return nil
}

// click is what a person does while they work. Their other pages ask by themselves.
func (st *stage) click(ctx context.Context) error {
	var err error
	switch {
	case st.elsewhere: // any program's log-in will do
		_, err = st.ada.Callback(ctx, st.URL(system.Naive)+"/login", st.URL(system.Naive)+"/callback")
	default:
		err = st.open(ctx, st.app)
	}
	if err != nil {
		return err
	}
	return st.poll(ctx)
}

// open is a click on a page, and in Reports on a report: that calls the API. Where nobody is
// signed in any more, the browser is sent to the IdP, and types the name if that asks.
func (st *stage) open(ctx context.Context, id string) error {
	page := st.URL(id) + "/private"
	if _, err := st.ada.Open(ctx, page); err != nil || id != system.Reports {
		return err
	}
	r, err := st.Act(ctx, st.ada, id, system.DoCallAPI)
	if err == nil && r.Status == http.StatusUnauthorized {
		_, err = st.ada.Open(ctx, page)
	}
	return err
}

// poll is what open pages do. Homemade cannot tell it from a click.
func (st *stage) poll(ctx context.Context) error {
	for _, id := range system.Apps() {
		if _, err := st.ada.Fetch(ctx, st.URL(id)+"/passive"); err != nil {
			return err
		}
	}
	_, err := st.grace.Fetch(ctx, st.URL(system.Naive)+"/me")
	return err
}

// comeBack opens a page of every app, first of that in which Ada works, a second after each
// other.
func (st *stage) comeBack(ctx context.Context) error {
	others := slices.DeleteFunc(system.Apps(), func(id string) bool { return id == st.app })
	for _, id := range append([]string{st.app}, others...) {
		if err := st.open(ctx, id); err != nil {
			return err
		}
		if err := st.Quiet(ctx); err != nil {
			return err
		}
		st.film.opened(id, st.Now())
		if err := st.Step(ctx, time.Second); err != nil {
			return err
		}
	}
	return nil
}

// look takes what is new on the timeline of the world.
func (st *stage) look() {
	part := st.Log.Read(st.read)
	for _, e := range part.Events {
		st.read = e.ID
		st.film.add(e)
	}
}
