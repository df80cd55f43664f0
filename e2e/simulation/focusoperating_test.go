package simulation

import (
	"maps"
	"time"
)

func init() {
	maps.Copy(focuses, operating)
	maps.Copy(byFocus, operatingMistakes)
}

// operating are about what an operator meets: restarts and updates, stores in trouble, an IdP
// that moves, and the log.
var operating = map[string]*focus{
	// An IdP moves its token endpoint.
	"moves": {
		acts:  []actKind{click, click, click, moves},
		knobs: busy,
		shape: func(_ *history, a *act) {
			a.App, a.Inst, a.Gap = 0, 2, a.Gap%(4*time.Minute)
			if a.Kind == click {
				a.Count, a.Every, a.V[0], a.V[3] = 40, time.Duration(1+a.V[1]%4)*time.Minute, 0, 0
			}
		},
	},
	// Instances start with something wrong.
	"slips": {
		acts:  []actKind{click, slip},
		knobs: alone,
		shape: func(_ *history, a *act) { a.Gap %= 10 * time.Minute },
	},
	// A newer version writes some of the records for a while.
	"newer": {
		acts:  []actKind{click, click, newer},
		knobs: func(h *history) { busy(h); h.Apps[0].Idle = 10 * time.Minute },
		shape: func(_ *history, a *act) {
			a.App, a.Gap = 0, a.Gap%(2*time.Minute)
			switch a.Kind {
			case click:
				a.Count, a.Every, a.V[0], a.V[3] = 10, 20*time.Second, 0, 0
			case newer:
				a.Every = pick(a.V[0], time.Minute, 14*time.Minute)
			}
		},
	},
	// Handlers hand their WebSockets over and return.
	"sockets": {
		acts:  []actKind{click, socketed, socketed, socketed, logout, idpEnd, consent, adminEnd},
		knobs: func(h *history) { late := h.Late; busy(h); h.Late = late },
		shape: func(_ *history, a *act) {
			a.App, a.Gap = pick(a.V[2], 0, 2), a.Gap%(2*time.Minute)
			switch a.Kind {
			case click, socketed:
				a.Count, a.V[0], a.V[3] = 1, 0, 0
			}
		},
	},
	// The store gives no lease.
	"no lease": {
		acts:  []actKind{click, click, faultStore},
		knobs: func(h *history) { busy(h); h.Apps[0].TrustFor = 8 * time.Minute },
		shape: func(_ *history, a *act) {
			a.App, a.Gap = 0, a.Gap%(2*time.Minute)
			switch a.Kind {
			case click:
				a.Count, a.Every, a.V[0], a.V[3] = 20, 20*time.Second, 0, 0
			case faultStore:
				a.V[0], a.V[1], a.Every = 6, 0, a.Every%(4*time.Minute)
			}
		},
	},
	// The store does not answer while people read and save.
	"store silent": {
		acts:  []actKind{click, save, faultStore},
		knobs: busy,
		shape: func(_ *history, a *act) {
			a.App, a.Gap = 0, a.Gap%(2*time.Minute)
			switch a.Kind {
			case click, save:
				a.Count, a.Every, a.V[0], a.V[3] = 10, 20*time.Second, 0, 0
			case faultStore:
				a.V[0], a.V[1], a.Every = pick(a.V[0], 0, 2, 3), 0, a.Every%(4*time.Minute)
			}
		},
	},
	// Logout tokens as some IdPs make them.
	"odd tokens": {
		acts:  []actKind{click, oddToken, oddToken},
		knobs: func(h *history) { late := h.Late; alone(h); h.Late = late },
		shape: func(_ *history, a *act) {
			a.App, a.Gap = 0, a.Gap%(5*time.Minute)
			if a.Kind == click {
				a.Count, a.V[0], a.V[3] = 1, 0, 0
			}
		},
	},
	// Processes are killed while a refresh is under way.
	"killed": {
		acts:  []actKind{click, click, killed, killed, faultIdP},
		knobs: busy,
		shape: func(_ *history, a *act) {
			a.App, a.Gap = 0, a.Gap%(40*time.Second)
			switch a.Kind {
			case click:
				a.Inst, a.Count, a.Every, a.V[0], a.V[3] = 2, 40, time.Duration(3+a.V[1])*time.Second, 0, 0
			case killed:
				a.Every %= time.Minute
			case faultIdP:
				a.V = [4]int{0, 0, pick(a.V[2], 3, 4), pick(a.V[3], 1, 2)} // a refresh takes 2.5 s or 12 s
				a.Every = 20 * time.Minute
			}
		},
	},
	// The store fails over, once in a history, a moment after somebody has logged out.
	"failover": {
		acts:  []actKind{click, click, logout, adminEnd, idpEnd, consent, failover},
		knobs: func(h *history) { late := h.Late; busy(h); h.Late = late },
		shape: func(_ *history, a *act) {
			a.App, a.Gap = pick(a.V[2], 0, 2), a.Gap%(30*time.Second)
			switch a.Kind {
			case click:
				a.Count, a.V[0], a.V[3] = 1, 0, 0
			case logout:
				a.V[0] = 15
			case consent:
				a.V[1], a.V[3] = 0, 3
			case failover:
				a.Gap %= 2 * time.Second
			}
		},
	},
	// Instances go away a moment after the last click of a person.
	"last clicks": {
		acts: []actKind{click, click, restart},
		knobs: func(h *history) {
			alone(h)
			h.Apps[2] = appKnobs{Idle: 10 * time.Minute, TokenLife: time.Hour, Revocation: h.Apps[2].Revocation}
		},
		shape: func(_ *history, a *act) {
			a.App = 2
			switch a.Kind {
			case click:
				a.Inst, a.Count, a.Every, a.V[0], a.V[3] = 0, 3, 25*time.Second, 0, 0
			case restart:
				a.Inst, a.Gap, a.Every = 0, a.Gap%(90*time.Second), time.Second
			}
		},
	},
	// An IdP refuses in words of its own.
	"words": {
		acts: []actKind{click, click, login, idpEnd, faultDelivery},
		knobs: func(h *history) {
			busy(h)
			h.IdPs[0].Like = likeDex
			h.Apps[0].Revocation = h.IdPs[0].spares()[0]
		},
		shape: func(_ *history, a *act) {
			a.App, a.Gap = 0, a.Gap%(2*time.Minute)
			switch a.Kind {
			case click:
				a.Count, a.Every, a.V[0], a.V[3] = 10, 30*time.Second, 0, 0
			case login: // until its code is too old
				a.Every, a.V[0] = 10*time.Minute, 15
			case faultDelivery:
				a.V[0], a.Count = 0, 5
			}
		},
	},
}
