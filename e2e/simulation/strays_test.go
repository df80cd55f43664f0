package simulation

import (
	"net/http"
	"net/url"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// What is meant for one app comes to another one (C9).

// other is an app that is not the act's.
func (w *world) other(a act) *app { return w.apps[(a.App+1+a.V[0]%(len(w.apps)-1))%len(w.apps)] }

// strayCookie sends the cookie of one app to another: once, or from then on.
func (w *world) strayCookie(a act) {
	b, from, to := w.people[a.Browser], w.apps[a.App], w.other(a)
	b.mu.Lock()
	cookie := b.jar[from.n][sessionCookie]
	if a.V[1]%4 == 0 && cookie != "" {
		b.jar[to.n][sessionCookie] = cookie
	}
	b.mu.Unlock()
	if cookie == "" {
		return
	}
	kinds := [...]actKind{click, fetch, callAPI, save, list, poll, status, logout, adminEnd}
	q := requests[kinds[a.V[2]%len(kinds)]]
	q.of = from
	b.send(to, a.Inst, q)
}

// strayCallback brings the answer of the IdP to another app than the one that has
// asked, with all cookies that this one has set, and then to the right one.
func (w *world) strayCallback(a act) {
	b, from, to := w.people[a.Browser], w.apps[a.App], w.other(a)
	_, callback := b.toIdP(from, a.Inst, loginPath, "same-origin", 0)
	if callback == "" {
		return
	}
	b.send(to, a.Inst, request{kind: login, what: "callback", method: "GET", path: callback, of: from})
	b.send(from, a.Inst+1, request{kind: login, what: "callback", method: "GET", path: callback})
}

// strayToken brings a logout token for one app to another, or lets one IdP name a
// session of the other.
func (w *world) strayToken(a act) {
	b, from, to := w.people[a.Browser], w.apps[a.App], w.other(a)
	s, err := b.at(from).Session()
	if err != nil {
		return
	}
	by := from
	if a.V[1] > 7 && to.idp != from.idp { // signed by the right IdP for the right client
		by = to
	}
	var form []idpmock.LogoutFault
	if a.V[2] > 7 {
		form = append(form, idpmock.LogoutSidOnly)
	}
	token, err := by.provider.LogoutToken(by.client, idpmock.Session{SID: s.SID, Subject: s.Subject}, form...)
	if err != nil {
		panic(err)
	}
	w.oracle.say("stranger", "brings a logout token for %s to %s", by.name, to.name)
	body := url.Values{"logout_token": {token}}.Encode()
	to.balance(&response{header: http.Header{}}, w.anonymous("POST", to.url()+"/auth/backchannel-logout", body))
}
