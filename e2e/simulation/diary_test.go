package simulation

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/rp/event"
)

// diary is what an instance tells its operator: the lines of its log and Config.Events.
type diary struct {
	w     *world
	mu    sync.Mutex
	lines []told
}

type told struct {
	at    time.Duration
	event bool
	text  string
}

func (d *diary) note(event bool, text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, told{d.w.at(), event, text})
}

func (d *diary) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }
func (d *diary) WithAttrs([]slog.Attr) slog.Handler               { return d }
func (d *diary) WithGroup(string) slog.Handler                    { return d }

func (d *diary) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(r.Message)
	r.Attrs(func(a slog.Attr) bool { b.WriteString(" " + a.Key + "=" + a.Value.String()); return true })
	d.note(false, b.String())
	return nil
}

// events are what goes into the diary beside the log.
func (d *diary) events(h event.Handlers) event.Handlers {
	h.Signal = func(e event.Signal) { d.note(true, fmt.Sprint("signal ", e.Err)) }
	h.StoreFailed = func(e event.StoreFailed) { d.note(true, fmt.Sprint("store failed: ", e.Err)) }
	h.Unavailable = func(_ context.Context, e event.Unavailable) { d.note(true, fmt.Sprint("unavailable: ", e.Err)) }
	return h
}

// has: so much was said between two times, in the log and, if it has to be there, by an event.
func (d *diary) has(text string, from, to time.Duration) (line, event bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := len(d.lines) - 1; i >= 0 && d.lines[i].at >= from; i-- {
		if l := &d.lines[i]; l.at <= to && strings.Contains(l.text, text) {
			line, event = line || !l.event, event || l.event
		}
	}
	return line, event
}

// quietAfter is how long a line of the log may wait for those before it: a flood of one kind
// is bounded.
const quietAfter = 15 * time.Second

// judgeTold holds C6: the operator hears of every answer with 503, by an event at once and by
// the log, and of the cause.
func (o *oracle) judgeTold(v *visit) {
	if v.status != http.StatusServiceUnavailable || v.gaveUp || v.down {
		return
	}
	switch v.q.kind {
	case list, adminEnd, save, login: // the handler's own answer; a log-in has an event of its own
		return
	}
	if o.excused(v.in.app, pathRestart, v.start, v.end) {
		return // who shuts down has hung up
	}
	o.counts["503 that the operator was told of"]++
	if _, event := v.in.diary.has("unavailable: ", v.start, v.end); !event {
		o.breach("C6", "%s answers 503, and no event says so", v.in.name)
	}
	cause := "unavailable: the session store failed: " + errStoreDown.Error()
	if _, store := v.in.diary.has(cause, v.start, v.end); store {
		o.expectLine(v.in, v.start, "its store made a page wait")
	}
}

// expectLine: the log says, with the cause, that the store has failed.
func (o *oracle) expectLine(in *instance, since time.Duration, what string) {
	o.later(o.w.at()+quietAfter, func(at time.Duration) {
		if o.excused(in.app, pathRestart, since-time.Minute, at) {
			return
		}
		if line, _ := in.diary.has(errStoreDown.Error(), since-quietAfter, at); !line {
			o.breach("C6", "%s: %s at %s, and its log does not say so", in.name, what, stamp(since))
		}
	})
}

// failsSilently holds C6: no failure of a store is silent, whoever has made the call. That of a
// Load is told where somebody is answered with 503. An end that is repeated, and what is kept of
// the IdP, have a line of their own when it goes on.
func (o *oracle) failsSilently(in *instance, op storeOp) {
	now := o.lock()
	defer o.unlock()
	o.expectLine(in, now, "its store failed to "+op.String())
}

// explains holds C6: what an IdP says of a refusal is in the log and in an event.
func (o *oracle) explains(c *call, words string) {
	o.said[words] = true
	from := c.from
	if c.kind != callRefresh || c.to > from+30*time.Second {
		return
	}
	if c.chain != nil && c.shownElsewhere() { // it is nothing to anybody if that brought newer tokens
		return
	}
	o.later(c.to+slowestStore, func(now time.Duration) { // which is asked first whether there are newer tokens
		if o.excused(c.in.app, pathRestart, from, now) {
			return
		}
		if line, event := c.in.diary.has(words, from, now); !line || !event {
			o.breach("C6", "%s was told %q by its IdP at %s: in its log %v, in an event %v", c.in.name, words,
				stamp(c.to), line, event)
		}
	})
}

// judgeLeak holds that what an IdP says of a refusal is never on a page, nor in an address.
func (o *oracle) judgeLeak(v *visit) {
	to := v.header.Get("Location")
	for words := range o.said {
		if strings.Contains(string(v.body), words) || strings.Contains(to, words) {
			o.breach("C6", "%s shows a browser what its IdP has said: %q", v.in.name, words)
		}
	}
}
