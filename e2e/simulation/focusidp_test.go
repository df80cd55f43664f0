package simulation

import (
	"maps"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

func init() { maps.Copy(focuses, idpFocuses) }

// idpFocuses are about what an IdP answers, and about one that does not answer.
var idpFocuses = map[string]*focus{
	// Everybody clicks while the IdP takes its time, and the pool has room for two calls.
	"small pool": {
		acts: []actKind{click, click, click, faultIdP, hang},
		knobs: func(h *history) {
			busy(h)
			h.Apps[0].MaxCalls = 2
		},
		shape: func(_ *history, a *act) {
			a.App, a.Inst, a.Gap = 0, 0, a.Gap%(2*time.Minute)
			switch a.Kind {
			case click:
				a.Gap, a.Count, a.Every, a.V[0] = 0, 30, pick(a.V[1], 7*time.Second, 41*time.Second), 0
			case faultIdP:
				a.V = [4]int{0, 15, 3, pick(a.V[3], 0, 1, 2)} // a refresh takes up to 12 s
				a.Every = 10 * time.Minute
			case hang:
				a.Every, a.V[0], a.V[1] = 4*time.Minute, 0, 15
			}
		},
	},
	// The IdP hangs for long, while everybody clicks: on pages, and on public ones.
	"long hang": {
		acts: []actKind{click, click, click, visitor, hang},
		knobs: func(h *history) {
			busy(h)
			h.Apps[0].TrustFor = 4 * time.Minute
		},
		shape: func(_ *history, a *act) {
			a.App, a.Inst, a.Gap = 0, 0, a.Gap%(2*time.Minute)
			switch a.Kind {
			case click, visitor:
				a.Gap, a.Count, a.Every, a.V[0] = 0, 30, pick(a.V[1], 7*time.Second, 31*time.Second), 0
			case hang:
				a.Every, a.V[0], a.V[1] = 15*time.Minute, 3, 15
			}
		},
	},
	// The IdP answers, with errors.
	"errors": {
		acts:  []actKind{click, click, faultIdP},
		knobs: busy,
		shape: func(_ *history, a *act) {
			a.App, a.Gap = 0, a.Gap%(3*time.Minute)
			switch a.Kind {
			case click:
				a.Count, a.Every, a.V[0], a.V[3] = 20, 25*time.Second, 0, 0
			case faultIdP:
				a.V[0], a.V[1], a.V[2] = 0, 15, pick(a.V[2], 0, 2, 7, 8)
				a.Every = 5 * time.Minute
			}
		},
	},
	// The IdP asks all to wait.
	"many 429": {
		acts:  []actKind{click, click, click, faultIdP},
		knobs: busy,
		shape: func(_ *history, a *act) {
			a.App, a.Inst = 0, 0
			switch a.Kind {
			case click:
				a.Gap, a.Count, a.Every, a.V[0] = 0, 30, 5*time.Second, 0
			case faultIdP:
				a.V = [4]int{0, 0, 1, pick(a.V[3], 1, 2)}
				a.Gap, a.Every = a.Gap%(4*time.Minute), 5*time.Minute
			}
		},
	},
	// The IdP wants to see the person, and says so to an app that asks silently.
	"no silence": {
		acts: []actKind{click, click, faultSilence},
		knobs: func(h *history) {
			alone(h)
			h.Apps[2] = appKnobs{SignalEvery: 2 * time.Minute, TrustFor: 4 * time.Minute, Silent: true,
				TokenLife: time.Hour, Revocation: h.Apps[2].Revocation}
		},
		shape: func(_ *history, a *act) {
			a.App, a.Gap = 2, a.Gap%(3*time.Minute)
			switch a.Kind {
			case click:
				a.Count, a.Every, a.V[0], a.V[3] = 20, 25*time.Second, 0, 0
			case faultSilence:
				a.Every = 5 * time.Minute
			}
		},
	},
	// Answers to a refresh have something wrong in them.
	"odd answers": {
		acts:  []actKind{click, click, faultAnswer},
		knobs: alone,
		shape: func(_ *history, a *act) {
			a.App, a.Gap = 0, a.Gap%(3*time.Minute)
			switch a.Kind {
			case click:
				a.Count, a.Every, a.V[0], a.V[3] = 20, 25*time.Second, 0, 0
			case faultAnswer:
				a.odd(pick(a.V[0], idpmock.Fault{Response: idpmock.ResponseNoTokenType},
					idpmock.Fault{Header: map[string]string{"Content-Type": "text/plain"}},
					idpmock.Fault{IDToken: idpmock.IDTokenInvalidIss},
					idpmock.Fault{IDToken: idpmock.IDTokenInvalidSig},
					idpmock.Fault{IDToken: idpmock.IDTokenHuge}))
				a.Every = 5 * time.Minute
			}
		},
	},
	// Answers to a refresh are mixed up, and the access token is used.
	"mixed answers": {
		acts:  []actKind{click, callAPI, callAPI, faultAnswer},
		knobs: alone,
		shape: func(_ *history, a *act) {
			a.App, a.Gap = 0, a.Gap%(3*time.Minute)
			switch a.Kind {
			case click:
				a.Count, a.V[0], a.V[3] = 1, 0, 0
			case callAPI:
				a.Count, a.Every, a.V[0] = 20, 25*time.Second, 0
			case faultAnswer:
				a.odd(idpmock.Fault{IDToken: pick(a.V[0], idpmock.IDTokenInvalidIss, idpmock.IDTokenSecondaryAud,
					idpmock.IDTokenInvalidAzp, idpmock.IDTokenInvalidAtHash, idpmock.IDTokenInvalidAud,
					idpmock.IDTokenAlternateAlg)})
				a.Every = 5 * time.Minute
			}
		},
	},
	// People log in again and again, and the app keeps values for them.
	"values": {
		acts:  []actKind{click, save, save, login},
		knobs: alone,
		shape: func(_ *history, a *act) {
			a.App, a.Gap = 0, a.Gap%time.Minute
			switch a.Kind {
			case click, save:
				a.Count, a.Every, a.V[0], a.V[3] = 3, 3*time.Second, 0, 0
			case login:
				a.Every, a.V[2] = time.Second, 0
			}
		},
	},
	// A person signs in from a second browser, at an IdP that keeps one refresh token of each.
	"two browsers": {
		acts: []actKind{click, fetch, fetch},
		knobs: func(h *history) {
			alone(h)
			h.BrowsersEach, h.IdPs[0].Like = 2, likeDex
			h.Apps[0].Revocation = h.IdPs[0].spares()[0]
		},
		shape: func(_ *history, a *act) {
			a.App, a.Gap = 0, a.Gap%(2*time.Minute)
			a.Count, a.Every, a.V[0], a.V[3] = 10, 11*time.Second, 0, 0
		},
	},
	// A quiet app comes back when its refresh token has just run out, to an instance whose clock
	// is behind that of the one that got the token. Another app has kept the session alive.
	"two clocks": {
		acts: []actKind{click, click, fetch},
		knobs: func(h *history) {
			alone(h)
			h.IdPs[0].Like = likeKeycloak
			for i := range h.Apps[:2] {
				h.Apps[i] = appKnobs{SignalEvery: 2 * time.Minute, TrustFor: 2 * time.Minute,
					TokenLife: 5 * time.Minute, Revocation: h.IdPs[0].spares()[0]}
			}
			h.Apps[0].Skew = [2]time.Duration{-29 * time.Second, 29 * time.Second}
		},
		shape: func(h *history, a *act) {
			a.Inst, a.V[0], a.V[3], a.Gap = 0, 0, 0, a.Gap%(2*time.Minute)
			if a.Kind == click && a.V[1]%2 == 0 {
				a.App, a.Count, a.Every = 0, 2, h.Window+time.Duration(a.V[2]*2)*time.Second
				a.Gap += 40 * time.Minute
				return
			}
			a.App, a.Kind, a.Count, a.Every = 1, click, 60, time.Minute
		},
	},
	// People close the tab while the app trades their code.
	"closed tabs": {
		acts:  []actKind{click, login, faultIdP},
		knobs: func(h *history) { alone(h); h.Patience = time.Second },
		shape: func(_ *history, a *act) {
			a.App, a.Gap = 0, a.Gap%(3*time.Minute)
			switch a.Kind {
			case click:
				a.Count, a.V[0], a.V[3] = 1, 0, 0
			case login:
				a.Every, a.V[2] = time.Second, 0
			case faultIdP:
				a.V = [4]int{8, 15, 4, 1} // 2.5 s
				a.Every %= 2 * time.Minute
			}
		},
	},
	// The answer to a code comes when nobody waits for it any more.
	"late codes": {
		acts:  []actKind{click, login, faultIdP},
		knobs: alone,
		shape: func(_ *history, a *act) {
			a.App, a.Gap = 0, a.Gap%(3*time.Minute)
			switch a.Kind {
			case click:
				a.Count, a.V[0], a.V[3] = 1, 0, 0
			case login:
				a.Every, a.V[2] = time.Second, 0
			case faultIdP:
				a.V = [4]int{8, 15, 4, 3} // 29 s
				a.Every %= 2 * time.Minute
			}
		},
	},
}
