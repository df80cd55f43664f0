package simulation

import (
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// storeOp is a method of rp.Store.
type storeOp uint16

const (
	opLoad storeOp = 1 << iota
	opCreate
	opReplace
	opTouch
	opEnd
	opClaim
	opSettle
	opList
	opOnce
	opAcquire
	opRenew
	opRelease
	opWatch
	opAll storeOp = 1<<iota - 1
)

var opNames = [...]string{"Load", "Create", "Replace", "Touch", "End", "Claim", "Settle", "List", "Once", "Acquire", "Renew", "Release", "Watch"}

func (o storeOp) String() string {
	if o == opAll {
		return "everything"
	}
	s := ""
	for i, name := range opNames {
		if o&(1<<i) != 0 {
			s += "," + name
		}
	}
	return s[min(1, len(s)):]
}

// storeSpoil is trouble between an instance and its store.
type storeSpoil struct {
	app, inst     int // inst -1: both
	ops           storeOp
	before, after bool
	race          bool
	delay         time.Duration
	raced         int
}

// spoils are the faults in force that are not the IdP's own.
type spoils struct {
	any       atomic.Int32
	mu        sync.Mutex
	stores    []*storeSpoil
	apiStatus int
	watches   map[*instance]func()
}

func (s *spoils) store(in *instance, op storeOp) *storeSpoil {
	if s.any.Load() == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.stores {
		if f.app == in.app.n && (f.inst < 0 || f.inst == in.n) && f.ops&op != 0 && !f.race {
			return f
		}
	}
	return nil
}

func (s *spoils) race(in *instance) bool {
	if s.any.Load() == 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.stores {
		if f.race && f.app == in.app.n && (f.inst < 0 || f.inst == in.n) {
			f.raced++
			return f.raced%4 != 0 // nobody loses for ever: a race has a winner, who goes away
		}
	}
	return false
}

func (s *spoils) api() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.apiStatus
}

// watching notes how to cut an instance's Watch.
func (s *spoils) watching(in *instance, cut func()) (done func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watches == nil {
		s.watches = map[*instance]func(){}
	}
	s.watches[in] = cut
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watches, in)
	}
}

func (s *spoils) add(w *world, f *storeSpoil) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stores = append(s.stores, f)
	s.any.Add(1)
	if f.ops&opWatch == 0 || f.race {
		return
	}
	for in, cut := range s.watches {
		if in.app.n == f.app && (f.inst < 0 || f.inst == in.n) {
			cut()
		}
	}
}

func (s *spoils) remove(f *storeSpoil) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stores = slices.DeleteFunc(s.stores, func(o *storeSpoil) bool { return o == f })
	s.any.Add(-1)
}

// trouble is a time in which something on the way of a signal or a request was
// not in order. The oracle excuses what the contract excuses, and only then.
type trouble struct {
	what     string
	path     path
	app      int // -1: all
	inst     int // -1: all
	from, to time.Duration
	open     bool
	tail     time.Duration // how long it may be felt afterwards
}

type path uint8

const (
	pathIdP path = 1 << iota
	pathStore
	pathAPI
	pathWatch
	pathRestart
	pathLogin
)

// feltAfter is how long trouble at the IdP may be felt after its end: two calls
// that time out (30 s each) and the pause after them (at most a minute).
const feltAfter = 3 * time.Minute

func (w *world) spoilIdP(a act) {
	endpoints := []idpmock.Endpoint{idpmock.EndpointRefresh, idpmock.EndpointRefresh, idpmock.EndpointUserinfo, "", idpmock.EndpointToken,
		idpmock.EndpointIntrospect, idpmock.EndpointRevoke, idpmock.EndpointAuthorize, idpmock.EndpointCode}
	f := idpmock.Fault{Endpoint: endpoints[a.V[0]%len(endpoints)], Times: idpmock.Always}
	t := &trouble{path: pathIdP | pathLogin, app: -1, inst: -1, tail: feltAfter}
	if a.V[1] < 8 && f.Endpoint != idpmock.EndpointIntrospect {
		f.Client, t.app = appNames[a.App], a.App
	}
	slow := []time.Duration{100 * time.Millisecond, 2500 * time.Millisecond, 12 * time.Second, 29 * time.Second, 45 * time.Second}
	switch a.V[2] % 9 {
	case 0:
		f.Status = http.StatusInternalServerError
	case 1:
		f.Status, f.RetryAfter = http.StatusTooManyRequests, []string{"7", "60", "240"}[a.V[3]%3]
		t.tail += 5 * time.Minute
	case 2:
		f.Status, f.Error = http.StatusServiceUnavailable, "temporarily_unavailable"
	case 3:
		f.Delay = slow[a.V[3]%len(slow)]
	case 4:
		f.DelayAfter = slow[a.V[3]%len(slow)]
	case 5:
		f.DropBefore = true
	case 6:
		f.DropAfterCommit = true
		f.Times = a.Count
	case 7:
		f.Status, f.Error = http.StatusUnauthorized, "invalid_client"
		if f.Endpoint == idpmock.EndpointUserinfo || f.Endpoint == "" {
			f.Status, f.Error = http.StatusBadGateway, ""
		}
	case 8:
		f.Body, f.ContentType = "<html>we are moving</html>", "text/html"
	}
	t.what = "IdP " + string(f.Endpoint) + " " + f.Client + ": " + f.String()
	w.oracle.trouble(t)
	on := w.idp.Fault(f)
	w.sleep(a.Every)
	on.Remove()
	w.oracle.over(t)
}

func (w *world) spoilDelivery(a act) {
	f := idpmock.DeliveryFault{Times: a.Count, Client: appNames[a.App]}
	switch a.V[0] % 4 {
	case 0:
		f.Lose = true
	case 1:
		f.Delay = a.Every
	case 2:
		f.Copies = 1 + a.V[1]%3
	case 3:
		f.Reorder = true
	}
	w.oracle.say("-", "deliveries to %s: %+v", f.Client, f)
	w.idp.FaultDelivery(f)
}

func (w *world) spoilStore(a act) {
	ops := []storeOp{opAll, opAll, opLoad, opReplace, opTouch, opEnd, opAcquire | opRenew | opRelease, opWatch, opCreate | opOnce, opClaim | opSettle | opList}
	f := &storeSpoil{app: a.App, inst: [...]int{0, 1, -1}[a.Inst], ops: ops[a.V[0]%len(ops)]}
	t := &trouble{path: pathStore | pathLogin, app: f.app, inst: f.inst, tail: feltAfter}
	how := ""
	switch a.V[1] % 4 {
	case 0:
		f.before, how = true, "fails"
	case 1:
		f.after, how = true, "fails after the change"
	case 2:
		f.delay, how = time.Duration(a.V[2]*a.V[3])*20*time.Millisecond, "is slow"
	case 3:
		f.race, f.ops, how = true, opReplace, "loses races"
	}
	if f.ops&opWatch != 0 {
		t.path |= pathWatch
	}
	t.what = "store " + f.ops.String() + " " + how
	w.oracle.trouble(t)
	w.spoils.add(w, f)
	w.sleep(min(a.Every, 30*time.Minute))
	w.spoils.remove(f)
	w.oracle.over(t)
}

func (w *world) spoilAPI(a act) {
	statuses := []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusInternalServerError, http.StatusUnauthorized}
	status := statuses[a.V[0]%len(statuses)]
	t := &trouble{path: pathAPI, app: -1, inst: -1, what: "the API answers " + http.StatusText(status)}
	w.oracle.trouble(t)
	w.spoils.mu.Lock()
	w.spoils.apiStatus = status
	w.spoils.mu.Unlock()
	w.sleep(a.Every)
	w.spoils.mu.Lock()
	w.spoils.apiStatus = 0
	w.spoils.mu.Unlock()
	w.oracle.over(t)
}

func (w *world) restart(a act) {
	in := w.apps[a.App].inst[a.Inst%2]
	if !in.restarting.CompareAndSwap(false, true) {
		return
	}
	defer in.restarting.Store(false)
	t := &trouble{path: pathRestart | pathWatch | pathLogin, app: a.App, inst: in.n, what: "restart of " + in.name}
	w.oracle.trouble(t)
	in.stop()
	w.sleep(min(a.Every, 10*time.Minute))
	for in.start() != nil && w.ctx.Err() == nil {
		w.sleep(5 * time.Second)
	}
	w.oracle.over(t)
}

// overtake lets somebody end the session at the IdP after the app's code was
// exchanged and before the app has heard the answer: the logout token comes
// first, and wins (C5).
func (w *world) overtake(a act) {
	const slow = 3 * time.Second
	b, app := w.people[a.Browser], w.apps[a.App]
	t := &trouble{path: pathIdP | pathLogin, app: a.App, inst: -1, what: "slow answer to a code of " + app.name}
	w.oracle.trouble(t)
	on := w.idp.Fault(idpmock.Fault{Client: app.name, Endpoint: idpmock.EndpointCode, Times: idpmock.Always, DelayAfter: slow})
	w.acts.Go(func() {
		w.sleep(slow / 2)
		if s, err := b.idp.Session(); err == nil {
			w.oracle.say("admin", "ends %s's session at the IdP", b.name)
			_ = w.idp.EndSession(s.SID)
		}
	})
	b.login(app, a.Inst, "/auth/login?return_to=%2Fpage", 0)
	on.Remove()
	w.oracle.over(t)
}

// sleep ends early with the history. No timer is made that has fired already: with
// the race detector the goroutines of a bubble send from such timers with one
// context (Go 1.26 runtime, unlockAndRun), which seems to be what crashed once.
func (w *world) sleep(d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-w.ctx.Done():
	}
}
