package engine

import (
	"context"

	"github.com/tandem-sso/tandem/rp/internal/record"
)

// maxChanges is how often the IdP's frame is believed in one session when it says "changed". A
// browser that keeps the IdP's storage from the frame may say it for ever (OpenID Connect
// Session Management 1.0 §5.1, SM-03), and each time costs the person a round trip.
const maxChanges = 3

// FrameState is the session_state that a page may ask the IdP's frame about; empty: it is not to
// ask.
func FrameState(d *record.Data) string {
	if d.Changes >= maxChanges {
		return ""
	}
	return d.SessionState
}

// NoteChanged notes that the IdP's frame has said "changed" of a session_state. From then on
// the session counts as unconfirmed, and the next navigation asks the IdP by prompt=none. Only
// the answer to that can end the session (SM-02). A word about another state than the present
// one is old and is ignored.
func (p *Engine) NoteChanged(ctx context.Context, st *State, state string) (*State, error) {
	noted := false
	next, err := p.Commit(ctx, st, func(d *record.Data) bool {
		noted = state != "" && state == FrameState(d) && !d.Changed
		if noted {
			d.Changed = true
			d.Changes++
		}
		return noted
	})
	if noted && err == nil {
		p.log.Info("the IdP's check_session_iframe says that its session has changed; the app asks the IdP at the "+
			"next navigation",
			"session", st.Rec.Key.Short(), "times", next.Data.Changes)
	}
	return next, err
}

// Unchanged notes that a silent log-in has confirmed the session. state is what came with it.
func Unchanged(d *record.Data, state string) {
	d.Changed = false
	if state != "" {
		d.SessionState = state
	}
}
