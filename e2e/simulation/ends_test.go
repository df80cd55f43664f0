package simulation

import (
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// The store, as the oracle sees it through the wrapper of each instance.

// outlives: the store is asked by an instance whose Close has returned. What it writes then
// may be lost with the process (C5, C6).
func (o *oracle) outlives(in *instance, op storeOp) {
	o.lock()
	defer o.unlock()
	o.breach("C6", "%s asks the store for %s after Close has returned", in.name, op)
}

func (o *oracle) named(key store.Key) *session { return o.sessions[hex.EncodeToString(key[:6])] }

// creates: others may see a session in the store before its creator is told.
func (o *oracle) creates(in *instance) {
	o.lock()
	defer o.unlock()
	o.creating[in.app.n]++
}

func (o *oracle) created(in *instance, rec store.Record, err error) {
	now := o.lock()
	defer o.unlock()
	o.creating[in.app.n]--
	if err != nil {
		return
	}
	if s := o.named(rec.Key); s != nil {
		o.breach("C5", "%s creates %s a second time", in.name, s.label)
	}
	if rec.Owner != in.app.owner {
		o.breach("C9", "%s creates a session that is not its own", in.name)
	}
	o.births[hex.EncodeToString(rec.Key[:6])] = &birth{
		app: in.app, at: now, begun: rec.Begun.Sub(o.w.begin), issued: rec.Issued.Unix(),
	}
}

// hasEnded is the session of a record if it has ended.
func (o *oracle) hasEnded(key store.Key) *session {
	now := o.lock()
	defer o.unlock()
	if s := o.named(key); s != nil && s.endAt <= now && !s.livesAgain(now) {
		return s
	}
	return nil
}

// replaced: a record was saved of a session that had ended before, if it had.
func (o *oracle) replaced(in *instance, ended *session, err error) {
	if ended == nil || err != nil {
		return
	}
	o.lock()
	defer o.unlock()
	o.breach("C5", "%s saves %s, which ended at %s", in.name, ended.label, stamp(ended.endAt))
}

// savedUnheard: a store said no to what it then had. That a token is about to be shown may
// stand there, and who was told no has not shown it: nobody knows that it is not spent.
func (o *oracle) savedUnheard(key store.Key) {
	o.lock()
	defer o.unlock()
	if s := o.named(key); s != nil && s.chain != nil {
		s.chain.doubts()
		o.counts["changes saved by a store that said no"]++
	}
}

func (o *oracle) loaded(in *instance, key store.Key, err error) {
	if err != nil {
		return
	}
	now := o.lock()
	defer o.unlock()
	if s := o.named(key); s != nil && s.endAt < now && !s.livesAgain(now) {
		o.breach("C5", "%s finds %s alive in the store, which ended at %s", in.name, s.label, stamp(s.endAt))
	}
}

// storeEnded: the store has ended sessions for good. From here on nobody may be
// served; the reason must be true (C6), an event has to follow at once (C8), and
// what the session held has to be revoked.
func (o *oracle) storeEnded(in *instance, recs []store.Record) {
	if len(recs) == 0 {
		return
	}
	now := o.lock()
	defer o.unlock()
	for _, rec := range recs {
		s := o.named(rec.Key)
		if g := o.ghosts[hex.EncodeToString(rec.Key[:6])]; g != nil {
			o.note(in.name, "ends a session that never began: %s", reasonOf(rec))
			g.laid = true
			continue
		}
		if s == nil {
			x := o.overtakes(in, hex.EncodeToString(rec.Key[:6]))
			x.endAt, x.reason = now, reasonOf(rec)
			continue
		}
		if s.app != in.app {
			o.breach("C9", "%s ends %s", in.name, s.label)
			return
		}
		switch {
		case s.back:
			s.back = false
			o.note(in.name, "ends %s once more", s.label)
			// Another end, which came before the first was repeated.
			if why := reasonOf(rec); why != s.reason || o.endsAnew(in, s, now) {
				s.reason, s.endedAnew = why, true
			}
			continue
		case s.assumed: // its event was faster than our look at the store
			s.assumed = false
		case s.endAt != never:
			o.breach("C8", "the store ends %s twice", s.label)
			return
		}
		s.endAt, s.reason = min(s.endAt, now), reasonOf(rec)
		o.note(in.name, "ends %s in the store: %s", s.label, s.reason)
		o.counts["ends: "+string(s.reason)]++
		o.explain(s, s.endAt)
		o.expectEvent(s, now)
		o.expectStreams(s)
		o.expectSockets(s)
		o.expectRevocation(s)
	}
}

// expectEvent: at once, or, if the one who has ended it could not hear of it, as
// soon as another instance takes over.
func (o *oracle) expectEvent(s *session, by time.Duration) {
	o.later(by, func(now time.Duration) {
		switch {
		case s.tellAt != never:
		case o.excused(s.app, pathStore|pathRestart, max(s.endAt, now-time.Hour), now):
			o.expectEvent(s, now+5*time.Minute) // a minute's head start, a batch held for two
		default:
			o.breach("C8", "%s ended at %s, and no event says so", s.label, stamp(s.endAt))
		}
	})
}

// expectStreams: every open tab on every instance is told within a second, or
// soon after its instance can read the store again.
func (o *oracle) expectStreams(s *session) {
	for v := range o.visits {
		if v.q.kind == stream && v.session == s.name {
			o.expectTold(s, v, s.endAt, s.endAt+time.Second)
		}
	}
}

func (o *oracle) expectTold(s *session, v *visit, from, by time.Duration) {
	o.later(by, func(now time.Duration) {
		switch {
		case v.toldAt <= now || v.end <= now:
		case o.excused(s.app, pathWatch|pathStore|pathRestart, from, by):
			o.expectTold(s, v, now, now+feltAfter)
		default:
			o.breach("C8", "%s ended at %s, and its stream on %s was not told by %s",
				s.label, stamp(s.endAt), v.in.name, stamp(now))
		}
	})
}

// endsAnew: after the store has lost the end of s, a logout token, an order or a request to
// this instance ends it for the reason that it had before.
func (o *oracle) endsAnew(in *instance, s *session, now time.Duration) bool {
	for v := range o.visits {
		ends := v.q.kind == adminEnd || v.q.kind == logout || v.q.what == "callback"
		if ends && v.in == in && o.sessions[v.session] == s {
			return true
		}
	}
	return slices.ContainsFunc(o.orders[s.app.n], func(x *order) bool { return x.at >= s.backAt && x.ends(s, now) })
}

// early is the end of a session whose callback is still waiting for the store's
// answer, so that nobody has heard of its beginning.
type early struct {
	endAt, tellAt time.Duration
	reason        reason.Reason
}

func (o *oracle) overtakes(in *instance, name string) *early {
	x := o.early[name]
	if x == nil {
		x = &early{endAt: never, tellAt: never}
		o.early[name] = x
	}
	for v := range o.visits {
		if v.in.app == in.app && v.q.what == "callback" {
			o.note(in.name, "ends a session of which no event has spoken")
			return x
		}
	}
	o.breach("C8", "%s announces the end of a session that never began", in.name)
	return x
}

// ended is the library's event. C8: exactly one per session, with its reason.
func (o *oracle) ended(in *instance, e event.End) {
	now := o.lock()
	defer o.unlock()
	s := o.sessions[e.Session]
	if s != nil && s.app != in.app {
		o.breach("C9", "%s announces the end of %s", in.name, s.label)
		return
	}
	if o.ghosts[e.Session] != nil {
		if e.Reason == "never_begun" {
			o.breach("C8", "%s announces the end of a session whose log-in has failed", in.name)
		}
		return // another end, such as a log-out, came before it could be taken back
	}
	if s == nil {
		x := o.overtakes(in, e.Session)
		if x.tellAt != never {
			o.breach("C8", "a second event says that a session ended that has only begun")
		}
		x.tellAt, x.reason = now, e.Reason
		return
	}
	o.note(in.name, "announces the end of %s: %s", s.label, e.Reason)
	if s.tellAt != never {
		// Only if it could not be noted that one was told already.
		if !s.endedAnew && !o.excused(s.app, pathStore|pathRestart, s.tellAt, now) {
			o.breach("C8", "a second event says that %s ended (%s, %s)", s.label, s.reason, e.Reason)
		}
		return
	}
	s.tellAt = now
	switch {
	case s.endAt == never:
		s.endAt, s.assumed = now, true
		o.later(now, func(time.Duration) {
			if s.assumed {
				o.breach("C8", "%s announces the end of %s, which lives on in the store", in.name, s.label)
			}
		})
	case s.reason != e.Reason:
		o.breach("C8", "%s says that %s ended for %s; it was %s", in.name, s.label, e.Reason, s.reason)
	}
}

// reasonOf is why a session has ended; the cause may stand behind it.
func reasonOf(rec store.Record) reason.Reason {
	why, _, _ := strings.Cut(string(rec.End.Reason), "/")
	return reason.Reason(why)
}
