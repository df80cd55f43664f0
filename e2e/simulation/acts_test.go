package simulation

import (
	"sync"
	"time"
)

// do carries out an act.
func (w *world) do(a act) {
	b := w.people[a.Browser]
	app := w.apps[a.App]
	w.oracle.count("acts: " + a.Kind.String())
	switch a.Kind {
	case click, fetch, callAPI, save, visitor, socketed:
		w.repeat(a, w.gone, func(inst int) {
			q := requests[a.Kind]
			if a.V[0] == 7 {
				q.hangUp = time.Duration(a.V[1]*a.V[2]+1) * 10 * time.Millisecond
			}
			if a.Kind == click {
				b.navigate(app, inst, q, a.V[3] < 12, 0)
			} else {
				b.send(app, inst, q)
			}
		})
	case poll:
		q := itself(a.V[2])
		w.repeat(a, func() bool { return w.ctx.Err() != nil }, func(inst int) { b.send(app, inst, q) })
	case status:
		w.repeat(a, func() bool { return w.ctx.Err() != nil }, func(inst int) { b.send(app, inst, requests[status]) })
	case stream:
		b.streams(app, a.Inst, a.Every)
	case list, adminEnd:
		b.send(app, a.Inst, requests[a.Kind])
	case logout:
		b.logsOut(app, a.Inst, a.V[0] < 10)
	case overtaken:
		w.overtake(a)
	case login:
		dwell := min(a.Every, 14*time.Minute)
		if a.V[0] < 8 {
			dwell = min(dwell, time.Duration(a.V[1]*4)*time.Second)
		}
		b.login(app, a.Inst, loginPath, sites[a.V[2]%len(sites)], dwell)
	case restored:
		b.restores(app, a)
	case idpEnd:
		if s, err := b.at(app).Session(); err == nil {
			w.oracle.say("admin", "ends %s's session at %s", b.name, app.provider.issuer)
			_ = app.provider.EndSession(s.SID)
		}
	case consent:
		w.takeBackConsent(a)
	case frontchannel:
		w.logOutByFrontchannel(a)
	case endPerson:
		w.endPerson(a)
	case strayCookie:
		w.strayCookie(a)
	case strayCallback:
		w.strayCallback(a)
	case strayToken:
		w.strayToken(a)
	case restart:
		w.restart(a)
	case closed:
		w.closeParty(a)
	case rollKeys:
		w.rollKeys(a)
	case faultIdP:
		w.spoilIdP(a)
	case faultDelivery:
		w.spoilDelivery(a)
	case faultStore:
		w.spoilStore(a)
	case faultAPI:
		w.spoilAPI(a)
	case faultAnswer:
		w.spoilAnswers(a)
	case hang:
		w.hangIdP(a)
	case faultSilence:
		w.spoilSilence(a)
	case newer:
		w.rewriteNewer(a)
	case moves:
		w.moveIdP(a)
	case oddToken:
		w.bringOddToken(a)
	case killed:
		w.kill(a)
	case failover:
		w.failOver()
	case slip:
		w.slip(a)
	}
}

// sites are where a log-in can be asked for: by a link of the app, by a bookmark or
// a restored tab, by another site, by a browser that does not say.
var sites = [...]string{"same-origin", "none", "cross-site", ""}

// restores opens all tabs of a browser at once, as it does after a crash. Each of
// them was at the log-in.
func (b *browser) restores(a *app, c act) {
	var tabs sync.WaitGroup
	for n := range c.Count {
		dwell := time.Duration(n*c.V[0]*c.V[1]) * 10 * time.Millisecond
		tabs.Go(func() { b.login(a, c.Inst+n, loginPath, "none", dwell) })
	}
	tabs.Wait()
}
