package trial

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/rp/event"
)

const (
	patience = 10 * time.Second // for a logout token after a log-out here
	maxLines = 60
)

// Line of what was seen, for people.
type Line struct {
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}

// journal keeps what passes between the app and the IdP: the app's events, its calls and its
// browser's visits. It supposes one person in one browser, who does not use the IdP by other
// programs meanwhile. What follows from it is in conclude.go.
type journal struct {
	window time.Duration // W; 0: unknown, then little can be concluded
	now    func() time.Time
	wake   func() // there is something new; may be nil

	mu    sync.Mutex // guards all below
	lines []Line
	known map[string]Answer // by ID
	hints map[string]string // how to see what is not known yet, by ID; else as in questions
	after []string          // errors that came once the session was over

	unbound    map[string]bool // kinds of calls that succeed without the session
	present    episode
	former     []episode // the latest last
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

func (j *journal) found(id, answer, text string, args ...any) {
	if j.known == nil {
		j.known = map[string]Answer{}
	}
	j.known[id] = Answer{ID: id, Answer: answer, Text: fmt.Sprintf(text, args...)}
}

func (j *journal) hint(id, text string, args ...any) {
	if j.hints == nil {
		j.hints = map[string]string{}
	}
	j.hints[id] = fmt.Sprintf(text, args...)
}

// is reports whether a question has that answer.
func (j *journal) is(id, answer string) bool { return j.known[id].Answer == answer }

// events are those of the library.
func (j *journal) events() event.Handlers {
	return event.Handlers{
		Login: func(e event.Login) { j.loggedIn(e.SID) },
		End:   func(e event.End) { j.ended(e.SID, e.Reason) },
	}
}

func (j *journal) discovered(backchannel, revocation, userinfo bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.discovery, j.backchan, j.revocation = true, backchannel, revocation
	if !revocation {
		j.found("revocation", "no", "Its discovery document names no revocation endpoint: tokens of an ended session "+
			"live until they run out.")
	}
	if !userinfo {
		j.found("userinfo", "no", "Its discovery document names no userinfo endpoint.")
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
		j.found("rotation", "yes", "A refresh gave a new refresh token. The old one must never be shown again, so "+
			"refreshes must not race.")
	case !again:
		j.found("rotation", "no", "A refresh gave no new refresh token; the same one stays good.")
	}
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
		j.found("revocation", "no", "It answered %d.", status)
	}
}
