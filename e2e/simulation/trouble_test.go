package simulation

import (
	"time"
)

// trouble is a time in which something on the way of a signal or a request was
// not in order. The oracle excuses what the contract excuses, and only then.
type trouble struct {
	what      string
	path      path
	of        whom
	from, to  time.Duration
	open      bool
	tail      time.Duration // how long it may be felt afterwards
	outage    bool          // it is over for everybody as soon as the IdP has answered anybody
	store     *storeSpoil   // what it is, if it is the store's
	lag       time.Duration // how long after its end calls may go on that have met it
	once      bool          // it is the 429 of one call
	onlyCodes bool          // only log-ins feel it
	hangs     bool          // calls take long, and others may have to wait for them
}

type path uint8

const (
	pathIdP path = 1 << iota
	pathStore
	pathAPI
	pathWatch
	pathRestart
	pathAnswer // what is wrong in an answer that is of use all the same
)

// whom are the apps that trouble concerns, a bit for each.
type whom uint8

const everybody whom = 1<<len(parties) - 1

func (a *app) alone() whom     { return 1 << a.n }
func (w whom) has(a *app) bool { return w&a.alone() != 0 }

// everybody are the apps at one IdP.
func (p *provider) everybody() (w whom) {
	for i := range parties {
		if parties[i].idp == p.n {
			w |= 1 << i
		}
	}
	return w
}

// feltAfter is how long trouble at the IdP may be felt after its end: two calls
// that time out (30 s each) and the pause after them (at most a minute).
const feltAfter = 3 * time.Minute

func (o *oracle) trouble(t *trouble) {
	now := o.lock()
	defer o.unlock()
	t.from, t.to, t.open = now, never, true
	o.troubles = append(o.troubles, t)
	o.note("FAULT", "begins: %s", t.what)
}

func (o *oracle) over(t *trouble) {
	now := o.lock()
	defer o.unlock()
	if t.open {
		t.to, t.open = now, false
	}
	o.note("FAULT", "is over: %s", t.what)
}

// excused says whether anything on one of the paths was out of order for an app
// between from and to, or before that so recently that it may still be felt.
func (o *oracle) excused(a *app, paths path, from, to time.Duration) bool {
	for _, t := range o.troubles {
		if t.path&paths != 0 && t.felt(a, from, to) {
			return true
		}
	}
	return false
}

// felt: it was so for an app between from and to, or may still be felt then.
func (t *trouble) felt(a *app, from, to time.Duration) bool {
	return t.of.has(a) && t.from <= to && (t.to == never || t.to+t.tail >= from)
}

// keepsOut: it is trouble of an instance with records or leases in the store.
func (t *trouble) keepsOut(in *instance) bool {
	f := t.store
	return f != nil && f.app == in.app.n && (f.inst < 0 || f.inst == in.n) &&
		f.ops&(opLoad|opReplace|opAcquire|opRenew) != 0
}
