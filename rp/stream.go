package rp

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

const heartbeat = 15 * time.Second // shorter than the idle limits of proxies

// ServeEvents is a stream of server-sent events about the session: "session"
// with a Status at the start and at each change, "ended" with a Status as the
// last one. It never extends anything.
func (p *RelyingParty) ServeEvents(w http.ResponseWriter, r *http.Request) error {
	key, ok := p.sessionKey(r.Header)
	if !ok {
		return ErrAnonymous
	}
	t := p.hub.subscribe(key) // before the first look, so that nothing falls between
	defer t.release()
	changed := t.change()
	s, err := p.SessionStatus(r)
	if err != nil {
		return err
	}
	h := w.Header()
	noStore(h)
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	out := http.NewResponseController(w)
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		if s.State != "live" {
			return send(w, out, "ended", s)
		}
		if err := send(w, out, "session", s); err != nil {
			return nil // the browser has gone
		}
		if s, err = p.nextStatus(w, r, out, t, changed, tick.C); err != nil {
			return nil
		}
		changed = t.change()
	}
}

var errGone = errors.New("rp: stream is over")

// nextStatus waits for a change; heartbeats tell proxies and us that both sides
// are there.
func (p *RelyingParty) nextStatus(w http.ResponseWriter, r *http.Request, out *http.ResponseController, t *topic, changed <-chan struct{}, beat <-chan time.Time) (Status, error) {
	for {
		select {
		case <-t.done:
			return Status{State: "ended", Reason: t.why()}, nil
		case <-changed:
			select {
			case <-t.done:
				return Status{State: "ended", Reason: t.why()}, nil
			default:
			}
			return p.SessionStatus(r)
		case <-beat:
			if _, err := w.Write([]byte(": still here\n\n")); err != nil || out.Flush() != nil {
				return Status{}, errGone
			}
		case <-r.Context().Done():
			return Status{}, errGone
		case <-p.ctx.Done():
			return Status{}, errGone // shutting down: the browser connects elsewhere
		}
	}
}

func send(w http.ResponseWriter, out *http.ResponseController, event string, s Status) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	b.WriteString("event: " + event + "\ndata: ")
	b.Write(data)
	b.WriteString("\n\n")
	if _, err := w.Write(b.Bytes()); err != nil {
		return err
	}
	return out.Flush()
}
