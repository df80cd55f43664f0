package simulation

import (
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// storeOp is a method of store.Store.
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

var opNames = [...]string{
	"Load", "Create", "Replace", "Touch", "End", "Claim", "Settle", "List", "Once", "Acquire", "Renew", "Release",
	"Watch",
}

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

func (w *world) spoilIdP(a act) {
	endpoints := []idpmock.Endpoint{
		idpmock.EndpointRefresh, idpmock.EndpointRefresh, idpmock.EndpointUserinfo, "", idpmock.EndpointToken,
		idpmock.EndpointIntrospect, idpmock.EndpointRevoke, idpmock.EndpointAuthorize, idpmock.EndpointCode,
	}
	f := idpmock.Fault{Endpoint: endpoints[a.V[0]%len(endpoints)], Times: idpmock.Always}
	app := w.apps[a.App]
	t := &trouble{path: pathIdP, of: app.provider.everybody(), tail: feltAfter}
	if a.V[1] < 8 && f.Endpoint != idpmock.EndpointIntrospect {
		f.Client, t.of = app.client, app.alone()
	}
	t.outage = true
	const ms = time.Millisecond
	slow := []time.Duration{100 * ms, 2500 * ms, 12_000 * ms, 29_000 * ms, 45_000 * ms}
	switch a.V[2] % 9 {
	case 0:
		f.Status = http.StatusInternalServerError
	case 1:
		f.Status, f.RetryAfter = http.StatusTooManyRequests, []string{"7", "60", "240"}[a.V[3]%3]
		t.tail, t.outage = t.tail+5*time.Minute, false
		if t.once = a.V[3] >= 12; t.once {
			f.Times = 1
		}
	case 2:
		f.Status, f.Error = http.StatusServiceUnavailable, "temporarily_unavailable"
	case 3:
		f.Delay = slow[a.V[3]%len(slow)]
		if f.ReadsLate = a.Inst == 1; f.ReadsLate {
			f.Times = a.Count
		}
	case 4:
		f.DelayAfter = slow[a.V[3]%len(slow)]
	case 5:
		f.DropBefore = true
	case 6:
		f.DropAfterCommit = true
		f.Times = a.Count
	case 7:
		f.Status, f.Error, t.outage = http.StatusUnauthorized, "invalid_client", false
		if f.Endpoint == idpmock.EndpointUserinfo || f.Endpoint == "" {
			f.Status, f.Error = http.StatusBadGateway, ""
		}
	case 8:
		f.Body, f.ContentType = "<html>we are moving</html>", "text/html"
	}
	t.lag = f.Delay + f.DelayAfter
	t.onlyCodes = f.Endpoint == idpmock.EndpointCode
	t.hangs = t.lag > 0
	t.what = app.provider.issuer + " " + string(f.Endpoint) + " " + f.Client + ": " + f.String()
	w.oracle.trouble(t)
	on := app.provider.Fault(f)
	w.sleep(a.Every)
	on.Remove()
	w.oracle.over(t)
}

// spoilSilence lets an IdP answer that the person has to act, which is no end (SM-04).
func (w *world) spoilSilence(a act) {
	app := w.apps[a.App]
	f := idpmock.Fault{Client: app.client, Endpoint: idpmock.EndpointCallback, Times: idpmock.Always,
		Error: pick(a.V[0], "interaction_required", "account_selection_required", "consent_required")}
	w.oracle.say("FAULT", "%s answers %s to %s", app.provider.issuer, f.Error, app.name)
	on := app.provider.Fault(f)
	w.sleep(a.Every)
	on.Remove()
}

func (w *world) spoilDelivery(a act) {
	app := w.apps[a.App]
	f := idpmock.DeliveryFault{Times: a.Count, Client: app.client}
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
	w.oracle.say("-", "deliveries to %s: %+v", app.name, f)
	app.provider.FaultDelivery(f)
}

func (w *world) spoilStore(a act) {
	ops := []storeOp{
		opAll, opAll, opLoad, opReplace, opTouch, opEnd, opAcquire | opRenew | opRelease, opWatch,
		opCreate | opOnce, opClaim | opSettle | opList,
	}
	f := &storeSpoil{app: a.App, inst: [...]int{0, 1, -1}[a.Inst], ops: ops[a.V[0]%len(ops)]}
	t := &trouble{path: pathStore, of: w.apps[a.App].alone(), tail: feltAfter, store: f}
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
	t.what = w.apps[a.App].name + "'s store " + f.ops.String() + " " + how
	w.oracle.trouble(t)
	w.spoils.add(w, f)
	w.sleep(min(a.Every, 30*time.Minute))
	w.spoils.remove(f)
	w.oracle.over(t)
}

func (w *world) spoilAPI(a act) {
	statuses := []int{
		http.StatusUnauthorized, http.StatusForbidden, http.StatusInternalServerError, http.StatusUnauthorized,
	}
	status := statuses[a.V[0]%len(statuses)]
	t := &trouble{path: pathAPI, of: everybody, what: "the APIs answer " + http.StatusText(status)}
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
