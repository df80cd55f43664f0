package simulation

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
)

// bounce stops an instance, waits, and starts it again. It is false if somebody
// else is at it.
func (w *world) bounce(in *instance, d time.Duration, why string) bool {
	if !in.restarting.CompareAndSwap(false, true) {
		return false
	}
	defer in.restarting.Store(false)
	t := &trouble{path: pathRestart | pathWatch, of: in.app.alone(), what: why + " of " + in.name}
	w.oracle.trouble(t)
	in.stop()
	w.sleep(d)
	for in.start() != nil && w.ctx.Err() == nil {
		w.oracle.judgeStart(in)
		w.sleep(5 * time.Second)
	}
	w.oracle.over(t)
	return true
}

// judgeStart holds C6: an instance that could not start would have to do so without its IdP:
// the store keeps what it needs to know of that.
func (o *oracle) judgeStart(in *instance) {
	now := o.lock()
	defer o.unlock()
	if !o.excused(in.app, pathStore, 0, now) && !in.app.rolling.Load() {
		o.breach("C6", "%s cannot start, although its store works and knows the IdP", in.name)
	}
}

func (w *world) restart(a act) {
	w.bounce(w.apps[a.App].inst[a.Inst%2], min(a.Every, 10*time.Minute), "restart")
}

// closeParty shuts all of an app down for hours, while the others go on.
func (w *world) closeParty(a act) {
	app := w.apps[a.App]
	d := min(time.Duration(1+a.V[0])*15*time.Minute, horizon-w.at())
	var both sync.WaitGroup
	for _, in := range app.inst {
		both.Go(func() { w.bounce(in, d, "shutdown") })
	}
	both.Wait()
	w.oracle.reopened(app)
}

// rollKeys gives an app a new key as the documentation of rp.Keys says: first to all
// instances in the last place, then in the first; and the old one goes when all that
// it has sealed is over.
func (w *world) rollKeys(a act) {
	app := w.apps[a.App]
	if !app.rolling.CompareAndSwap(false, true) {
		return
	}
	defer app.rolling.Store(false)
	old := *app.keys.Load()
	fresh := keyCalled(fmt.Sprint(app.name, w.at()))
	app.deal(append(slices.Clip(old), fresh), a.Every)
	app.deal(append(rp.Keys{fresh}, old...), a.Every)
	const logIn = 15 * time.Minute
	w.sleep(orDefault(app.knobs.Absolute, 8*time.Hour) + logIn + 2*maxSkew*time.Second)
	for !w.gone() && !w.oracle.quietFor(app, feltAfter) { // who could read what is over has not looked yet
		w.sleep(feltAfter)
	}
	if !w.gone() {
		app.deal(rp.Keys{fresh}, a.Every)
	}
}

// deal restarts the instances one after the other until all have the keys.
func (a *app) deal(keys rp.Keys, d time.Duration) {
	a.keys.Store(&keys)
	a.w.oracle.say("operator", "gives %d keys to %s", len(keys), a.name)
	for _, in := range a.inst {
		for a.w.ctx.Err() == nil {
			if r := in.now.Load(); r != nil && r.keys == &keys {
				break
			}
			if !a.w.bounce(in, min(d, time.Minute), "key roll") {
				a.w.sleep(5 * time.Second)
			}
		}
	}
}

// overtake lets somebody end the session at the IdP after the app's code was
// exchanged and before the app has heard the answer: the logout token comes
// first, and wins (C5).
func (w *world) overtake(a act) {
	const slow = 3 * time.Second
	b, app := w.people[a.Browser], w.apps[a.App]
	t := &trouble{path: pathIdP, of: app.alone(), what: "slow answer to a code of " + app.name}
	w.oracle.trouble(t)
	on := app.provider.Fault(idpmock.Fault{
		Client: app.client, Endpoint: idpmock.EndpointCode, Times: idpmock.Always, DelayAfter: slow,
	})
	w.acts.Go(func() {
		w.sleep(slow / 2)
		if s, err := b.at(app).Session(); err == nil {
			w.oracle.say("admin", "ends %s's session at %s", b.name, app.provider.issuer)
			_ = app.provider.EndSession(s.SID)
		}
	})
	b.login(app, a.Inst, loginPath, "same-origin", 0)
	on.Remove()
	w.oracle.over(t)
}

// quietFor: an app has run without trouble for so long.
func (o *oracle) quietFor(a *app, d time.Duration) bool {
	now := o.lock()
	defer o.unlock()
	return !o.excused(a, pathStore|pathRestart, now-d, now)
}

// reopened: an app that was down for hours finds by itself what has expired
// meanwhile, and reports it.
func (o *oracle) reopened(a *app) {
	now := o.lock()
	defer o.unlock()
	for _, s := range o.born {
		if s.app != a || s.endAt < now || !o.surelyOver(s, now-a.skew()) {
			continue
		}
		o.counts["sessions that ran out while their app was down"]++
		o.expectExpired(s, now+feltAfter)
	}
}

// expectExpired holds C2: the sweeper ends what is over, whether or not anybody asks.
func (o *oracle) expectExpired(s *session, by time.Duration) {
	o.later(by, func(now time.Duration) {
		switch {
		case s.endAt <= now:
		case o.excused(s.app, pathStore|pathRestart, by-feltAfter, now):
			o.expectExpired(s, now+feltAfter)
		default:
			o.breach("C2", "%s has run out, %s is back for long, and nobody has ended it", s.label, s.app.name)
		}
	})
}
