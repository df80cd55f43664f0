package simulation

import (
	"errors"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// What an operator does wrong, and what is wrong with a machine: told at the start, in words.
// Each is tried by an instance that nobody uses, with a store of its own.

// newcomer is such an instance.
func (w *world) newcomer(a *app) *instance {
	return &instance{app: a, name: a.name + "-new", diary: &diary{w: w}}
}

func (in *instance) newcomerConfig() rp.Config {
	c := in.config(*in.app.keys.Load(), newLife())
	c.Store = memstore.New(memstore.Options{})
	return c
}

// slip starts one.
func (w *world) slip(a act) {
	app := w.apps[a.App]
	if w.oracle.excusedNow(app, pathIdP) {
		return
	}
	switch a.V[0] % 3 {
	case 0:
		w.slipIssuer(app)
	case 1:
		w.slipClock(app, time.Duration(2+a.V[1])*time.Hour, a.V[2] < 8)
	case 2:
		w.startsAlone(app)
	}
}

func (o *oracle) excusedNow(a *app, paths path) bool {
	now := o.lock()
	defer o.unlock()
	return o.excused(a, paths, now, now)
}

// slipIssuer: the issuer has a slash too many. That passes by no waiting, so the error says so
// by its type, and who tries again and again can stop.
func (w *world) slipIssuer(app *app) {
	c := w.newcomer(app).newcomerConfig()
	c.Issuer += "/"
	auth, err := rp.New(w.ctx, c)
	if err == nil {
		_ = auth.Close()
	}
	w.oracle.count("starts with a wrong issuer")
	if wrong := (*rp.ConfigError)(nil); !errors.As(err, &wrong) && w.ctx.Err() == nil {
		w.oracle.judges("C6", "with a wrong issuer New of %s gives %v: a loop that tries again would not end",
			app.name, err)
	}
}

// slipClock: the machine's clock is wrong by hours. Nobody can log in, and the log says why.
func (w *world) slipClock(app *app, by time.Duration, behind bool) {
	if behind {
		by = -by
	}
	in := w.newcomer(app)
	c := in.newcomerConfig()
	c.Now = func() time.Time { return time.Now().Add(by) }
	auth, err := rp.New(w.ctx, c)
	if err != nil {
		return
	}
	w.sleep(time.Second)
	_ = auth.Close()
	w.oracle.count("starts with a wrong clock")
	if line, _ := in.diary.has("This server's clock is", 0, w.at()); !line && w.ctx.Err() == nil {
		w.oracle.judges("C6", "the clock of %s is wrong by %v, and its log does not say so", app.name, by)
	}
}

// startsAlone: an instance starts while its IdP is down: with what the store has kept for less
// than a day, and not with what is older.
func (w *world) startsAlone(app *app) {
	in := w.newcomer(app)
	c := in.newcomerConfig()
	late := time.Duration(0)
	c.Now = func() time.Time { return time.Now().Add(late) }
	auth, err := rp.New(w.ctx, c)
	if err != nil {
		return
	}
	w.sleep(5 * time.Second) // until it has stored what it knows
	_ = auth.Close()
	w.oracle.count("starts without an IdP")
	c.HTTPClient = &http.Client{Transport: unreachable{}}
	for _, after := range []time.Duration{23 * time.Hour, 25 * time.Hour} {
		late = after
		auth, err := rp.New(w.ctx, c)
		if err == nil {
			_ = auth.Close()
		}
		if starts := err == nil; starts != (after < 24*time.Hour) && w.ctx.Err() == nil {
			w.oracle.judges("C6", "New of %s, whose IdP is down and was last heard %v ago, gives %v",
				app.name, after, err)
		}
	}
}

type unreachable struct{}

func (unreachable) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, &netDown{}
}

type netDown struct{}

func (*netDown) Error() string { return "simulated: no route to the IdP" }

// judges is breach for who does not hold the oracle's lock.
func (o *oracle) judges(rule, format string, args ...any) {
	o.lock()
	defer o.unlock()
	o.breach(rule, format, args...)
}
