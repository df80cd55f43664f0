// Package planner says beforehand who is logged out when, for a window, a token's life, an
// IdP and a kind of client. planner.go and settings.go compute it and are pure. A Theatre plays
// it: one story with two policies, side by side, and each is held against its plan.
package planner

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/idps"
)

// Policy is what is to be planned. Zero durations have the library's defaults, where there
// are any.
type Policy struct {
	IdP       string        `json:"idp"`        // one of idps.Names
	Kind      string        `json:"kind"`       // as rp.Kind prints
	Window    time.Duration `json:"window"`     // W, the IdP's idle window
	TokenLife time.Duration `json:"token_life"` // of access tokens
	Active    time.Duration `json:"active"`     // the person works so long after the log-in, then leaves
	// Elsewhere: the person works in programs that have no session of ours, and send her to the
	// IdP at each step. Our apps hear nothing of it.
	Elsewhere bool `json:"elsewhere,omitempty"`

	SignalEvery time.Duration `json:"signal_every"`
	TrustFor    time.Duration `json:"trust_for"` // default 5 min
	Idle        time.Duration `json:"idle"`      // 0: none
	Absolute    time.Duration `json:"absolute"`  // default 8 h
	Trailing    bool          `json:"trailing"`  // without effect where nothing but prompt=none tells
	SilentCheck bool          `json:"silent_check"`
}

// Moment is when something comes about, after the log-in: between From and To, which are
// the same where it is exact. Never: it does not come about.
type Moment struct {
	Who   string        `json:"who"`
	From  time.Duration `json:"from"`
	To    time.Duration `json:"to"`
	Never bool          `json:"never,omitempty"`
	Text  string        `json:"text"`
}

// Plan is the answer.
type Plan struct {
	Tells    string   `json:"tells"` // how the app tells the IdP of activity
	Moments  []Moment `json:"moments"`
	Settings []string `json:"settings"`
}

// Who is logged out.
const (
	AtIdP     = "IdP"
	InApp     = "This app"
	InAnother = "Another app, not used"
	Homemade  = "The app without the library"
)

const day = 24 * time.Hour

// Make plans. An error says which field is wrong, and the cure.
func Make(p Policy) (Plan, error) {
	p, can, err := p.complete()
	if err != nil {
		return Plan{}, err
	}
	way, every := p.tells(can, p.Kind)
	idp := p.atIdP(every)
	return Plan{
		Tells:    way,
		Moments:  []Moment{idp, p.inApp(can, idp), p.inAnother(can, p.Kind, idp), p.homemade(can)},
		Settings: p.settings(can, every),
	}, nil
}

// Everybody plans for the sessions of the demo: that at the IdP, one in an app of each kind,
// by the name of the kind, and that in the app without the library. The person works in the
// app of p.Kind. The second result is δ, how often that app reports at the most.
func Everybody(p Policy) ([]Moment, time.Duration, error) {
	p, can, err := p.complete()
	if err != nil {
		return nil, 0, err
	}
	_, every := p.tells(can, p.Kind)
	idp := p.atIdP(every)
	out := []Moment{idp}
	for _, kind := range kinds {
		m := p.inAnother(can, kind, idp)
		if kind == p.Kind && !p.Elsewhere {
			m = p.inApp(can, idp)
		}
		m.Who = kind
		out = append(out, m)
	}
	p.Kind = rp.RefreshToken.String() // which is what it keeps
	return append(out, p.homemade(can)), p.SignalEvery, nil
}

var kinds = []string{rp.RefreshToken.String(), rp.ReferenceToken.String(), rp.NoToken.String()}

// complete checks the policy and fills in the defaults.
func (p Policy) complete() (Policy, idps.Capabilities, error) {
	can, ok := idps.Named(p.IdP)
	if !ok {
		return p, can, fmt.Errorf("idp is %q; use one of %s", p.IdP, strings.Join(idps.Names(), ", "))
	}
	if !slices.Contains(kinds, p.Kind) {
		return p, can, fmt.Errorf("kind is %q; use %s", p.Kind, strings.Join(kinds, ", "))
	}
	for _, d := range []struct {
		name  string
		v     *time.Duration
		least time.Duration
		usual time.Duration
	}{{"window", &p.Window, time.Second, 0}, {"token_life", &p.TokenLife, time.Second, 0}, {"active", &p.Active, 0, 0},
		{"signal_every", &p.SignalEvery, time.Second, signalEvery(p.Window)},
		{"trust_for", &p.TrustFor, time.Second, 5 * time.Minute}, {"idle", &p.Idle, 0, 0},
		{"absolute", &p.Absolute, time.Second, 8 * time.Hour}} {
		if *d.v == 0 {
			*d.v = d.usual
		}
		if *d.v < d.least || *d.v > 365*day {
			return p, can, fmt.Errorf("%s is %s; use %s to a year", d.name, signed(*d.v), apps.Span(d.least))
		}
	}
	p.Trailing = p.Trailing && byCall(can, p.Kind)
	if p.SignalEvery >= p.Window {
		return p, can, fmt.Errorf("signal_every is %s, not less than the window of %s: active people would be logged "+
			"out between two reports", apps.Span(p.SignalEvery), apps.Span(p.Window))
	}
	p.SignalEvery = min(p.SignalEvery, p.TrustFor) // after TrustFor a click asks, and that tells, too
	return p, can, nil
}

func signed(d time.Duration) string {
	if d < 0 {
		return "negative"
	}
	return apps.Span(d)
}

// signalEvery is the library's choice: a fifth of the window, a second to 5 minutes.
func signalEvery(window time.Duration) time.Duration {
	return min(max(window/5, time.Second), 5*time.Minute)
}

// byCall: an app of this kind reports activity by a call of its own, so that the last activity
// can be reported, too. prompt=none needs a person who navigates.
func byCall(can idps.Capabilities, kind string) bool {
	return kind == rp.RefreshToken.String() && can.Extends.Refresh ||
		kind != rp.NoToken.String() && can.Extends.Userinfo
}

// tells is how an app of this kind reports activity, and how often at the most; 0: it cannot.
func (p Policy) tells(can idps.Capabilities, kind string) (string, time.Duration) {
	every := apps.Span(p.SignalEvery)
	switch {
	case kind == rp.RefreshToken.String() && can.Extends.Refresh:
		return fmt.Sprintf("by a refresh, every %s at the most", every), p.SignalEvery
	case kind != rp.NoToken.String() && can.Extends.Userinfo:
		return fmt.Sprintf("by a userinfo call, every %s at the most", every), p.SignalEvery
	case p.SilentCheck:
		trust := min(p.TrustFor, p.Window)
		return fmt.Sprintf("by prompt=none at a navigation, after %s at the latest", apps.Span(trust)), trust
	}
	return "not at all: no call that this app can make extends the session of this IdP", 0
}

// atIdP: the window counts from the last report.
func (p Policy) atIdP(every time.Duration) Moment {
	m := Moment{Who: AtIdP, From: p.Window, To: p.Window}
	switch {
	case p.Elsewhere:
		m.From, m.To = p.Window+p.Active, p.Window+p.Active
		m.Text = "The session ends: the window counts from the last time that the browser passed by the IdP."
	case every == 0 && p.Active >= p.Window:
		m.Text = "The session ends although the person is active: the IdP does not hear of it. The window counts " +
			"from the log-in."
	case every == 0:
		m.Text = "The session ends. The window counts from the log-in: the IdP does not hear of activity."
	case p.Active == 0:
		m.Text = "The session ends. The window counts from the log-in, for nobody was active after it."
	default:
		m.From, m.To = p.Window+max(0, p.Active-every), p.Window+p.Active
		m.Text = fmt.Sprintf("The session ends: the window counts from the last report, which is up to %s older than "+
			"the last click.", apps.Span(min(every, p.Active)))
		if p.Trailing {
			m.From, m.To = p.Window+p.Active, p.Window+p.Active+every
			m.Text = "The session ends: the last activity was reported, too."
		}
	}
	return m
}

// finds says how an app of this kind finds out by itself that the session at the IdP is over;
// "": it cannot.
func (p Policy) finds(can idps.Capabilities, kind string) string {
	if _, every := p.tells(can, kind); every > 0 {
		return "the app asks the IdP, which says no"
	}
	if kind == rp.ReferenceToken.String() && can.Proves.Userinfo {
		return "the API no longer takes the token, and userinfo says no, too"
	}
	return ""
}

// inApp: whichever comes first of what the app is told, finds out and knows by itself.
func (p Policy) inApp(can idps.Capabilities, idp Moment) Moment {
	m := Moment{Who: InApp, From: idp.From, To: idp.To}
	how := p.finds(can, p.Kind)
	switch {
	case can.LogoutOnExpiry:
		m.Text = "Its page is covered: the IdP sends a logout token when the session expires."
	case how != "":
		m.To = p.Absolute
		m.Text = "Whoever clicks after this moment is asked to log in: " + how + ". Nobody tells an open page before."
	default:
		m.From, m.To = p.Absolute, p.Absolute
		m.Text = "The longest session in the app ends it. Before that it learns of nothing: it cannot ask, and is " +
			"not told of an expiry."
	}
	if own := p.Active + p.Idle; p.Idle > 0 && own < m.To {
		if own <= m.From {
			m.From, m.Text = own, "The app's own idle limit ends it."
		}
		m.To = own
	}
	if p.Absolute < m.From {
		m.From, m.To, m.Text = p.Absolute, p.Absolute, "The longest session in the app ends it, however active the "+
			"person is."
	}
	m.To = max(m.From, min(m.To, p.Absolute))
	return m
}

// inAnother: an app of this kind in which nobody clicks.
func (p Policy) inAnother(can idps.Capabilities, kind string, idp Moment) Moment {
	m := Moment{Who: InAnother, From: idp.From, To: idp.To, Text: "It is signed in for as long as the session at the " +
		"IdP lives: it asks before it gives up."}
	switch {
	case p.Idle > 0 && p.Idle < idp.From:
		m.From, m.To, m.Text = p.Idle, p.Idle, "Its own idle limit ends it, although the person is active elsewhere."
	case can.LogoutOnExpiry:
		m.Text += " Then a logout token covers its page."
	case p.finds(can, kind) == "":
		m.From, m.To, m.Text = p.Absolute, p.Absolute, "The longest session in the app ends it: it cannot ask, and "+
			"is told of nothing."
	default:
		m.To, m.Text = p.Absolute, "Whoever comes back to it after this moment is asked to log in."
	}
	if p.Absolute < m.From {
		m.From, m.To, m.Text = p.Absolute, p.Absolute, "The longest session in the app ends it, however active the "+
			"person is elsewhere."
	}
	m.To = max(m.From, min(m.To, p.Absolute))
	return m
}

// homemade refreshes when its token runs out, whoever is active.
func (p Policy) homemade(can idps.Capabilities) Moment {
	m := Moment{Who: Homemade}
	switch {
	case p.Kind != rp.RefreshToken.String():
		m.Never, m.Text = true, "Without a refresh token it knows nothing of the session at the IdP."
	case !can.Extends.Refresh || !can.Proves.Refresh:
		m.Never, m.Text = true, "Its refreshes succeed whether the session at the IdP lives or not."
	case p.TokenLife < p.Window:
		m.Never, m.Text = true, "As long as its page polls, it refreshes and keeps the person signed in, there or not."
	default:
		m.From = p.TokenLife
		m.To, m.Text = m.From, fmt.Sprintf("Its first refresh comes after %s, and fails: the window is over, "+
			"although the person was active.", apps.Span(p.TokenLife))
	}
	return m
}
