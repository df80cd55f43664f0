package controlroom

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/tandem-sso/tandem/demo/system"
)

const (
	calm  = 80 * time.Millisecond  // between two messages, however much happens
	pulse = time.Second            // at the latest, so that limits that moved are seen
	quick = 100 * time.Millisecond // instead of it while a step is told: rings are to be seen moving
	batch = 500                    // events in one message
)

// chunk of the timeline. A page that sees another epoch starts anew.
type chunk struct {
	Epoch  int            `json:"epoch"`
	Events []system.Event `json:"events"`
}

// events pushes snapshots and the timeline (server-sent events). A browser that
// comes back says what it has seen; a page that was reloaded gets all.
func (r *Room) events(w http.ResponseWriter, req *http.Request) {
	last, err := strconv.ParseInt(req.Header.Get("Last-Event-ID"), 10, 64)
	if err != nil || last < 0 {
		last = 0
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	ctx := req.Context()
	for {
		part, trial := r.System.Log.Read(last), r.trial.More()
		for events := part.Events; len(events) > 0; {
			n := min(len(events), batch)
			last = events[n-1].ID
			if send(w, "log", strconv.FormatInt(last, 10), chunk{part.Epoch, events[:n]}) != nil {
				return
			}
			events = events[n:]
		}
		if send(w, "snapshot", "", r.look()) != nil || out.Flush() != nil {
			return
		}
		every := pulse
		if state := r.stories.State(); state != nil && state.Busy {
			every = quick
		}
		wait := time.NewTimer(every)
		select {
		case <-part.More:
		case <-trial:
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return
		}
		wait.Reset(calm)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return
		}
	}
}

func send(w http.ResponseWriter, event, id string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if id != "" {
		fmt.Fprintf(&b, "id: %s\n", id)
	}
	fmt.Fprintf(&b, "event: %s\ndata: %s\n\n", event, data)
	_, err = w.Write(b.Bytes())
	return err
}
