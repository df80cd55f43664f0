package chaos

import (
	"sync"
	"time"
)

// moment is a time since the beginning of the run.
type moment = time.Duration

// kind says what a request was made for.
type kind string

const (
	click  kind = "click"  // a navigation of a person
	fetch  kind = "fetch"  // a script's call that a person caused
	poll   kind = "poll"   // a page's own call, which is no activity
	logout kind = "logout" // the button "log out", and where it leads
	ghost  kind = "ghost"  // an old cookie of a session that is over
)

// hop is one request and its answer.
type hop struct {
	Who, App, Instance, Path string
	Kind                     kind
	Cookie                   string // names the session cookie that was sent; "" for none
	From, To                 moment
	Status                   int // 0: there was no answer
	RetryAfter               bool
	Subject, SID             string // whose page was shown; SID only where the answer says it
	Reason                   string // of a 401, in the app's words
	Trouble                  string // why there was no answer
}

// served says that somebody's private page was shown.
func (h *hop) served() bool { return h.Status == 200 && h.Subject != "" }

// active says that the request was a person's doing, or was taken for that by an app
// that tells the IdP.
func (h *hop) active() bool {
	return h.Kind != poll && (h.Kind != ghost || h.served() && apps[h.App].tokens)
}

// visit is what a person wanted, with all its hops.
type visit struct {
	Who, App string
	Kind     kind
	Cookie   string // sent with the first hop
	From, To moment
	ToLogin  bool // a browser with a cookie was sent to the log-in, or its script was told 401
	Asked    bool // the IdP asked for a password
	Served   bool
	Last     hop // the one that decided
}

// departure is a log-out that a person asked for in an app.
type departure struct {
	Who, App, Cookie string
	From, To         moment
	Acknowledged     bool
}

// word is an event in the IdP's own journal.
type word struct {
	At                         moment
	Kind, Client, SID, Subject string
	Endpoint, Outcome          string
}

// fault is what was done to the world. To is when what it hit answered again.
type fault struct {
	What, Target string // Target is app/number, "redis", "postgres", "idp" or "machine"
	From, To     moment
}

// The kinds of faults that rules speak of by name.
const (
	whatKill     = "kill -9"
	whatStop     = "SIGSTOP"
	whatFailover = "failover"
	whatStall    = "stall"
)

// journal is all that the checker knows.
type journal struct {
	Hops       []hop
	Visits     []visit
	Departures []departure
	Words      []word
	Faults     []fault
	Calm       moment // from here on nothing is broken any more
	End        moment
}

// recorder writes a journal from many goroutines.
type recorder struct {
	began time.Time
	mu    sync.Mutex
	j     journal
}

func newRecorder() *recorder { return &recorder{began: time.Now()} }

func (r *recorder) now() moment { return time.Since(r.began) }

func (r *recorder) at(t time.Time) moment { return t.Sub(r.began) }

func (r *recorder) write(f func(j *journal)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(&r.j)
}
