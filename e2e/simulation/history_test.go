package simulation

import (
	"fmt"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/idps"
)

// horizon is how long people act in a history; after it everybody is gone.
const horizon = 8 * time.Hour

// maxSkew is how wrong the clock of an instance can be. Any two clocks then differ
// by no more than the library tolerates (rp.Config.Skew, 60 s by default).
const maxSkew = 30 // seconds

// maxAhead is how wrong the clock of an IdP can be, and maxApart how far it and that
// of an app may differ.
const (
	maxAhead = 50 // seconds
	maxApart = 57 * time.Second
)

// history is everything that is decided beforehand: who is configured how, and
// who does what when. It is plain data, so that it shrinks.
type history struct {
	Window       time.Duration // W
	IdPAbsolute  time.Duration
	ExpiresIn    bool          // the IdP tells refresh_expires_in
	ReuseGrace   time.Duration // the IdP accepts a consumed refresh token once more
	IdPs         [len(idpHosts)]idpKnobs
	OwnKeys      bool          // each app has keys of its own
	Patience     time.Duration // how long people wait at the end of a log-in; 0: for ever
	Late         time.Duration // how late an instance knows of what another one has written
	Apps         [len(parties)]appKnobs
	Acts         []act
	People       int // 1 or 2
	BrowsersEach int // 1 or 2
}

type idpKnobs struct {
	Like    string        // another one
	Rotates bool          // refresh tokens, where an administrator can choose
	Ahead   time.Duration // of its clock
	Takes   idpmock.Reach // what the revocation of a token takes along
}

var reaches = []idpmock.Reach{idpmock.ReachFamily, idpmock.ReachClientSession, idpmock.ReachUserClient}

type appKnobs struct {
	SignalEvery time.Duration // 0: the default
	TrustFor    time.Duration // 0: the default
	KnowsWindow bool          // Config.IdPWindow is set
	Idle        time.Duration
	Absolute    time.Duration // 0: the default
	Trailing    bool
	Silent      bool          // SilentCheck, for the app without tokens
	Introspects bool          // APIIntrospects
	TokenLife   time.Duration // of access tokens
	Sessions    int           // MaxSessionsPerSubject
	MaxCalls    int           // 0: the default
	Revocation  idps.RevocationScope
	Skew        [2]time.Duration
}

// act is one thing that happens Gap after the one before.
type act struct {
	Gap     time.Duration
	Kind    actKind
	Browser int
	App     int
	Inst    int // 0, 1; 2: alternating
	Count   int
	Every   time.Duration
	V       [4]int // each below 16: whatever else is to be chosen
}

type actKind int

const (
	click         actKind = iota // a navigation; logs in if need be
	fetch                        // a script's request because of a click
	callAPI                      // a click whose handler calls the API
	save                         // a click whose handler keeps a value of the app's in the session
	list                         // the page that shows people where they are logged in
	poll                         // a tab that polls
	stream                       // a tab with an event stream
	status                       // a tab that polls the library's status
	logout                       // the logout button
	login                        // the person asks for the log-in page and takes time over it
	restored                     // a browser opens all its tabs again, each at the log-in
	overtaken                    // the same, and the session at the IdP ends before the app has the tokens
	adminEnd                     // the app ends the session
	idpEnd                       // an administrator ends the session at the IdP
	consent                      // the IdP sends one app a logout token and keeps the session
	frontchannel                 // somebody who knows a sid logs it out at an app
	endPerson                    // the app ends all sessions of a person or of a sid
	strayCookie                  // the cookie of one app is sent to another
	strayCallback                // the callback of one app's log-in goes to another
	strayToken                   // a logout token for one app goes to another
	restart                      // an instance goes away and comes back
	closed                       // an app is down for hours
	rollKeys                     // an app gets a new key
	faultIdP                     // calls of the IdP go wrong
	faultDelivery                // logout tokens go astray
	faultStore                   // the store goes wrong
	faultAPI                     // the API goes wrong
	faultAnswer                  // answers to a refresh have something wrong in them
	hang                         // an IdP accepts calls and does not answer
	visitor                      // a click on a public page that shows who is logged in
	faultSilence                 // an IdP wants to see the person, and says so to who asks silently
	socketed                     // a click whose handler hands a WebSocket over and returns
	newer                        // an instance of a newer version writes a session's record
	moves                        // an IdP moves its token endpoint
	oddToken                     // a logout token with a long exp, or with an unknown sid
	killed                       // a process of an app
	failover                     // the store loses the ends of the last moment
	slip                         // somebody starts an instance with something wrong
	kinds
)

var kindNames = [kinds]string{
	"click", "fetch", "call-api", "save", "list", "poll", "stream", "status", "logout", "login", "restored",
	"overtaken", "admin-end", "idp-end", "consent", "frontchannel", "end-person",
	"stray-cookie", "stray-callback", "stray-token",
	"restart", "closed", "roll-keys", "fault-idp", "fault-delivery", "fault-store", "fault-api",
	"fault-answer", "hang", "visitor", "fault-silence",
	"socket", "newer", "moves", "odd-token", "killed", "failover", "slip",
}

func (k actKind) String() string { return kindNames[k] }

// Shrinking goes towards the first element. Those at both ends are drawn most often.
var (
	peaceful = []actKind{
		click, fetch, callAPI, save, click, poll, click, save, fetch, callAPI, click, poll, stream, status, list,
		logout, login, restored, overtaken, adminEnd, idpEnd, consent, frontchannel, endPerson,
		strayCookie, strayCallback, strayToken, save, poll, callAPI, fetch, click,
	}
	troubled = append([]actKind{
		click, faultIdP, faultIdP, faultStore, restart, faultIdP, faultStore, faultDelivery, faultStore, faultAPI,
		closed, rollKeys,
		faultAnswer, hang, faultAnswer,
	}, peaceful...)
)

// drawHistory draws what is to happen; f is nil for the whole world.
func drawHistory(t *rapid.T, f *focus) *history {
	minutes := func(label string, of ...int) time.Duration {
		return time.Duration(rapid.SampledFrom(of).Draw(t, label)) * time.Minute
	}
	h := &history{
		Window:       minutes("W", 15, 10, 30),
		IdPAbsolute:  minutes("IdP absolute", 30*60, 10*60, 3*60),
		ExpiresIn:    rapid.Bool().Draw(t, "refresh_expires_in"),
		ReuseGrace:   minutes("grace", 0, 1),
		People:       rapid.IntRange(1, 2).Draw(t, "people"),
		BrowsersEach: rapid.IntRange(1, 2).Draw(t, "browsers each"),
	}
	h.OwnKeys = rapid.IntRange(0, 3).Draw(t, "own keys") == 3
	h.Late = rapid.SampledFrom([]time.Duration{0, 0, 20 * time.Millisecond, mostLate}).Draw(t, "late")
	skewed := rapid.Bool().Draw(t, "skewed clocks")
	for i := range h.IdPs {
		if skewed {
			h.IdPs[i].Ahead = time.Duration(rapid.IntRange(-maxAhead, maxAhead).Draw(t, "IdP ahead")) * time.Second
		}
		h.IdPs[i].Takes = rapid.SampledFrom(reaches).Draw(t, "takes")
		h.IdPs[i].Like = rapid.SampledFrom(kindsOfIdP).Draw(t, "like")
		h.IdPs[i].Rotates = rapid.Bool().Draw(t, "rotates")
	}
	for i := range h.Apps {
		k := &h.Apps[i]
		k.SignalEvery = minutes("δ", 0, 0, 2, 4)
		k.TrustFor = minutes("trust", 0, 0, 2, 8)
		k.KnowsWindow = rapid.Bool().Draw(t, "knows W")
		k.Absolute = minutes("absolute", 0, 24*60, 4*60, 2*60)
		k.Trailing = rapid.Bool().Draw(t, "trailing")
		k.TokenLife = minutes("token life", 60, 5, 20)
		k.Idle = minutes("idle", 0, 0, 0, 20)
		k.Sessions = rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "sessions")
		k.Revocation = rapid.SampledFrom(h.IdPs[parties[i].idp].spares()).Draw(t, "revocation")
		switch parties[i].kind {
		case rp.ReferenceToken:
			k.TokenLife = minutes("reference token life", 24*60, 24*60, 2*60)
			k.Introspects = rapid.Bool().Draw(t, "API introspects")
		case rp.NoToken:
			k.Silent = rapid.Bool().Draw(t, "silent check")
		}
		switch like := h.IdPs[parties[i].idp].Like; {
		case like == likeKeycloak:
			k.TokenLife = 5 * time.Minute
			k.Silent = k.Silent || parties[i].kind == rp.ReferenceToken && rapid.Bool().Draw(t, "silent check")
		case like == likeEntra && parties[i].kind != rp.NoToken:
			k.Silent = rapid.Bool().Draw(t, "silent check")
		}
		if skewed {
			for n := range k.Skew {
				skew := time.Duration(rapid.IntRange(-maxSkew, maxSkew).Draw(t, "skew")) * time.Second
				ahead := h.IdPs[parties[i].idp].Ahead // they differ by less than is tolerated
				k.Skew[n] = min(max(skew, ahead-maxApart), ahead+maxApart)
			}
		}
	}
	of := troubled
	if rapid.IntRange(0, 3).Draw(t, "peace") == 0 {
		of = peaceful
	}
	shape := func(*history, *act) {}
	if f != nil {
		f.knobs(h)
		of, shape = f.acts, f.shape
	}
	some := rapid.SliceOf(rapid.Custom(func(t *rapid.T) act {
		a := drawAct(t, h, of)
		shape(h, &a)
		return a
	}))
	for range 12 { // of five on average each: a busy history, which still shrinks to nothing
		h.Acts = append(h.Acts, some.Draw(t, "acts")...)
	}
	return h
}

func drawAct(t *rapid.T, h *history, of []actKind) act {
	a := act{
		Kind:    rapid.SampledFrom(of).Draw(t, "kind"),
		Gap:     drawGap(t, h),
		Browser: rapid.IntRange(0, h.People*h.BrowsersEach-1).Draw(t, "browser"),
		App:     rapid.IntRange(0, len(h.Apps)-1).Draw(t, "app"),
		Inst:    rapid.IntRange(0, 2).Draw(t, "instance"),
		Count:   1,
	}
	for i := range a.V { // small ranges, because rapid prefers small numbers of large ones
		a.V[i] = rapid.IntRange(0, 15).Draw(t, "variant")
	}
	switch a.Kind {
	case click, fetch, callAPI, save, visitor:
		switch rapid.IntRange(0, 3).Draw(t, "burst") {
		case 1: // at the same moment
			a.Count = rapid.IntRange(2, 20).Draw(t, "count")
		case 2, 3: // for a while
			a.Count = rapid.IntRange(2, 40).Draw(t, "count")
			a.Every = drawGap(t, h)
		}
	case poll, status:
		a.Count = rapid.IntRange(1, 300).Draw(t, "count")
		a.Every = time.Duration(rapid.IntRange(5, 120).Draw(t, "every")) * time.Second
	case stream, faultIdP, faultStore, faultAPI, faultDelivery, restart, rollKeys, login, consent,
		faultAnswer, hang, faultSilence:
		a.Every = drawGap(t, h) // its duration
		a.Count = rapid.IntRange(1, 5).Draw(t, "count")
	case restored:
		a.Count = rapid.IntRange(2, 6).Draw(t, "tabs")
	}
	return a
}

// drawGap draws a time between two events, with care for where rules change.
func drawGap(t *rapid.T, h *history) time.Duration {
	n := rapid.IntRange(0, 30).Draw(t, "gap")*32 + rapid.IntRange(0, 31).Draw(t, "gap")
	around := func(d time.Duration) time.Duration { return max(0, d+time.Duration(n-500)*60*time.Millisecond) }
	switch rapid.IntRange(0, 9).Draw(t, "gap of") {
	case 0:
		return time.Duration(n) * time.Millisecond
	case 1, 2:
		return time.Duration(n) * 60 * time.Millisecond // up to a minute
	case 3, 4, 5:
		return time.Duration(n) * 600 * time.Millisecond // up to 10 minutes
	case 6:
		return around(h.Window / 5)
	case 7:
		return around(h.Window)
	case 8:
		return around(h.Window - h.Window/5)
	}
	return time.Duration(n) * 5400 * time.Millisecond // up to 90 minutes
}

func (h *history) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "W %v, IdP absolute %v, refresh_expires_in %v, reuse grace %v, %d people with %d browsers each\n",
		h.Window, h.IdPAbsolute, h.ExpiresIn, h.ReuseGrace, h.People, h.BrowsersEach)
	fmt.Fprintf(&b, "IdPs %+v, keys of their own %v, news at most %v late\n", h.IdPs, h.OwnKeys, h.Late)
	for i, k := range h.Apps {
		fmt.Fprintf(&b, "%-5s %+v\n", parties[i].name, k)
	}
	return b.String()
}
