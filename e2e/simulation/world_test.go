package simulation

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/memnet"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// world is one history while it happens. It lives in a bubble.
type world struct {
	h      *history
	begin  time.Time
	net    *memnet.Net
	store  store.Store // of all apps, without faults
	idps   [len(idpHosts)]*provider
	apps   [len(parties)]*app
	people []*browser
	oracle *oracle
	spoils spoils

	ctx   context.Context // ends with the history, or with its first violation
	abort context.CancelFunc
	acts  sync.WaitGroup
	undo  []func()
}

func newWorld(h *history) (*world, error) {
	w := &world{h: h, begin: time.Now(), net: memnet.New(), store: memstore.New(memstore.Options{})}
	if h.failsOver() {
		w.store = newReplicated()
	}
	w.ctx, w.abort = context.WithCancel(context.Background())
	w.undo = append(w.undo, w.net.Close)
	w.oracle = newOracle(w)
	var err error
	for n := range w.idps {
		if w.idps[n], err = w.newProvider(n); err != nil {
			return w, err
		}
	}
	for n := range w.apps {
		if w.apps[n], err = w.newApp(n); err != nil {
			return w, err
		}
	}
	for p := range h.People {
		for n := range h.BrowsersEach {
			w.people = append(w.people, newBrowser(w, [...]string{"ada", "bob"}[p], n))
		}
	}
	return w, nil
}

func (w *world) newApp(n int) (*app, error) {
	a := &app{w: w, n: n, party: parties[n], owner: parties[n].owner(), kept: parties[n].kept(), knobs: w.h.Apps[n]}
	a.provider = w.idps[a.idp]
	key := "shared"
	if w.h.OwnKeys {
		key = a.name
	}
	a.keys.Store(&rp.Keys{keyCalled(key)})
	for i := range a.inst {
		in := &instance{app: a, n: i, name: fmt.Sprintf("%s-%d", a.name, i), diary: &diary{w: w}}
		in.late = newLateness(w.h.Late, uint64(2*n+i))
		a.inst[i] = in
	}
	for _, in := range a.inst {
		if err := in.start(); err != nil {
			return a, err
		}
		w.undo = append(w.undo, in.stop)
	}
	return a, w.serve(a.name+".example", http.HandlerFunc(a.balance))
}

func (w *world) serve(host string, h http.Handler) error {
	stop, err := w.net.Serve(host, h)
	if err == nil {
		w.undo = append(w.undo, stop)
	}
	return err
}

func (w *world) close() {
	w.abort()
	w.acts.Wait()
	for i := len(w.undo) - 1; i >= 0; i-- {
		w.undo[i]()
	}
}

// at is the virtual time since the history began.
func (w *world) at() time.Duration { return time.Since(w.begin) }

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

// gone: the people have left.
func (w *world) gone() bool { return w.ctx.Err() != nil || w.at() >= horizon }

// repeat does something Count times, Every apart, or all at once.
func (w *world) repeat(a act, over func() bool, do func(inst int)) {
	var all sync.WaitGroup
	defer all.Wait()
	for n := range a.Count {
		if n > 0 && a.Every > 0 {
			w.sleep(a.Every)
		}
		if over() {
			return
		}
		inst := a.Inst
		if inst == 2 {
			inst = n
		}
		all.Go(func() { do(inst) })
	}
}
