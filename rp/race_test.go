package rp_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// rounds of each of the twelve pairs: together more than 1,000 interleavings.
const rounds = 84

// raceAbsolute is when a racer's session runs out.
const raceAbsolute = time.Hour

// racer is one session that something happens to while it ends, on two instances
// that share a store.
type racer struct {
	w        *world
	user     string
	cookies  map[string]string
	sid      string
	callback string
	begun    time.Time
	came     bool // the session began
	former   bool // the browser has another session, which runs out meanwhile
	a, b     int  // the instance that works on it, and the one that ends it
}

// send makes a request to one of the instances, in process.
func (r *racer) send(instance int, method, path string, form url.Values) *httptest.ResponseRecorder {
	req := httptest.NewRequestWithContext(r.w.Context(), method, base+strings.TrimPrefix(path, base),
		strings.NewReader(form.Encode()))
	for name, v := range with(navigating, "Sec-Fetch-Site", "same-origin", "Origin", base) {
		req.Header[name] = v
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for name, value := range r.cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	rec := httptest.NewRecorder()
	r.w.apps[instance].ServeHTTP(rec, req)
	return rec
}

// keep takes over the cookies of an answer.
func (r *racer) keep(rec *httptest.ResponseRecorder) {
	for _, c := range rec.Result().Cookies() {
		if c.MaxAge >= 0 {
			r.cookies[c.Name] = c.Value
		}
	}
}

func (r *racer) startLogin(t *testing.T) {
	rec := r.send(r.a, "GET", "/auth/login", nil)
	r.keep(rec)
	b := r.w.idp.Browser(r.user)
	var err error
	if r.callback, err = b.Authorize(r.w.Context(), rec.Header().Get("Location")); err != nil {
		t.Fatal(err)
	}
	s, err := b.Session()
	if err != nil {
		t.Fatal(err)
	}
	r.sid = s.SID
}

func (r *racer) login(t *testing.T) {
	r.startLogin(t)
	rec := r.send(r.a, "GET", r.callback, nil)
	if r.keep(rec); rec.Code != http.StatusSeeOther {
		t.Fatalf("the log-in failed: %d %s", rec.Code, rec.Body)
	}
}

// plant is a log-in for those who need no tokens.
func (r *racer) plant(t *testing.T) {
	id, err := r.w.auth[r.a].Plant(r.w.Context(), r.user, r.user+"-sid")
	if err != nil {
		t.Fatal(err)
	}
	r.cookies[cookie], r.sid = id, r.user+"-sid"
}

// What happens to a session.
var raceWork = map[string]struct {
	prepare func(*racer, *testing.T)
	age     time.Duration // of the session when it happens; 0: it is not there yet
	work    func(*testing.T, *racer)
}{
	"callback": {(*racer).startLogin, 0, func(_ *testing.T, r *racer) { r.keep(r.send(r.a, "GET", r.callback, nil)) }},
	// trust has run out
	"refresh": {(*racer).login, 6 * time.Minute, func(_ *testing.T, r *racer) { r.send(r.a, "GET", "/private", nil) }},
	"touch": {(*racer).plant, 2 * time.Minute, func(_ *testing.T, r *racer) {
		r.send(r.a, "POST", "/auth/activity", nil)
	}},
	"save": {(*racer).plant, time.Second, func(t *testing.T, r *racer) {
		req := httptest.NewRequestWithContext(r.w.Context(), "GET", base+"/private", nil)
		req.AddCookie(&http.Cookie{Name: cookie, Value: r.cookies[cookie]})
		values, err := r.w.auth[r.a].Values().Get(req, "cart")
		if err != nil {
			t.Error(err)
		}
		values.Values["item"] = r.user
		if err := values.Save(req, httptest.NewRecorder()); err != nil && !errors.Is(err, store.ErrEnded) &&
			!errors.Is(err, rp.ErrAnonymous) {
			t.Errorf("save: %v", err)
		}
	}},
}

// How it ends meanwhile.
var raceEnds = map[string]struct {
	reason reason.Reason
	end    func(*testing.T, *racer)
}{
	"back-channel": {reason.BackchannelLogout, func(t *testing.T, r *racer) {
		raw, err := r.w.idp.LogoutToken("notes", idpmock.Session{Subject: r.user, SID: r.sid})
		if err != nil {
			t.Error(err)
			return
		}
		if rec := r.send(r.b, "POST", "/auth/backchannel-logout",
			url.Values{"logout_token": {raw}}); rec.Code != http.StatusOK {
			t.Errorf("logout token: %d %s", rec.Code, rec.Body)
		}
	}},
	// Log-out everywhere, because a log-in under way has no session of its own.
	"logout": {reason.UserLogout, func(t *testing.T, r *racer) {
		id, err := r.w.auth[r.b].Plant(r.w.Context(), r.user, "")
		if err != nil {
			t.Error(err)
			return
		}
		other := &racer{w: r.w, cookies: map[string]string{cookie: id}}
		if rec := other.send(r.b, "POST", "/auth/logout",
			url.Values{"everywhere": {"1"}}); rec.Code != http.StatusSeeOther {
			t.Errorf("logout: %d %s", rec.Code, rec.Body)
		}
	}},
	"expiry": {reason.Absolute, func(_ *testing.T, r *racer) { r.send(r.b, "GET", "/private", nil) }},
}

// C5, C8, BCL-18, BCL-19: whatever is under way when a session ends, nothing
// brings it back on either instance, and its end is told once.
func TestNothingComesBack(t *testing.T) {
	total := 0
	for doing, work := range raceWork {
		for how, end := range raceEnds {
			total += rounds
			t.Run(doing+" against "+how, func(t *testing.T) {
				s := setup{instances: 2,
					idp: func(c *idpmock.Config) {
						c.IdleWindow, c.AbsoluteLifetime, c.SweepEvery = 8*time.Hour, 24*time.Hour, time.Minute
					},
					config: func(c *rp.Config) {
						c.Absolute, c.TrustFor, c.SignalEvery = raceAbsolute, 5*time.Hour, 4*time.Hour
						if doing == "refresh" {
							c.TrustFor, c.SignalEvery = 5*time.Minute, 5*time.Minute
						}
					}}
				inBubble(t, s, func(t *testing.T, w *world) {
					// The IdP's own logout tokens would end what is to end by another way.
					w.idp.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
					for _, ep := range []idpmock.Endpoint{idpmock.EndpointCode, idpmock.EndpointRefresh} {
						w.idp.Fault(idpmock.Fault{Endpoint: ep, Times: idpmock.Always, Delay: time.Millisecond})
					}
					var all []*racer
					for n := range rounds {
						all = append(all, &racer{w: w, user: fmt.Sprint("user-", n), cookies: map[string]string{},
							a: n % 2, b: n / 2 % 2})
					}
					if end.reason == reason.Absolute && work.age == 0 {
						for _, r := range all {
							r.plant(t)
							r.former = true
						}
						time.Sleep(raceAbsolute - 2*time.Millisecond)
					}
					for _, r := range all {
						work.prepare(r, t)
						r.begun = time.Now()
					}
					var both sync.WaitGroup
					for _, r := range all {
						at := r.begun.Add(work.age)
						if end.reason == reason.Absolute && work.age > 0 { // it runs out while they are at it
							at = r.begun.Add(raceAbsolute - 2*time.Millisecond)
						}
						ender := *r // which does not learn of new cookies
						ender.cookies = maps.Clone(r.cookies)
						pause := func() { time.Sleep(time.Until(at) + time.Duration(rand.N(2500))*time.Microsecond) }
						both.Go(func() { pause(); work.work(t, r) })
						both.Go(func() { pause(); end.end(t, &ender) })
					}
					both.Wait()
					for _, r := range all {
						r.came = r.cookies[cookie] != ""
					}
					if end.reason == reason.Absolute && work.age == 0 {
						time.Sleep(raceAbsolute) // the callback has won: now its session runs out
					}
					time.Sleep(30 * time.Second) // everything under way has landed, and the sweepers were here
					for _, r := range all {
						r.check(t, end.reason)
					}
				})
			})
		}
	}
	if total < 1000 {
		t.Errorf("%d interleavings", total)
	}
}

// check fails if anything is left of the session, or its end was not told once.
func (r *racer) check(t *testing.T, why reason.Reason) {
	for instance := range r.w.apps {
		if rec := r.send(instance, "GET", "/private", nil); rec.Code == http.StatusOK {
			t.Errorf("%s: it lives on instance %d", r.user, instance)
		}
	}
	if left, err := r.w.auth[0].EndSessions(t.Context(), rp.Whose{Subject: r.user}); left != 0 || err != nil {
		t.Errorf("%s: %d sessions came back, %v", r.user, left, err)
	}
	var told, want []reason.Reason
	r.w.note(func() {
		for _, e := range r.w.ends {
			if e.Subject == r.user {
				told = append(told, e.Reason)
			}
		}
	})
	if why == reason.UserLogout {
		want = append(want, why) // the session that asked for it
	}
	if r.came { // else the log-in was refused: its session never began
		want = append(want, why)
	}
	if r.former && len(told) == 2 { // by the new log-in, or by its own limit
		want = []reason.Reason{told[0], why}
		if told[0] != reason.Replaced && told[0] != reason.Absolute {
			t.Errorf("%s: the former session ended for %s", r.user, told[0])
		}
	}
	if !slices.Equal(told, want) {
		t.Errorf("%s: ends %v, want %v", r.user, told, want)
	}
}
