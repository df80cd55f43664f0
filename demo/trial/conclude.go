package trial

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/tandem-sso/tandem/rp/reason"
)

// What extends a session cannot be asked. It shows when the session outlives, or does not
// outlive, the IdP's window counted from the last visit of the browser at the IdP, while only
// calls of one kind told the IdP of activity.

func (j *journal) loggedIn(sid string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at := j.now()
	j.begin(sid, at)
	if sid != "" {
		j.say(at, "Log-in; the ID token carries a sid")
		j.found("sid", "yes", "The ID token carries one: a logout token can name this very session.")
	} else {
		j.say(at, "Log-in; the ID token carries no sid")
		j.found("sid", "no", "The ID token carries none: a logout token can only name the person, and ends the "+
			"sessions in all browsers.")
	}
}

// called is a refresh or a userinfo call.
func (j *journal) called(how string, status int, code string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at, e := j.now(), &j.present
	j.say(at, "%s: %s", name(how), answered(status, code))
	if status == http.StatusOK {
		if e.live {
			e.late[how] = max(e.late[how], at.Sub(e.touch))
			e.gap, e.touch = max(e.gap, at.Sub(e.touch)), at
			e.told[how] = at
		}
		return
	}
	if refused(how, status, code) {
		j.over(at, fmt.Sprintf("%s: %s", name(how), answered(status, code)), true)
		if how == "refresh" && !e.begun.IsZero() {
			j.found("refused", "yes", "A refresh was refused once the session was over: %s.", answered(status, code))
		}
	}
}

// refused tells that a token is not good any more from trouble.
func refused(how string, status int, code string) bool {
	if how == "userinfo" {
		return status == http.StatusUnauthorized
	}
	return status >= 400 && status < 500 && code == "invalid_grant" // Auth0's has 403
}

// asked is a prompt=none round trip; code is empty if it succeeded.
func (j *journal) asked(errorCode string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at := j.now()
	if errorCode == "" {
		j.say(at, "prompt=none: the session at the IdP lives")
		j.outlived(at)
		j.present.visited(at)
		return
	}
	j.say(at, "prompt=none: %s", errorCode)
	// The other errors want the person to do something there (OpenID Connect Core 1.0 §3.1.2.6).
	if errorCode == "login_required" {
		j.present.asks = j.present.live
		j.over(at, "prompt=none: "+errorCode, false)
	}
}

// asksRefresh reports, once, whether a refresh is to be tried: the browser was told that it
// is logged in no more.
func (j *journal) asksRefresh() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	asks := j.present.asks
	j.present.asks = false
	return asks
}

// afterEnd is the answer to that refresh.
func (j *journal) afterEnd(status int, code string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at, e := j.now(), &j.present
	j.say(at, "A refresh after that: %s", answered(status, code))
	switch {
	case refused("refresh", status, code):
		j.over(at, "Refresh: "+answered(status, code), true)
		j.found("refused", "yes", "After login_required a refresh was refused, too: %s.", answered(status, code))
	case status == http.StatusOK && e.ranOut:
		j.outlives("refresh")
		j.found("refused", "no", "The session had run out, and a refresh succeeded all the same: the tokens live on "+
			"without it.")
	case status == http.StatusOK && e.doubt:
		j.hint("refused", "A refresh succeeded after login_required. Perhaps only the browser's cookie had run out, "+
			"because calls had succeeded just before: "+
			"log in, leave everything alone for longer than the window, open the app, then ask by prompt=none.")
	}
}

// outlived: the session lives. Is that owed to what was told since the visit?
func (j *journal) outlived(at time.Time) {
	e := &j.present
	if !e.live || j.window == 0 || at.Sub(e.visit) <= j.window {
		return
	}
	if silent := max(e.gap, at.Sub(e.touch)); silent >= j.window {
		j.say(at, "It lives although nobody told it anything for %v: the window is longer than %v", short(silent),
			j.window)
		return
	}
	if len(e.told) != 1 {
		return // which of them was it?
	}
	for how := range e.told {
		j.found(how, "yes", "The session lived %v after the last visit, its window is %v, and only %s told the IdP "+
			"in between.",
			short(at.Sub(e.visit)), j.window, plural(how))
	}
}

// nearly is the window, less what an end can seem to be early: IdPs and cookies count whole
// seconds, and the IdP counts from its own page, which the person leaves a little later.
func (j *journal) nearly() time.Duration { return j.window - max(2*time.Second, j.window/50) }

// over: a question showed that the session is over. A refused token proves it. The answer
// login_required does only if nothing can have extended the session: its cookie may be all that
// has run out.
func (j *journal) over(at time.Time, how string, proof bool) {
	if !slices.Contains(j.after, how) {
		j.after = append(j.after, how)
	}
	e := &j.present
	if !e.live && !(e.doubt && proof) {
		return
	}
	e.live, e.doubt = false, false
	if j.window == 0 {
		return
	}
	for how, late := range e.late {
		if proof || late < j.window {
			continue
		}
		j.outlives(how)
		if how == "refresh" {
			j.found("refused", "no", "A refresh succeeded %v after the last activity, when the session had run out: "+
				"prompt=none was answered login_required then.", short(late))
		}
	}
	if !proof && at.Sub(j.extended(e)) < j.nearly() {
		e.doubt = true
		for how := range e.told {
			j.hint(how, "login_required came %v after the last visit, though %s had succeeded %v before. Perhaps "+
				"only the browser's cookie had run out. "+
				"Log in, leave everything alone for longer than the window, open the app, then ask by prompt=none.",
				short(at.Sub(e.visit)), one(how), short(at.Sub(e.told[how])))
		}
		return
	}
	j.unextended(e, at)
	switch since := at.Sub(j.extended(e)); {
	case !e.leftAt.IsZero() || e.tokenAt.After(e.visit):
	case since >= j.nearly():
		e.ranOut = true
		j.found("expiry", "no", "The session had run out, and no logout token had come; it was found by %s.", how)
	default:
		j.found("logout", "no", "The session was ended at the IdP within its window, and no logout token had come; "+
			"it was found by %s.", how)
	}
}

// extended is when the session may have been extended last.
func (j *journal) extended(e *episode) time.Time {
	at := e.visit
	for how, last := range e.told {
		if !j.is(how, "no") && !j.unbound[how] && last.After(at) {
			at = last
		}
	}
	return at
}

// outlives: a call that succeeds without the session does not extend it either.
func (j *journal) outlives(how string) {
	if j.unbound == nil {
		j.unbound = map[string]bool{}
	}
	j.unbound[how] = true
}

// unextended: the session has run out. What was told within its window did not help.
func (j *journal) unextended(e *episode, at time.Time) {
	if j.window == 0 || at.Sub(e.visit) < j.nearly() || !e.leftAt.IsZero() {
		return
	}
	for how, last := range e.told {
		// What has been seen to extend does not cease to: then somebody has ended it.
		if at.Sub(last) < j.nearly() && !j.is(how, "yes") {
			j.found(how, "no", "The session was over %v after the last visit, though %s had succeeded %v before; its "+
				"window is %v.",
				short(at.Sub(e.visit)), one(how), short(at.Sub(last)), j.window)
		}
	}
}

// logoutToken arrived and was answered with a status. Its sid and the time at which it was
// issued say which session it is about.
func (j *journal) logoutToken(status int, sid string, issued time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at := j.now()
	j.say(at, "A logout token arrived, and was answered with %d", status)
	if status != http.StatusOK {
		j.found("token", "no", "One came that could not be believed (%d): its issuer, audience, signature or age is "+
			"wrong. The app's log says which.", status)
		return
	}
	e := j.meant(sid, issued)
	switch {
	case e == nil:
		j.say(at, "It is about a session that this app has not had: nothing follows from it")
		return
	case e != &j.present:
		j.say(at, "It is about a former session")
	}
	e.tokenAt, e.live = at, false
	sinceVisit, sinceTouch := at.Sub(e.visit), at.Sub(e.touch)
	switch {
	case !e.leftAt.IsZero() && at.Sub(e.leftAt) < time.Minute:
		j.found("logout", "yes", "A logout token came %v after the log-out in this app.", short(at.Sub(e.leftAt)))
	case e.ranOut:
		j.found("expiry", "yes", "A logout token came, after the end had been found otherwise.")
	case j.window == 0:
		j.found("logout", "yes", "A logout token came. At a log-out or when the session ran out? That can be told "+
			"once you give the IdP's window.")
	case sinceTouch >= j.nearly():
		j.found("expiry", "yes", "A logout token came %v after the last activity; the window is %v.", short(sinceTouch),
			j.window)
	// deadlines are swept and delivered a little late
	case sinceVisit >= j.nearly() && sinceVisit < j.window+max(30*time.Second, j.window/5):
		j.found("expiry", "yes", "A logout token came %v after the last visit; the window is %v.", short(sinceVisit),
			j.window)
		j.unextended(e, at)
	default:
		j.found("logout", "yes", "A logout token came %v after the last activity, within the window: the session was "+
			"ended elsewhere.", short(sinceTouch))
	}
}

// ended is the library's word. A logout here says nothing of the IdP, but when it was.
func (j *journal) ended(sid string, cause reason.Reason) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at := j.now()
	j.say(at, "The app's session ended: %s", cause)
	e := j.meant(sid, time.Time{})
	if cause != reason.UserLogout || e == nil {
		return
	}
	// Its logout token may be faster than this event.
	e.leftAt, e.live = at, false
	if at.Sub(e.tokenAt) < 5*time.Second && e.tokenAt.After(e.visit) {
		j.found("logout", "yes", "A logout token came at the log-out in this app.")
	}
}
