package rp

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

const (
	heartbeat    = 15 * time.Second       // shorter than the idle limits of proxies
	lookEvery    = time.Minute            // even if nothing was reported
	pushGap      = 100 * time.Millisecond // a session that changes all the time is not pushed faster
	writeTimeout = 10 * time.Second       // for one event, to a browser that does not read
)

// ServeEvents is a stream of server-sent events about the session: "session"
// with a Status at the start and at each change, "ended" with a Status as the
// last one, and comments as heartbeats. It is passive and never extends
// anything. It looks by itself at the instants when the session's own clocks run
// out, so that a page hears of an end in time whoever else is asleep.
//
// A browser that comes back, with or without Last-Event-ID, gets the present
// state first; there is nothing to replay, because a state says it all.
//
// Errors: ErrAnonymous, ErrCrossOrigin, *RequestError (429 with Retry-After above
// Config.MaxStreamsPerSession or MaxStreamsPerSubject; 501 if streams are off or a middleware's
// ResponseWriter cannot flush) and *UnavailableError (also above
// Config.MaxStreams). A page polls GET session then.
func (p *RelyingParty) ServeEvents(w http.ResponseWriter, r *http.Request) error {
	key, ok := p.sessionKey(r.Header)
	if !ok {
		return ErrAnonymous
	}
	// A sibling site sends the cookie along and could keep connections busy.
	if !p.sites.of(r).isOwn(r.Header) {
		return ErrCrossOrigin
	}
	if p.streaming.Err() != nil {
		return busy(time.Second, "this instance is shutting down")
	}
	if p.cfg.MaxStreams < 0 {
		return &RequestError{Status: http.StatusNotImplemented, Code: "no_streams", Err: errors.New("this app does not push; poll")}
	}
	t := p.subscribe(key) // before the first look, so that nothing falls between
	defer t.release()
	changed := t.change()
	s, err := p.look(r.Context(), key)
	if err != nil {
		return err
	}
	if s.State == "anonymous" {
		return ErrAnonymous
	}
	if s.State == "live" {
		subject := p.party.ref(0, bySubject, s.Subject)
		if err := p.streams.enter(key, subject, &p.cfg); err != nil {
			return err
		}
		defer p.streams.leave(key, subject)
	}
	out := &eventWriter{w: w, to: http.NewResponseController(w)}
	if !canFlush(w) {
		return p.noStreams(w)
	}
	out.begin()
	if r.Method == http.MethodHead {
		return nil // nobody reads what would follow
	}
	for {
		if s.State != "live" {
			_ = out.event("ended", s)
			return nil
		}
		if out.event("session", s) != nil {
			return nil // the browser has gone, or does not read
		}
		if s, changed, err = p.nextStatus(r, key, t, changed, s.next, out); err != nil {
			return nil
		}
	}
}

var errGone = errors.New("rp: stream is over")

// nextStatus waits until there is something to say.
func (p *RelyingParty) nextStatus(r *http.Request, key store.Key, t *topic, changed <-chan struct{}, due time.Time, out *eventWriter) (Status, <-chan struct{}, error) {
	lookIn := lookEvery
	if !due.IsZero() {
		// One more than the clock's grain: at the instant itself it is not over yet
		// for all limits.
		lookIn = min(lookIn, max(due.Sub(p.now()), 0)+2*time.Millisecond)
	}
	look, beat := time.Now().Add(lookIn), time.Now().Add(heartbeat)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(min(time.Until(look), time.Until(beat)))
		select {
		case <-t.done:
			reason, cause := why(t.why())
			ended := Status{State: "ended", Reason: reason, Cause: cause}
			if s, err := p.look(r.Context(), key); err == nil && s.State == "ended" && s.Reason == reason {
				ended = s // the record knows more
			}
			return ended, nil, nil
		case <-changed:
			// Let a burst of changes pass, but never an end.
			changed, look = nil, time.Now().Add(pushGap)
		case now := <-timer.C:
			if !now.Before(look) {
				changed = t.change() // before the look, as at the start
				s, err := p.look(r.Context(), key)
				var trouble *UnavailableError
				if !errors.As(err, &trouble) || r.Context().Err() != nil {
					return s, changed, err
				}
				// The store is away, the session may well live: say nothing, look again.
				look = time.Now().Add(max(trouble.RetryAfter, time.Second))
			}
			if !now.Before(beat) {
				if out.comment() != nil {
					return Status{}, nil, errGone
				}
				beat = now.Add(heartbeat)
			}
		case <-r.Context().Done():
			return Status{}, nil, errGone
		case <-p.streaming.Done():
			return Status{}, nil, errGone // shutting down: the browser connects elsewhere
		}
	}
}

// eventWriter writes server-sent events (HTML Standard §9.2), each under a
// deadline of its own: a browser that does not read cannot hold the goroutine.
type eventWriter struct {
	w  http.ResponseWriter
	to *http.ResponseController
}

func (e *eventWriter) begin() {
	h := e.w.Header()
	noStore(h)
	ownSite(h)
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	e.w.WriteHeader(http.StatusOK)   // before Flush: a compressing writer decides then
	_ = e.flush()                    // an error shows at the first event
}

func (e *eventWriter) event(name string, s Status) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	b := bytes.NewBuffer(make([]byte, 0, len(data)+64))
	b.WriteString("event: " + name + "\nid: " + strconv.FormatUint(s.version, 10) + "\ndata: ")
	b.Write(data) // without line breaks
	b.WriteString("\n\n")
	return e.write(b.Bytes())
}

// comment tells proxies and both sides that the other one is there.
func (e *eventWriter) comment() error { return e.write([]byte(":\n\n")) }

func (e *eventWriter) write(b []byte) error {
	_ = e.to.SetWriteDeadline(time.Now().Add(writeTimeout)) // where it is not supported the server's own limit holds
	if _, err := e.w.Write(b); err != nil {
		return err
	}
	return e.to.Flush()
}

func (e *eventWriter) flush() error {
	_ = e.to.SetWriteDeadline(time.Now().Add(writeTimeout))
	return e.to.Flush()
}
