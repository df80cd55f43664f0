package simulation

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/rp"
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
	chains   map[string]*chain // by every code and token that is part of it
	visits   map[*visit]bool   // under way
	troubles []*trouble
	dues     []duty
	counts   map[string]int
	labels   map[string]int
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
	sid     string
	was     []string // sids before
	browser *browser // nil until the callback has been answered
	chain   *chain

	began   time.Duration
	endAt   time.Duration // the store ended it; never
	assumed bool          // that it ended in the store, because an event says so
	tellAt  time.Duration // the end event; never
	reason  rp.Reason

	activity []*visit // active requests that carried its cookie, oldest first
	calls    []*call  // signals, oldest first
	oks      []*call  // successful ones, calls of an API that introspects included
	ok       *call    // the last of them
	known    *call    // the last successful one that the app can remember
	values   values
}

// chain is what came out of one code: the tokens of a session.
type chain struct {
	session *session
	code    string
	sid     string
	refresh []*token
	access  string
	fetched time.Duration // the last access token
	revoked map[string]bool
	lost    bool // an answer was lost: what the IdP has consumed is unknown
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
	return c.status == http.StatusOK && c.err == "" && (c.access != "" || c.kind == callUserinfo && c.sub != "" || c.kind == callResource)
}

// visit is one request of a browser.
type visit struct {
	b       *browser
	in      *instance
	q       request
	session string // whose cookie it carries
	start   time.Duration
	end     time.Duration // never while it is under way

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
	return &oracle{w: w, sessions: map[string]*session{}, early: map[string]*early{}, ghosts: map[string]*ghost{}, chains: map[string]*chain{}, visits: map[*visit]bool{},
		counts: map[string]int{}, labels: map[string]int{}, truth: truth{sessions: map[string]*idpSession{}}}
}

// lock begins every observation: what the IdP has done meanwhile comes first.
func (o *oracle) lock() (now time.Duration) {
	o.mu.Lock()
	now = o.w.at()
	o.pull()
	for i := 0; i < len(o.dues); {
		if d := o.dues[i]; d.by < now {
			o.dues = append(o.dues[:i], o.dues[i+1:]...)
			d.check(now)
		} else {
			i++
		}
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
}

func (o *oracle) label(kind string) string {
	o.labels[kind]++
	return fmt.Sprintf("%s/%d", kind, o.labels[kind])
}

func (o *oracle) trouble(t *trouble) {
	now := o.lock()
	defer o.unlock()
	t.from, t.to, t.open = now, never, true
	o.troubles = append(o.troubles, t)
	o.note("FAULT", "begins: %s", t.what)
}

func (o *oracle) over(t *trouble) {
	now := o.lock()
	defer o.unlock()
	if t.open {
		t.to, t.open = now, false
	}
	o.note("FAULT", "is over: %s", t.what)
}

// excused says whether anything on one of the paths was out of order for an app
// between from and to, or before that so recently that it may still be felt.
func (o *oracle) excused(a *app, paths path, from, to time.Duration) bool {
	for _, t := range o.troubles {
		if t.path&paths == 0 || t.app >= 0 && t.app != a.n || t.from > to {
			continue
		}
		if t.to == never || t.to+t.tail >= from {
			return true
		}
	}
	return false
}

// skew is how far two clocks may differ that an app's instances compare.
func (a *app) skew() time.Duration {
	lo := min(a.knobs.Skew[0], a.knobs.Skew[1], 0)
	hi := max(a.knobs.Skew[0], a.knobs.Skew[1], 0)
	return hi - lo
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
