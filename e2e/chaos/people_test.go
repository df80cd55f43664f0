package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// How people behave.
const (
	longestPause = 5 * time.Second // of somebody who is there, far below what the promise allows
	pollEvery    = 1500 * time.Millisecond
	pollLate     = 6 * time.Second // a page that is left open polls so much longer than it is served
	burst        = 3               // calls of a page at once
	haunts       = 12 * time.Second
	hauntsEvery  = 700 * time.Millisecond
)

// person is one human being with one browser.
type person struct {
	*browser
	rnd    *rand.Rand
	uses   []string // apps; the first is one with tokens
	steady bool     // stays the whole time
	sid    string
	told   bool // the last fetch was refused: the person sees a page that asks to log in
}

func newPerson(w *world, n int, rnd *rand.Rand) *person {
	uses := [][]string{{"notes"}, {"tasks"}, {"notes", "tasks"}, {"tasks", "notes"}, {"tasks", "wiki"},
		{"notes", "wiki"}}[n%6]
	return &person{browser: newBrowser(w, fmt.Sprintf("person%02d", n)), rnd: rnd, uses: uses, steady: n%12 < 6}
}

func (p *person) between(least, most time.Duration) time.Duration {
	return least + time.Duration(p.rnd.Int64N(int64(most-least)))
}

// pause waits, and says whether the person is still wanted.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// live goes on until everything is over. Once calm is over, nobody leaves any more.
func (p *person) live(ctx context.Context, calm context.Context) {
	if !pause(ctx, p.between(0, 2*time.Second)) {
		return
	}
	p.stay(ctx, p.between(2*time.Second, 4*time.Second))
	for ctx.Err() == nil {
		if p.steady || calm.Err() != nil {
			p.stay(ctx, time.Second)
			continue
		}
		switch p.rnd.IntN(3) {
		case 0:
			p.walkAway(calm)
		case 1:
			p.logOut(ctx)
		case 2:
			p.expelled(ctx)
		}
		p.stay(ctx, p.between(2*time.Second, 8*time.Second))
	}
}

// stay is clicking around for a while.
func (p *person) stay(ctx context.Context, long time.Duration) {
	for until := p.w.rec.now() + long; p.w.rec.now() < until && ctx.Err() == nil; {
		p.act(ctx)
		if !pause(ctx, p.between(200*time.Millisecond, longestPause)/time.Duration(1+p.rnd.IntN(4))) {
			return
		}
	}
}

// act is one click, or one call that a script makes for the person.
func (p *person) act(ctx context.Context) {
	app := p.uses[0]
	if p.rnd.IntN(4) == 0 {
		app = p.uses[len(p.uses)-1]
	}
	k, path := click, "/me"
	switch {
	case p.told || p.sessionCookie(app) == nil:
	case p.rnd.IntN(5) < 2:
		k = fetch
	case p.rnd.IntN(2) == 0:
		path = "/private"
	}
	if k == fetch && p.rnd.IntN(2) == 0 {
		p.burst(ctx, app)
	}
	v := p.open(ctx, app, k, path)
	p.told = k == fetch && v.Last.Status == http.StatusUnauthorized
	if v.Last.SID != "" {
		p.sid = v.Last.SID
	}
	if !v.Served || !v.ToLogin && !v.Asked {
		return
	}
	if again := p.open(ctx, app, fetch, "/me"); again.Last.SID != "" { // what the new session is called
		p.sid = again.Last.SID
	}
}

// burst is a page whose script makes several calls at once; they meet all instances.
func (p *person) burst(ctx context.Context, app string) {
	var calls sync.WaitGroup
	for range burst {
		calls.Go(func() { p.open(ctx, app, fetch, "/me") })
	}
	calls.Wait()
}

// walkAway leaves the pages open, which go on polling for longer than they may be served.
func (p *person) walkAway(ctx context.Context) {
	for until := p.w.rec.now() + window + jittered + delivery + pollLate; p.w.rec.now() < until; {
		for _, app := range p.uses {
			if p.sessionCookie(app) != nil {
				p.open(ctx, app, poll, "/passive")
			}
		}
		if !pause(ctx, pollEvery) {
			return
		}
	}
}

// cookies of all apps that the person has a session in.
func (p *person) cookies() map[string]*http.Cookie {
	out := map[string]*http.Cookie{}
	for _, app := range p.uses {
		if c := p.sessionCookie(app); c != nil {
			out[app] = c
		}
	}
	return out
}

// logOut presses the button in one app. Its old cookie haunts the app from then on,
// and those of the other apps once the IdP's session is over, too.
func (p *person) logOut(ctx context.Context) {
	app := p.uses[p.rnd.IntN(len(p.uses))]
	old := p.cookies()
	if old[app] == nil {
		return
	}
	if p.leave(ctx, app, old[app], p.rnd.IntN(3) > 0).Acknowledged {
		p.w.haunt(p.who, app, old[app], "")
	}
	for other, c := range old {
		if other != app {
			p.w.haunt(p.who, other, c, p.sid)
		}
	}
	pause(ctx, p.between(100*time.Millisecond, 2*time.Second))
}

// expelled is an administrator who ends the person's session at the IdP.
func (p *person) expelled(ctx context.Context) {
	old := p.cookies()
	if p.sid == "" || !p.w.idp.endSession(ctx, p.sid) {
		return
	}
	for app, c := range old {
		p.w.haunt(p.who, app, c, p.sid)
	}
	pause(ctx, p.between(100*time.Millisecond, 2*time.Second))
}

// haunt sends an old cookie to the app's instances for a while. With a sid it begins
// once the IdP says that this session is over; before, it would be activity.
func (w *world) haunt(who, app string, cookie *http.Cookie, sid string) {
	w.ghosts.Go(func() {
		b := newBrowser(w, who)
		for until := w.rec.now() + haunts; w.rec.now() < until; {
			if sid == "" || w.idp.over(sid) {
				to := w.fronts[app].anyInstance()
				b.request(w.living, ghost, http.MethodGet, to+"/me", nil, cookie)
			}
			if !pause(w.living, hauntsEvery) {
				return
			}
		}
	})
}
