package simulation

import (
	"context"
	"errors"
	"time"
)

// A process that is killed: it says nothing, stores nothing and gives nothing back any more. Its
// lease runs out by itself, and until then nobody refreshes the session.

var errKilled = errors.New("simulated: this process was killed")

// life is that of one process of an instance.
type life struct {
	ctx context.Context
	end context.CancelFunc
}

func newLife() *life {
	l := &life{}
	l.ctx, l.end = context.WithCancel(context.Background())
	return l
}

func (l *life) over() bool { return l.ctx.Err() != nil }

// killedHeader marks the answer of a process that was killed while it worked on it: nobody
// gets that.
const killedHeader = "Sim-Killed"

// kill ends the process of an instance; another one takes its place after a while.
func (w *world) kill(a act) {
	in := w.apps[a.App].inst[a.Inst%2]
	if !in.restarting.CompareAndSwap(false, true) {
		return
	}
	defer in.restarting.Store(false)
	r := in.now.Swap(nil)
	if r == nil {
		return
	}
	t := &trouble{path: pathRestart | pathWatch, of: in.app.alone(), tail: feltAfter, what: in.name + " is killed"}
	w.oracle.trouble(t)
	r.gate.Lock()
	r.closing = true
	r.gate.Unlock()
	r.life.end()
	w.spoils.cut(in)
	r.cancel()
	w.oracle.over(t)
	w.oracle.count("processes killed")
	w.acts.Go(func() { // what is left of it in this process
		r.busy.Wait()
		_ = r.rp.Close()
		r.sockets.Wait()
	})
	w.sleep(min(a.Every, 10*time.Minute))
	for in.start() != nil && w.ctx.Err() == nil {
		w.sleep(5 * time.Second)
	}
}

// cut ends the Watch of an instance.
func (s *spoils) cut(in *instance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cut := s.watches[in]; cut != nil {
		cut()
	}
}
