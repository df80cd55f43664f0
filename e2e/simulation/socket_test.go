package simulation

import (
	"errors"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// A WebSocket whose handler hands it over to a goroutine and returns: it has to hear of the
// end all the same (C8).
type socket struct {
	in     *instance
	s      *session
	closed time.Duration // Done was closed; never
}

// handsOver is the handler of such a WebSocket.
func handsOver(in *instance) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, run := rp.FromContext(r.Context()), in.now.Load()
		tell(w, s)
		w.WriteHeader(http.StatusOK)
		if run == nil {
			return
		}
		k := in.app.w.oracle.opensSocket(in, s.Name())
		done := s.Done()
		run.sockets.Go(func() {
			select {
			case <-done:
				in.app.w.oracle.closesSocket(k, s.Err())
			case <-run.ctx.Done():
				in.app.w.oracle.leavesSocket(k)
			}
		})
	})
}

func (o *oracle) opensSocket(in *instance, name string) *socket {
	now := o.lock()
	defer o.unlock()
	k := &socket{in: in, s: o.sessions[name], closed: never}
	if k.s == nil {
		return k
	}
	o.sockets[k] = true
	o.counts["sockets that were handed over"]++
	if k.s.endAt != never {
		o.expectClosed(k, now, now+time.Second)
	}
	return k
}

// leavesSocket: its instance shuts down.
func (o *oracle) leavesSocket(k *socket) {
	o.lock()
	defer o.unlock()
	delete(o.sockets, k)
	k.closed = 0
}

// closesSocket: Done was closed, and Err has answered.
func (o *oracle) closesSocket(k *socket, err error) {
	now := o.lock()
	defer o.unlock()
	delete(o.sockets, k)
	k.closed = now
	if k.s == nil {
		return
	}
	o.note(k.in.name, "tells the socket of %s: %v", k.s.label, err)
	o.later(now, func(time.Duration) {
		ended := (*reason.EndedError)(nil)
		switch {
		case k.s.endAt > now:
			if o.clockEndAt(k.s, now) == "" {
				o.breach("C8", "%s tells the socket of %s that it has ended, but it lives", k.in.name, k.s.label)
			}
		case errors.As(err, &ended):
			if k.s.reason != "" && ended.Reason != k.s.reason {
				o.breach("C8", "%s tells the socket of %s %q; it was %q",
					k.in.name, k.s.label, ended.Reason, k.s.reason)
			}
		case !o.excused(k.s.app, pathStore|pathRestart, k.s.endAt, now):
			o.breach("C8", "%s tells the socket of %s, which has ended: %v", k.in.name, k.s.label, err)
		}
	})
}

// expectSockets: each of them is told within a second.
func (o *oracle) expectSockets(s *session) {
	for k := range o.sockets {
		if k.s == s {
			o.expectClosed(k, s.endAt, s.endAt+time.Second)
		}
	}
}

func (o *oracle) expectClosed(k *socket, from, by time.Duration) {
	o.later(by, func(now time.Duration) {
		switch {
		case k.closed <= now:
		case o.excused(k.s.app, pathWatch|pathStore|pathRestart, from, by):
			o.expectClosed(k, now, now+feltAfter)
		default:
			o.breach("C8", "%s ended at %s, and its socket on %s was not told by %s",
				k.s.label, stamp(k.s.endAt), k.in.name, stamp(now))
		}
	})
}
