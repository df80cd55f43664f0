package simulation

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// oracle watches a history and says where the contract is broken. All its
// knowledge comes from outside the library: who asked what and was answered
// what, the calls on the wire, the provider's journal, the moments at which the
// store ended a session. Its times are virtual ones since the beginning, by one
// true clock, however wrong the instances' clocks are.
//
// Everything is judged as it happens; what needs to be waited for is judged at
// the next event after its time, and at the end.
type oracle struct {
	w  *world
	mu sync.Mutex // never held over I/O

	lines    []line
	broken   []violation
	truth    truth
	sessions map[string]*session // by the library's name of it
	born     []*session
	early    map[string]*early // ends that came before their session's log-in event
	ghosts   map[string]*ghost
	births   map[string]*birth
	creating [len(parties)]int // sessions that are being stored
	flows    map[string]*flow  // by state
	chains   map[string]*chain // by every code and token that is part of it
	ways     map[*running]*way
	mixed    map[string]string // by access token, why it must not be used
	orders   [len(parties)][]*order
	visits   map[*visit]bool // under way
	sockets  map[*socket]bool
	troubles []*trouble
	dues     []duty
	soonest  time.Duration // of the dues
	names    names
	said     map[string]bool // what IdPs have said of refusals
	counts   map[string]int
	labels   map[string]int

	revocations []*call
}

type violation struct {
	rule string
	text string
}

// never is later than everything.
const never = time.Duration(math.MaxInt64)

// session is one app session, as it really is.
type session struct {
	app     *app
	name    string
	label   string
	person  string
	sid     string
	was     []string // sids before
	browser *browser // nil until the callback has been answered
	chain   *chain
	rivals  []*chain // which may be the one instead
	perhaps []*chain // of tokens that wait, or waited, for the store

	loginAt time.Duration // its log-in was started; by a clock of the app until that is known
	issued  int64         // its log-in's ID token, in seconds of the IdP's clock
	stored  time.Duration
	began   time.Duration // its event
	endAt   time.Duration // the store ended it; never
	assumed bool          // that it ended in the store, because an event says so
	tellAt  time.Duration // the end event; never
	reason  reason.Reason

	activity  []*visit      // active requests that carried its cookie, oldest first
	calls     []*call       // signals, oldest first
	oks       []*call       // successful ones, calls of an API that introspects included
	ok        *call         // the last of them
	known     *call         // the last successful one that the app can remember
	asked     time.Duration // a silent log-in was begun
	renewedAt time.Duration // one has brought other tokens
	reached   time.Duration // until then the app may have noted that a revocation has hit it; 0: none has
	back      bool          // the store has lost its end
	backAt    time.Duration // when
	endedAnew bool          // then, for another reason: that may be told, too
	values    values
}

// chain is what came out of one code: the tokens of a session.
type chain struct {
	app     *app // that the code is for
	session *session
	code    string
	sid     string
	iat     int64 // of the log-in's ID token
	refresh []*token
	access  string
	fetched time.Duration // the last access token
	fits    bool          // userinfo has accepted a token of it
	lasts   time.Duration // until when the refresh token does, as announced; 0: nobody has said
	revoked map[string]bool
	tries   map[string]int // to revoke a token
	worn    bool           // its token was refused about when it was to end
	refused bool           // its token was refused in words that are no verdict
	doubted bool           // since the last good answer one was lost or of no use: the token may be spent
	perhaps bool           // then: the app may have doubts, and need not
	unnoted bool           // who has heard an answer could not note that, so that it counts as lost
	forked  bool           // two instances have got new tokens for the same one, and it is not known whose were stored
}

// token is a refresh token and what became of it.
type token struct {
	value  string
	at     time.Duration // when it arrived
	shown  []*call
	orphan bool // arrived after the end of the session
	by     *running
}

// call is one call on the wire.
type call struct {
	*sent
	in       *instance
	by       *running
	chain    *chain
	from, to time.Duration // to: never while under way
	asked    time.Duration // from, or that of the call of which this is the one retry
}

// good: the answer is one that a client can use.
func (c *call) good() bool {
	return c.status == http.StatusOK && c.err == "" &&
		(c.access != "" || c.refresh != "" || c.kind == callUserinfo && c.sub != "" || c.kind == callResource)
}

// visit is one request of a browser.
type visit struct {
	b       *browser
	in      *instance
	q       request
	session string // whose cookie it carries
	start   time.Duration
	end     time.Duration // never while it is under way

	stranger *app // which has given out the cookie, if it is not this one

	status  int
	header  http.Header
	body    []byte
	got     string // the session of a cookie that it was given
	dropped bool
	gaveUp  bool
	down    bool
	marks   map[string]string // headers for the handler: what to save
	told    string            // a stream's last word
	toldAt  time.Duration
	again   bool // it is judged for the second time
}

// duty is something that has to have happened by a time.
type duty struct {
	by    time.Duration
	check func(now time.Duration)
}

func newOracle(w *world) *oracle {
	return &oracle{w: w, sessions: map[string]*session{}, early: map[string]*early{}, ghosts: map[string]*ghost{},
		births: map[string]*birth{}, flows: map[string]*flow{}, chains: map[string]*chain{},
		ways: map[*running]*way{}, mixed: map[string]string{}, visits: map[*visit]bool{},
		said: map[string]bool{}, sockets: map[*socket]bool{},
		counts: map[string]int{}, labels: map[string]int{}, soonest: never,
		truth: truth{sessions: map[string]*idpSession{}}, names: names{of: map[store.Key]*app{}}}
}

// lock begins every observation: what the IdPs have done meanwhile comes first.
func (o *oracle) lock() (now time.Duration) {
	o.mu.Lock()
	now = o.w.at()
	o.pull()
	if o.soonest >= now {
		return now
	}
	for i := 0; i < len(o.dues); {
		if d := o.dues[i]; d.by < now {
			o.dues = append(o.dues[:i], o.dues[i+1:]...)
			d.check(now)
		} else {
			i++
		}
	}
	o.soonest = never
	for _, d := range o.dues {
		o.soonest = min(o.soonest, d.by)
	}
	return now
}

func (o *oracle) unlock() { o.mu.Unlock() }

func (o *oracle) note(who, format string, args ...any) {
	o.lines = append(o.lines, line{o.w.at(), who, format, args})
}

// say writes a line of the timeline.
func (o *oracle) say(who, format string, args ...any) {
	o.lock()
	defer o.unlock()
	o.note(who, format, args...)
}

// breach reports a broken rule. The first one ends the history.
func (o *oracle) breach(rule, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	o.note("ORACLE", "%s IS BROKEN: %s", rule, text)
	o.broken = append(o.broken, violation{rule, text})
	o.w.abort()
}

func (o *oracle) later(by time.Duration, check func(now time.Duration)) {
	o.dues = append(o.dues, duty{by, check})
	o.soonest = min(o.soonest, by)
}

func (o *oracle) count(what string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.counts[what]++
}

func (o *oracle) label(kind string) string {
	o.labels[kind]++
	return fmt.Sprintf("%s/%d", kind, o.labels[kind])
}

// report is what a reader needs to understand a failure.
func (o *oracle) report() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var b strings.Builder
	b.WriteString(o.w.h.String())
	b.WriteString(timeline(o.lines))
	for _, v := range o.broken {
		fmt.Fprintf(&b, "%s: %s\n", v.rule, v.text)
	}
	return b.String()
}
