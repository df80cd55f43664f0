package rp

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/eventstream"
	"github.com/tandem-sso/tandem/rp/internal/names"
	"github.com/tandem-sso/tandem/rp/internal/site"
	"github.com/tandem-sso/tandem/rp/store"
)

const (
	heartbeat = 15 * time.Second       // shorter than the idle limits of proxies
	lookEvery = time.Minute            // even if nothing was reported
	pushGap   = 100 * time.Millisecond // a session that changes all the time is not pushed faster
)

// streams are the open event streams of this instance.
type streams struct {
	cfg      *Config
	engine   *engine.Engine
	browsers *browsers
	site     *site.App
	statuses *statuses
	places   places
	ctx      context.Context // ended by CloseStreams, and by Close
	end      context.CancelFunc
}

// serve is a stream of server-sent events about the session: "session"
// with a Status at the start and at each change, "ended" with a Status as the
// last one, and comments as heartbeats. It is passive and never extends
// anything. It looks by itself at the instants when the session's own clocks run
// out, so that a page hears of an end in time whoever else is asleep.
//
// A browser that comes back, with or without Last-Event-ID, gets the present
// state first; there is nothing to replay, because a state says it all.
//
// Errors: ErrAnonymous, ErrCrossOrigin, *requestError (429 with Retry-After above
// Config.MaxStreamsPerSession or MaxStreamsPerSubject; 501 if streams are off or a middleware's
// ResponseWriter cannot flush) and *UnavailableError (also above
// Config.MaxStreams). A page polls GET session then.
func (v *streams) serve(w http.ResponseWriter, r *http.Request) error {
	key, ok := v.browsers.key(r.Header)
	if !ok {
		return ErrAnonymous
	}
	// A sibling site sends the cookie along and could keep connections busy.
	if !v.site.Of(r).IsOwn(r.Header) {
		return ErrCrossOrigin
	}
	if v.ctx.Err() != nil {
		return engine.Busy(time.Second, "this instance is shutting down")
	}
	if v.cfg.MaxStreams < 0 {
		return &requestError{Status: http.StatusNotImplemented, Code: "no_streams",
			Err: errors.New("this app has no event streams; poll instead")}
	}
	t := v.engine.Subscribe(key) // before the first look, so that nothing falls between
	defer t.Release()
	changed := t.Change()
	s, err := v.statuses.look(r.Context(), key)
	if err != nil {
		return err
	}
	if s.State == "anonymous" {
		return ErrAnonymous
	}
	if s.State == "live" {
		subject := v.browsers.party.Ref(0, names.BySubject, s.Subject)
		if err := v.places.enter(key, subject, v.cfg); err != nil {
			return err
		}
		defer v.places.leave(key, subject)
		if fn := v.cfg.Events.Stream; fn != nil {
			fn(1)
			defer fn(-1)
		}
	}
	watched := s.State == "live" // from here on
	out := eventstream.New(w)
	if !eventstream.CanFlush(w) {
		return v.noStreams(w)
	}
	out.Begin()
	if r.Method == http.MethodHead {
		return nil // nobody reads what would follow
	}
	for {
		if s.State != "live" {
			if out.Event("ended", s.version, s) == nil && watched {
				v.pageTold(r.Context(), key)
			}
			return nil
		}
		if out.Event("session", s.version, s) != nil {
			return nil // the browser has gone, or does not read
		}
		if s, changed, err = v.nextStatus(r, key, t, changed, s.next, out); err != nil {
			return nil
		}
	}
}

// pageTold says how long after the end of its session a page has been told. It looks the
// end up after that, so that no page waits for a figure.
func (v *streams) pageTold(ctx context.Context, key store.Key) {
	fn := v.cfg.Events.Timed
	if fn == nil {
		return
	}
	now := v.engine.Now()
	ctx, cancel := v.engine.Detached(ctx)
	defer cancel()
	if rec, err := v.browsers.store.Load(ctx, key); errors.Is(err, store.ErrEnded) {
		why, _ := engine.Why(rec.End.Reason)
		fn(ctx, event.Timed{What: event.TimedPage, Outcome: string(why), Took: max(now.Sub(rec.End.At), 0)})
	}
}

var errGone = errors.New("rp: stream is over")

// nextStatus waits until there is something to say.
func (v *streams) nextStatus(r *http.Request, key store.Key, t *engine.Topic, changed <-chan struct{},
	due time.Time, out *eventstream.Writer) (pageStatus, <-chan struct{}, error) {
	lookIn := lookEvery
	if !due.IsZero() {
		// One more than the clock's grain: at the instant itself it is not over yet
		// for all limits.
		lookIn = min(lookIn, max(due.Sub(v.engine.Now()), 0)+2*time.Millisecond)
	}
	look, beat := time.Now().Add(lookIn), time.Now().Add(heartbeat)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(min(time.Until(look), time.Until(beat)))
		select {
		case <-t.Done:
			reason, cause := engine.Why(t.Why())
			ended := pageStatus{Status: Status{State: "ended", Reason: reason, Cause: cause}}
			if s, err := v.statuses.look(r.Context(), key); err == nil && s.State == "ended" && s.Reason == reason {
				ended = s // the record knows more
			}
			return ended, nil, nil
		case <-changed:
			// Let a burst of changes pass, but never an end.
			changed, look = nil, time.Now().Add(pushGap)
		case now := <-timer.C:
			if !now.Before(look) {
				changed = t.Change() // before the look, as at the start
				s, err := v.statuses.look(r.Context(), key)
				var trouble *UnavailableError
				if !errors.As(err, &trouble) || r.Context().Err() != nil {
					return s, changed, err
				}
				// The store is away, the session may well live: say nothing, look again.
				look = time.Now().Add(max(trouble.RetryAfter, time.Second))
			}
			if !now.Before(beat) {
				if out.Comment() != nil {
					return pageStatus{}, nil, errGone
				}
				beat = now.Add(heartbeat)
			}
		case <-r.Context().Done():
			return pageStatus{}, nil, errGone
		case <-v.ctx.Done():
			return pageStatus{}, nil, errGone // shutting down: the browser connects elsewhere
		}
	}
}
