package simulation

import (
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// focus is a small part of the world in which one kind of coincidence happens often. In the
// whole world such a coincidence can be thousands of histories away. The people, the apps,
// the faults and the oracle are the same.
type focus struct {
	acts  []actKind
	knobs func(h *history)
	shape func(h *history, a *act) // of an act that was drawn
}

// focuses are known by their names; "" is the whole world.
var focuses = map[string]*focus{
	// The IdP is away, again and again, while everybody clicks at the same moments.
	"outages": {
		acts:  []actKind{click, click, click, hang, faultIdP},
		knobs: busy,
		shape: func(_ *history, a *act) {
			a.App, a.Inst, a.Gap = 0, 0, a.Gap%(2*time.Minute)
			switch a.Kind {
			case click:
				a.Gap, a.Count, a.Every = 0, 30, pick(a.V[1], 7*time.Second, 125*time.Second)
				a.V[0] = 0 // nobody hangs up
			case hang:
				a.Every, a.V[0], a.V[1] = 4*time.Minute, 0, 15
			case faultIdP:
				a.V[0], a.V[1], a.V[2] = 0, 15, pick(a.V[2], 0, 2, 5)
				a.Every %= 90 * time.Second
			}
		},
	},
	// An API refuses every token.
	"broken API": {
		acts:  []actKind{click, callAPI, callAPI, faultAPI},
		knobs: alone,
		shape: func(_ *history, a *act) {
			a.App = 0
			switch a.Kind {
			case click: // logs in
				a.Count, a.V[0], a.V[3] = 1, 0, 0
			case callAPI:
				a.Count, a.Every, a.V[0] = 20, 3*time.Second, 0
			case faultAPI:
				a.V[0] = 0
			}
		},
	},
	// The IdP asks one session to wait.
	"one 429": {
		acts:  []actKind{click, click, click, faultIdP},
		knobs: busy,
		shape: func(_ *history, a *act) {
			a.App, a.Inst = 0, 0
			switch a.Kind {
			case click:
				a.Gap, a.Count, a.Every, a.V[0] = 0, 30, 41*time.Second, 0
			case faultIdP:
				a.V = [4]int{0, 0, 1, pick(a.V[3], 13, 14)}
				a.Gap += 9 * time.Minute
			}
		},
	},
	// An app that can only ask by way of the browser, and an IdP that does not answer.
	"no answer": {
		acts: []actKind{click, click, hang},
		knobs: func(h *history) {
			alone(h)
			h.Apps[2] = appKnobs{SignalEvery: 2 * time.Minute, TrustFor: 8 * time.Minute, Silent: true,
				TokenLife: time.Hour, Revocation: h.Apps[2].Revocation}
		},
		shape: func(_ *history, a *act) {
			a.App, a.Gap = 2, a.Gap%(3*time.Minute)
			switch a.Kind {
			case click:
				a.Count, a.Every, a.V[0], a.V[3] = 20, 25*time.Second, 0, 0
			case hang:
				a.Every, a.V[0], a.V[1] = 5*time.Minute, 0, 15
			}
		},
	},
	// The IdP refuses a silent check, and its answer comes when the person has logged in again.
	// The clocks of the two instances differ.
	"late refusals": {
		acts: []actKind{click, click, idpEnd, faultDelivery, faultIdP},
		knobs: func(h *history) {
			alone(h)
			h.Apps[2] = appKnobs{SignalEvery: 2 * time.Minute, TrustFor: 2 * time.Minute, Silent: true,
				TokenLife: time.Hour, Revocation: h.Apps[2].Revocation,
				Skew: [2]time.Duration{29 * time.Second, -29 * time.Second}}
		},
		shape: func(_ *history, a *act) {
			a.App, a.Gap = 2, a.Gap%(30*time.Second)
			switch a.Kind {
			case click:
				a.Inst, a.Count, a.Every, a.V[0], a.V[3] = 2, 30, time.Duration(1+a.V[1]%4)*time.Second, 0, 0
			case idpEnd:
				a.Gap += 2 * time.Minute
			case faultDelivery:
				a.V[0], a.Count = 0, 5
			case faultIdP:
				a.V = [4]int{7, 15, 4, pick(a.V[3], 1, 2)} // its page takes 2.5 s or 12 s
				a.Every %= 20 * time.Second
			}
		},
	},
	// Instances start while the IdP does not answer.
	"starts": {
		acts:  []actKind{click, click, restart, restart, hang, faultIdP},
		knobs: busy,
		shape: func(_ *history, a *act) {
			a.App, a.Gap = 0, a.Gap%(3*time.Minute)
			switch a.Kind {
			case click:
				a.Count, a.Every, a.V[0] = 20, 20*time.Second, 0
			case restart:
				a.Every = time.Second
			case hang:
				a.Every, a.V[0], a.V[1] = 6*time.Minute, 0, 15
			case faultIdP:
				a.V[0], a.V[1], a.V[2] = 3, 15, pick(a.V[2], 0, 5, 8)
			}
		},
	},
	// A revocation fails, for a moment.
	"revocations": {
		acts:  []actKind{click, click, logout, faultIdP},
		knobs: alone,
		shape: func(_ *history, a *act) {
			a.App, a.Gap = 0, a.Gap%time.Minute
			switch a.Kind {
			case click:
				a.Count, a.V[0], a.V[3] = 1, 0, 0
			case logout:
				a.V[0] = 15
			case faultIdP:
				a.V[0], a.V[2], a.Every = 6, 0, 2*time.Minute
			}
		},
	},
	// The IdP is slow to revoke, and takes along what the next log-in has been given meanwhile.
	"slow revocations": {
		acts: []actKind{click, click, logout, faultIdP},
		knobs: func(h *history) {
			alone(h)
			h.IdPs[0] = idpKnobs{Takes: idpmock.ReachUserClient}
			h.Apps[0].Revocation = h.IdPs[0].spares()[0]
		},
		shape: func(_ *history, a *act) {
			a.App, a.Gap = 0, a.Gap%(20*time.Second)
			switch a.Kind {
			case click:
				a.Count, a.Every, a.V[0], a.V[3] = 30, 15*time.Second, 0, 0
			case logout:
				a.V[0] = 15
				a.Gap += 2 * time.Minute
			case faultIdP: // 2.5, 12 or 29 s
				a.V[0], a.V[2], a.V[3], a.Inst, a.Every = 6, 3, 1+a.V[3]%3, 0, 20*time.Minute
			}
		},
	},
	// Instances go away while a refresh is under way and the store is slow.
	"closing": {
		acts:  []actKind{click, click, restart, restart, faultStore},
		knobs: busy,
		shape: func(_ *history, a *act) {
			a.App, a.Inst, a.Gap = 0, 0, a.Gap%(20*time.Second)
			switch a.Kind {
			case click:
				a.Count, a.Every, a.V[0] = 20, 17*time.Second, 7 // they hang up: the refresh goes on without them
				a.V[1], a.V[2] = a.V[1]%4, a.V[2]%4
			case restart:
				a.Every = time.Second
			case faultStore:
				a.V = [4]int{3, 2, 15, 15} // Replace takes 4.5 s
				a.Every = time.Hour
			}
		},
	},
	// The store is away for as long as a lease lasts, while the IdP takes its time.
	"store away": {
		acts: []actKind{click, click, click, faultStore, faultStore, faultIdP},
		knobs: func(h *history) {
			idp := h.IdPs[0]
			if busy(h); idp.Like == "" {
				idp.Like = likeStrict
			}
			h.IdPs[0].Like, h.IdPs[0].Rotates = idp.Like, idp.Rotates
			h.Apps[0].Revocation = h.IdPs[0].spares()[0]
		},
		shape: func(_ *history, a *act) {
			a.App, a.Gap = 0, a.Gap%(30*time.Second)
			switch a.Kind {
			case click:
				a.Inst, a.Count, a.Every, a.V[0] = 2, 40, time.Duration(1+a.V[1]%3)*time.Second, 0
			case faultStore:
				a.V[0], a.V[1], a.Every = 0, 0, time.Duration(11+a.V[2])*time.Second
			case faultIdP:
				a.V = [4]int{0, 0, 3, pick(a.V[3], 1, 3, 4)} // a refresh takes 2.5 s, 29 s or 45 s
				a.Every = 10 * time.Minute
			}
		},
	},
	// An IdP that reads a request after its client has given it up, and then detects reuse.
	"late reads": {
		acts: []actKind{click, click, click, faultIdP},
		knobs: func(h *history) {
			busy(h)
			h.IdPs[0].Like, h.IdPs[0].Rotates = likeStrict, true
			h.Apps[0].Revocation = h.IdPs[0].spares()[0]
		},
		shape: func(_ *history, a *act) {
			a.App, a.Gap = 0, a.Gap%(time.Minute)
			switch a.Kind {
			case click:
				a.Count, a.Every, a.V[0] = 40, time.Duration(5+a.V[1])*time.Second, 0
			case faultIdP:
				a.V = [4]int{0, 0, 3, 4} // a refresh waits for 45 s, and is read
				a.Inst, a.Count, a.Every = 1, 1+a.Count%2, 3*time.Minute
			}
		},
	},
	// A logout token and a new log-in in the same second, and a store that is cut off later.
	"same second": {
		acts:  []actKind{consent, consent, consent, faultStore, click},
		knobs: func(h *history) { alone(h); h.Late = 0 },
		shape: func(_ *history, a *act) {
			a.App, a.Gap = 0, a.Gap%(3*time.Minute)
			switch a.Kind {
			case consent:
				a.V[0], a.V[1], a.V[3] = 0, 0, 2
			case faultStore:
				a.V[0], a.V[1], a.Every = 7, 0, a.Every%(20*time.Second)
			}
		},
	},
	// Keys are rolled; tabs come back hours later and load themselves again.
	"old keys": {
		acts:  []actKind{click, poll, poll, rollKeys},
		knobs: func(h *history) { alone(h); h.Apps[0].Absolute = 2 * time.Hour },
		shape: func(_ *history, a *act) {
			a.App = 0
			switch a.Kind {
			case click:
				a.Count, a.V[0], a.V[3] = 1, 0, 0
			case poll:
				a.Gap += 20 * time.Minute
				a.Count, a.V[2] = 1, 8 // it loads itself again
			}
		},
	},
	// Answers to a refresh are lost.
	"lost answers": {
		acts:  []actKind{click, click, faultIdP},
		knobs: busy,
		shape: func(_ *history, a *act) {
			a.App = 0
			switch a.Kind {
			case click:
				a.Count, a.Every, a.V[0] = 10, 150*time.Second, 0
			case faultIdP:
				a.V[0], a.V[1], a.V[2], a.Count = 0, 15, 6, 2
				a.Every = 3 * time.Minute
			}
		},
	},
	// Answers to a refresh name another person.
	"other persons": {
		acts:  []actKind{click, click, click, faultAnswer},
		knobs: alone,
		shape: func(_ *history, a *act) {
			a.App = 0
			if a.Kind == faultAnswer {
				a.odd(idpmock.Fault{IDToken: idpmock.IDTokenInvalidSub})
			}
		},
	},
	// Answers to a refresh leave the refresh token as it was, and say how long it lasts now.
	"tokens that stay": {
		acts: []actKind{click, faultAnswer},
		knobs: func(h *history) {
			alone(h)
			h.Window, h.IdPs[0].Like, h.IdPs[0].Rotates = 10*time.Minute, likeKeycloak, false
		},
		shape: func(_ *history, a *act) {
			a.App, a.Gap = 0, a.Gap%(5*time.Minute)
			switch a.Kind {
			case click:
				a.Count, a.Every, a.V[0] = 40, 50*time.Second, 0
			case faultAnswer:
				a.odd(idpmock.Fault{Response: idpmock.ResponseNoRefreshToken})
				a.Every = time.Hour
			}
		},
	},
	// A session ends at the IdP, and the store does not take the end.
	"ends that fail": {
		acts:  []actKind{click, click, idpEnd, faultDelivery, faultStore},
		knobs: busy,
		shape: func(_ *history, a *act) {
			a.App, a.Gap = 0, a.Gap%(2*time.Minute)
			switch a.Kind {
			case click:
				a.Count, a.Every, a.V[0], a.V[3] = 10, 30*time.Second, 0, 0
			case faultDelivery:
				a.V[0], a.Count = 0, 5
			case faultStore:
				a.V[0], a.V[1], a.Every = 5, 0, a.Every%(4*time.Minute)
			}
		},
	},
}

// alone: one person with one browser, at an IdP that behaves, with clocks that agree.
func alone(h *history) {
	h.People, h.BrowsersEach, h.OwnKeys = 1, 1, false
	h.Window, h.IdPAbsolute, h.ExpiresIn = 15*time.Minute, 30*time.Hour, false
	h.IdPs[0] = idpKnobs{Takes: idpmock.ReachFamily}
	k := &h.Apps[0]
	*k = appKnobs{SignalEvery: 2 * time.Minute, TrustFor: 2 * time.Minute, TokenLife: time.Hour,
		Revocation: h.IdPs[0].spares()[0]}
}

// busy: the same with four browsers.
func busy(h *history) {
	alone(h)
	h.People, h.BrowsersEach = 2, 2
}

func pick[T any](n int, of ...T) T { return of[n%len(of)] }

// odd makes an act that spoils the answers to a refresh in one way.
func (a *act) odd(want idpmock.Fault) {
	n := slices.IndexFunc(oddAnswers, func(f idpmock.Fault) bool {
		return f.IDToken == want.IDToken && f.Response == want.Response && (f.Header == nil) == (want.Header == nil)
	})
	a.V = [4]int{n / 16, n % 16, 0, 15}
}

// TestFocus plays histories of each focus and holds C1–C9 against them.
func TestFocus(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(focuses)) {
		t.Run(name, func(t *testing.T) {
			if long() {
				apart(t, name, 100)
				return
			}
			check(t, focuses[name], 1)
		})
	}
}

// focused is the one that the environment names; nil: none.
func focused(t *testing.T) *focus {
	name := os.Getenv("TANDEM_FOCUS")
	f := focuses[name]
	if f == nil && name != "" {
		t.Fatalf("TANDEM_FOCUS: there is no focus %q", name)
	}
	return f
}
