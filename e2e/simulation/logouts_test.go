package simulation

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// Logouts while the session at the IdP goes on, so that the person may log in again
// with the same sid: each is an order to one app.

// takeBackConsent lets the IdP send a logout token to one app as it does when a
// person takes back a consent. It may be some minutes on its way.
func (w *world) takeBackConsent(a act) {
	b, app := w.people[a.Browser], w.apps[a.App]
	s, err := b.at(app).Session()
	if err != nil || !app.provider.temper.Has("backchannel_logout_supported") {
		return
	}
	forms := [][]idpmock.LogoutFault{nil, {idpmock.LogoutSidOnly}, {idpmock.LogoutSubOnly}}
	token, err := app.provider.LogoutToken(app.client, s, forms[a.V[0]%len(forms)]...)
	if err != nil {
		panic(err)
	}
	w.oracle.say("idp", "makes a logout token of %s for %s", b.name, app.name)
	late := min(a.Every, 150*time.Second) * time.Duration(a.V[1]%3) / 2
	w.amid(a, late, func() {
		_, _ = app.provider.Deliver(w.ctx, app.client, token) // the oracle sees the answer where it is given
	})
}

// amid does something that takes a while to arrive, with a log-in of the same
// browser around it: begun before, begun while it is on its way, or begun after it.
func (w *world) amid(a act, late time.Duration, do func()) {
	b, app := w.people[a.Browser], w.apps[a.App]
	logIn := func(dwell time.Duration) { b.login(app, a.Inst, loginPath, "same-origin", dwell) }
	when := a.V[3] % 4
	if when < 2 {
		w.acts.Go(func() {
			if when == 1 {
				w.sleep(late / 2)
			}
			logIn(late + time.Duration(a.V[2])*time.Second)
		})
		w.sleep(time.Millisecond)
	}
	w.sleep(late)
	do()
	if when == 2 {
		w.sleep(time.Duration(a.V[2]) * time.Millisecond)
		logIn(0)
	}
}

// logOutByFrontchannel is what anybody can do who knows a sid.
func (w *world) logOutByFrontchannel(a act) {
	b, app := w.people[a.Browser], w.apps[a.App]
	of := app.idp
	if a.V[0] > 12 {
		of = 1 - of // the sid of a session at the other IdP
	}
	s, err := b.idps[of].Session()
	if err != nil {
		return
	}
	q := url.Values{"sid": {s.SID}}
	switch {
	case a.V[1] > 12:
		q.Set("iss", w.idps[1-app.idp].issuer)
	case a.V[1] > 4:
		q.Set("iss", app.provider.issuer)
	}
	w.amid(a, time.Duration(a.V[2])*time.Second, func() {
		x := &order{app: app, what: "front-channel logout", reason: reason.FrontchannelLogout, sid: s.SID}
		if iss := q.Get("iss"); iss != "" && iss != app.provider.issuer {
			x.void = true
		}
		w.oracle.ordered(x)
		out := &response{header: http.Header{}}
		to := app.url() + "/auth/frontchannel-logout?" + q.Encode()
		in := app.either(out, func() *http.Request { return w.anonymous("GET", to, "") })
		w.oracle.carriedOut(x, in, in != nil && out.status == http.StatusOK)
	})
}

// anonymous makes a request that has no cookie.
func (w *world) anonymous(method, url, form string) *http.Request {
	req, err := http.NewRequestWithContext(w.ctx, method, url, strings.NewReader(form))
	if err != nil {
		panic(err)
	}
	req.RequestURI, req.RemoteAddr = req.URL.RequestURI(), "192.0.2.2:1"
	if form != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req
}

// endPerson lets an app's own code end the sessions of a person, or those of one
// session of the IdP.
func (w *world) endPerson(a act) {
	b, app := w.people[a.Browser], w.apps[a.App]
	x := &order{app: app, what: "EndSessions of a subject", reason: reason.Admin, sub: b.person}
	whose := rp.Whose{Subject: b.person}
	if a.V[0] > 7 {
		s, err := b.at(app).Session()
		if err != nil {
			return
		}
		x.what, x.sid, whose = "EndSessions of a sid", s.SID, rp.Whose{SID: s.SID}
	}
	w.amid(a, 0, func() {
		in := app.inst[a.Inst%2]
		r := in.now.Load()
		if r == nil {
			return
		}
		leave, ok := r.enter()
		if !ok {
			return
		}
		defer leave()
		ctx, cancel := context.WithTimeout(r.ctx, time.Minute)
		defer cancel()
		w.oracle.ordered(x)
		_, err := r.rp.EndSessions(ctx, whose)
		w.oracle.carriedOut(x, in, err == nil)
	})
}
