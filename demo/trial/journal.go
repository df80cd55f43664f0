package trial

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/reason"
)

const (
	patience = 10 * time.Second // for a logout token after a logout here
	maxLines = 60
)

// Line of what was seen, for people.
type Line struct {
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}

// journal draws conclusions from what passes between the app and the IdP. It
// takes the app's events, its calls and its browser's visits, and supposes one
// person in one browser, who does not use the IdP by other programs meanwhile.
//
// What extends a session cannot be asked. It shows when the session outlives, or
// does not outlive, the IdP's window counted from the last visit of the browser
// at the IdP, while only calls of one kind told the IdP of activity.
type journal struct {
	window time.Duration // W; 0: unknown, then little can be concluded
	now    func() time.Time
	wake   func() // there is something new; may be nil

	mu    sync.Mutex // guards all below
	lines []Line
	known map[string]Answer // by ID
	after []string          // errors that came once the session was over

	live       bool      // there is an IdP session, as far as known
	visit      time.Time // of the browser at the IdP, the latest
	touch      time.Time // the latest visit or call that succeeded
	gap        time.Duration
	told       map[string]time.Time // calls that succeeded since the visit, by kind
	leftAt     time.Time            // a logout here
	tokenAt    time.Time            // a logout token, the latest
	revocation bool
	backchan   bool
	discovery  bool
}

func (j *journal) say(at time.Time, text string, args ...any) {
	j.lines = append(j.lines, Line{at, fmt.Sprintf(text, args...)})
	if j.wake != nil {
		j.wake()
	}
	if len(j.lines) > maxLines {
		j.lines = slices.Clone(j.lines[len(j.lines)-maxLines:])
	}
}

func (j *journal) latest() []Line {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]Line{}, j.lines...)
}

// events are those of the library.
func (j *journal) events() event.Handlers {
	return event.Handlers{
		Login: func(e event.Login) { j.loggedIn(e.SID != "") },
		End:   func(e event.End) { j.ended(e.Reason) },
	}
}

func (j *journal) discovered(backchannel, revocation, userinfo bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.discovery, j.backchan, j.revocation = true, backchannel, revocation
	if !revocation {
		j.found("revocation", "no", "Its discovery document names no revocation endpoint: tokens of an ended session live until they run out.")
	}
	if !userinfo {
		j.found("userinfo", "no", "Its discovery document names no userinfo endpoint.")
	}
}

// visited begins a new count: the browser was at the IdP, which extends by itself.
func (j *journal) visited(at time.Time) {
	j.live, j.visit, j.touch, j.gap, j.told, j.leftAt = true, at, at, 0, map[string]time.Time{}, time.Time{}
}

func (j *journal) loggedIn(sid bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at := j.now()
	j.visited(at)
	if sid {
		j.say(at, "Log-in; the ID token carries a sid")
		j.found("sid", "yes", "The ID token carries one: a logout token can name this very session.")
	} else {
		j.say(at, "Log-in; the ID token carries no sid")
		j.found("sid", "no", "The ID token carries none: a logout token can only name the person, and ends the sessions in all browsers.")
	}
}

func (j *journal) exchanged(status int, code string, refresh bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at := j.now()
	if status != http.StatusOK {
		j.say(at, "The code was refused: %s", answered(status, code))
		return
	}
	if refresh {
		j.say(at, "Tokens for the code, a refresh token among them")
	} else {
		j.say(at, "Tokens for the code; no refresh token")
	}
}

func (j *journal) rotated(yes, again bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case yes:
		j.found("rotation", "yes", "A refresh gave a new refresh token. The old one must never be shown again, so refreshes must not race.")
	case !again:
		j.found("rotation", "no", "A refresh gave no new refresh token; the same one stays good.")
	}
}

// called is a refresh or a userinfo call.
func (j *journal) called(how string, status int, code string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at := j.now()
	j.say(at, "%s: %s", name(how), answered(status, code))
	if status == http.StatusOK {
		if j.live {
			j.gap, j.touch = max(j.gap, at.Sub(j.touch)), at
			j.told[how] = at
		}
		return
	}
	if status == http.StatusBadRequest && code == "invalid_grant" || status == http.StatusUnauthorized && how == "userinfo" {
		j.over(at, fmt.Sprintf("%s: %s", name(how), answered(status, code)))
	}
}

// asked is a prompt=none round trip; code is empty if it succeeded.
func (j *journal) asked(errorCode string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at := j.now()
	if errorCode == "" {
		j.say(at, "prompt=none: the session at the IdP lives")
		j.outlived(at)
		j.visited(at)
		return
	}
	j.say(at, "prompt=none: %s", errorCode)
	switch errorCode {
	case "login_required", "interaction_required", "consent_required", "account_selection_required":
		j.over(at, "prompt=none: "+errorCode)
	}
}

// outlived: the session lives. Is that owed to what was told since the visit?
func (j *journal) outlived(at time.Time) {
	if !j.live || j.window == 0 || at.Sub(j.visit) <= j.window {
		return
	}
	if max(j.gap, at.Sub(j.touch)) >= j.window {
		j.say(at, "It lives although nobody told it anything for %v: the window is longer than %v", short(max(j.gap, at.Sub(j.touch))), j.window)
		return
	}
	if len(j.told) != 1 {
		return // which of them was it?
	}
	for how := range j.told {
		j.found(how, "yes", fmt.Sprintf("The session lived %v after the last visit, its window is %v, and only %s told the IdP in between.", short(at.Sub(j.visit)), j.window, plural(how)))
	}
}

// over: a question showed that the IdP session is over.
func (j *journal) over(at time.Time, how string) {
	if !slices.Contains(j.after, how) {
		j.after = append(j.after, how)
	}
	if !j.live {
		return
	}
	j.live = false
	j.unextended(at)
	if !j.leftAt.IsZero() || j.tokenAt.After(j.visit) {
		return
	}
	switch {
	case j.window == 0:
	case at.Sub(j.extended()) >= j.window:
		j.found("expiry", "no", fmt.Sprintf("The session had run out, and no logout token had come; it was found by %s.", how))
	default:
		j.found("logout", "no", fmt.Sprintf("The session was ended at the IdP within its window, and no logout token had come; it was found by %s.", how))
	}
}

// extended is when the session was extended last, as far as is known.
func (j *journal) extended() time.Time {
	at := j.visit
	for how, last := range j.told {
		if j.known[how].Answer == "yes" && last.After(at) {
			at = last
		}
	}
	return at
}

// unextended: the session has run out. What was told within its window did not help.
func (j *journal) unextended(at time.Time) {
	if j.window == 0 || at.Sub(j.visit) < j.window || !j.leftAt.IsZero() {
		return
	}
	for how, last := range j.told {
		// What has been seen to extend does not cease to: then somebody has ended it.
		if at.Sub(last) < j.window && j.known[how].Answer != "yes" {
			j.found(how, "no", fmt.Sprintf("The session was over %v after the last visit, though %s had succeeded %v before; its window is %v.", short(at.Sub(j.visit)), one(how), short(at.Sub(last)), j.window))
		}
	}
}

// logoutToken arrived and was answered with a status.
func (j *journal) logoutToken(status int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at := j.now()
	j.say(at, "A logout token arrived, and was answered with %d", status)
	if status != http.StatusOK {
		j.found("token", "no", fmt.Sprintf("One came that could not be believed (%d): its issuer, audience, signature or age is wrong. The app's log says which.", status))
		return
	}
	j.tokenAt = at
	was := j.live
	j.live = false
	sinceVisit, sinceTouch := at.Sub(j.visit), at.Sub(j.touch)
	switch {
	case !j.leftAt.IsZero() && at.Sub(j.leftAt) < time.Minute:
		j.found("logout", "yes", fmt.Sprintf("A logout token came %v after the logout in this app.", short(at.Sub(j.leftAt))))
	case !was && j.known["expiry"].Answer == "no":
		j.found("expiry", "yes", "A logout token came, after the end had been found otherwise.")
	case j.window == 0:
		j.found("logout", "yes", "A logout token came. At a logout or when the session ran out? That can be told once you give the IdP's window.")
	case j.near(sinceTouch):
		j.found("expiry", "yes", fmt.Sprintf("A logout token came %v after the last activity; the window is %v.", short(sinceTouch), j.window))
	case j.near(sinceVisit):
		j.found("expiry", "yes", fmt.Sprintf("A logout token came %v after the last visit; the window is %v.", short(sinceVisit), j.window))
		j.unextended(at)
	default:
		j.found("logout", "yes", fmt.Sprintf("A logout token came %v after the last activity, within the window: the session was ended elsewhere.", short(sinceTouch)))
	}
}

// near the window: deadlines are swept and delivered a little late.
func (j *journal) near(d time.Duration) bool {
	return d >= j.window-time.Second && d < j.window+max(30*time.Second, j.window/5)
}

func (j *journal) frontchannel(status int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.say(j.now(), "The front-channel logout address was loaded: %d", status)
	if status < 400 {
		j.found("frontchannel", "yes", "The IdP's page loaded this app's logout address.")
	}
}

func (j *journal) revoked(status int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.say(j.now(), "Revocation: %d", status)
	if status == http.StatusOK {
		j.found("revocation", "yes", "It took back a token of the ended session.")
	} else {
		j.found("revocation", "no", fmt.Sprintf("It answered %d.", status))
	}
}

func (j *journal) ended(cause reason.Reason) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at := j.now()
	j.say(at, "The app's session ended: %s", cause)
	if cause == reason.UserLogout {
		// Its logout token may be faster than this event.
		j.leftAt, j.live = at, false
		if at.Sub(j.tokenAt) < 5*time.Second && j.tokenAt.After(j.visit) {
			j.found("logout", "yes", "A logout token came at the logout in this app.")
		}
	}
}

func (j *journal) found(id, answer, text string) {
	if j.known == nil {
		j.known = map[string]Answer{}
	}
	j.known[id] = Answer{ID: id, Answer: answer, Text: text}
}
