package engine

import (
	"sync"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

// blames remembers which API refuses the tokens of which session although the IdP vouches for
// them, so that 20 calls of a broken API do not cost 20 refreshes (API-01b). A newer token does
// not end the blame: it may come from another instance, which has asked because of the same API.
// A call that succeeds does not end it either: one of the API's instances may be the broken one.
// Each instance of the app finds out for itself.
type blames struct {
	mu sync.Mutex
	of map[blameKey]blame
}

type blame struct{ from, until time.Time }

type blameKey struct {
	api     string
	session store.Key
}

const maxBlames = 4096 // what comes on top is asked about again

// Blame notes for δ that an API, and not the session, is at fault.
func (p *Engine) Blame(api string, st *State) {
	p.log.Error("an API refuses a token that the IdP calls good; the session is kept", "api", api)
	now := p.Now()
	until := now.Add(max(p.Policy(st).SignalEvery, time.Minute))
	p.blames.mu.Lock()
	defer p.blames.mu.Unlock()
	if len(p.blames.of) >= maxBlames {
		for k, b := range p.blames.of {
			if b.until.Before(now) {
				delete(p.blames.of, k)
			}
		}
	}
	if len(p.blames.of) < maxBlames {
		p.blames.of[blameKey{api, st.Rec.Key}] = blame{now, until}
	}
}

// Blamed reports whether Blame has noted this. A clock that was set back does not prolong it.
func (p *Engine) Blamed(api string, st *State) bool {
	p.blames.mu.Lock()
	defer p.blames.mu.Unlock()
	k := blameKey{api, st.Rec.Key}
	return p.Now().Before(p.blames.of[k].until) && !p.Now().Before(p.blames.of[k].from)
}
