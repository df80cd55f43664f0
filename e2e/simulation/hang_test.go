package simulation

import (
	"net/http"
	"slices"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// An IdP that accepts calls and does not answer them.

// waitFor is rp.Config.WaitFor by its default: nobody waits longer for the IdP.
// muchWait is what else may come on top: a look whether the IdP answers at all.
const (
	waitFor  = 15 * time.Second
	muchWait = waitFor + 3*time.Second
)

// hangIdP lets an IdP hang at some endpoints; what waits there is answered in the end.
func (w *world) hangIdP(a act) {
	endpoints := []idpmock.Endpoint{"", "", idpmock.EndpointToken, idpmock.EndpointRefresh, idpmock.EndpointUserinfo}
	app, hang := w.apps[a.App], make(chan struct{})
	f := idpmock.Fault{Endpoint: endpoints[a.V[0]%len(endpoints)], Times: idpmock.Always, Gate: hang}
	t := &trouble{path: pathIdP, of: app.provider.everybody(), tail: feltAfter, outage: true,
		what: app.provider.issuer + " " + string(f.Endpoint) + " hangs"}
	t.hangs = true
	w.oracle.trouble(t)
	on := app.provider.Fault(f)
	d, siege := min(a.Every, 20*time.Minute), 2*time.Minute
	w.sleep(d - siege)
	if a.V[1] < 8 {
		w.besiege(a, siege+time.Minute)
	}
	w.sleep(min(d, siege))
	on.Remove()
	close(hang)
	w.oracle.over(t)
}

// besiege lets everybody press the button again and again, as people do whose page does
// not come.
func (w *world) besiege(a act, d time.Duration) {
	until := w.at() + d
	for n, b := range w.people {
		w.acts.Go(func() {
			for w.at() < until && !w.gone() {
				b.navigate(w.apps[a.App], a.Inst, requests[click], true, 0)
				w.sleep(time.Duration(3+n+a.V[2]) * time.Second)
			}
		})
	}
}

// judgeWait holds C6: nobody waits longer than WaitFor. An API takes its own time, and
// the store too when it is in trouble.
func (o *oracle) judgeWait(v *visit) {
	switch {
	case v.q.kind == stream, v.q.kind == callAPI, v.down, v.end-v.start <= muchWait:
	case o.excused(v.in.app, pathStore|pathRestart, v.start, v.end):
	default:
		o.breach("C6", "%s lets %s wait for %v", v.in.name, v.b.name, v.end-v.start)
	}
}

// soon is how long a request takes at most when nothing is out of order.
const soon = 4 * time.Second

// judgeDelay holds C6: nobody waits for an instance that does not have the answer and has
// said so. One that could not say so, because it or its store was away, is waited for.
func (o *oracle) judgeDelay(v *visit, s *session) {
	if v.q.kind == stream || v.q.kind == callAPI || v.down || v.end-v.start <= soon ||
		o.excused(s.app, pathStore|pathRestart, s.began, v.end) {
		return
	}
	for _, t := range o.troubles {
		if t.of.has(s.app) && t.from <= v.end && (t.to == never || t.to+t.lag+time.Minute >= v.start) {
			return
		}
	}
	o.breach("C6", "%s lets %s wait for %v, although nothing is out of order", v.in.name, v.b.name, v.end-v.start)
}

// waitsForOthers: all that is out of order is that the IdP has asked one session or two, not
// this one, to wait. Three would be about the whole client.
func (o *oracle) waitsForOthers(v *visit, s *session) bool {
	limits, since := 0, v.start
	for _, t := range o.troubles {
		if t.path&(pathIdP|pathStore|pathRestart|pathAPI) == 0 || !t.felt(v.in.app, v.start, v.end) {
			continue
		}
		if !t.once {
			return false
		}
		limits, since = limits+1, min(since, t.from)
	}
	return limits < 3 && !slices.ContainsFunc(s.calls, func(c *call) bool {
		return c.from >= since && c.status == http.StatusTooManyRequests
	})
}

// unheard is how long ago an instance may have heard from the IdP to send a browser there.
const unheard = 30 * time.Second

// judgeDark holds C6: while a session is trusted, no browser is sent to an IdP that does not
// answer.
func (o *oracle) judgeDark(v *visit, s *session) {
	confirmed := s.began
	if s.ok != nil {
		confirmed = max(confirmed, s.ok.from)
	}
	trust := min(orDefault(s.app.knobs.TrustFor, 5*time.Minute), o.w.h.Window-time.Minute)
	if v.end > confirmed+trust-s.app.skew()-time.Second {
		return
	}
	if heard := time.Duration(v.in.heard.Load()); v.end > heard+unheard+time.Second {
		o.breach("C6", "%s sends the browser of %s to an IdP that has not answered it since %s, although it trusts "+
			"the session",
			v.in.name, s.label, stamp(heard))
	}
}

// isBack: the IdP, which was out of order, has answered this instance since. Then
// nobody has to wait for the end of a pause (C6).
func (o *oracle) isBack(v *visit) bool {
	var end time.Duration
	for _, t := range o.troubles {
		if t.path&(pathIdP|pathStore|pathRestart|pathAPI) == 0 || !t.felt(v.in.app, v.start, v.end) {
			continue
		}
		if !t.outage || t.to == never {
			return false
		}
		end = max(end, t.to+t.lag)
	}
	for _, s := range o.born {
		for _, c := range s.oks {
			if c.in == v.in && (c.kind == callRefresh || c.kind == callUserinfo) && c.from > end &&
				c.to < v.start-time.Second {
				return true
			}
		}
	}
	return false
}
