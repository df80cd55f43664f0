package engine

import (
	"sync"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

// blames remembers which API refuses which token that the IdP vouches for, so that 20
// calls of a broken API do not cost 20 refreshes (API-01b).
type blames struct {
	mu sync.Mutex
	of map[blameKey]time.Time // until
}

type blameKey struct {
	api        string
	session    store.Key
	generation uint64
}

const maxBlames = 4096 // what comes on top is asked about again

// Blame notes for δ that an API, and not the session, is at fault. token is the
// generation of the token that it refuses.
func (p *Engine) Blame(api string, st *State, token uint64) {
	p.log.Error("an API refuses a token that the IdP calls good; the session is kept", "api", api)
	now := p.Now()
	until := now.Add(max(p.Policy(st).SignalEvery, time.Minute))
	p.blames.mu.Lock()
	defer p.blames.mu.Unlock()
	if len(p.blames.of) >= maxBlames {
		for k, t := range p.blames.of {
			if t.Before(now) {
				delete(p.blames.of, k)
			}
		}
	}
	if len(p.blames.of) < maxBlames {
		p.blames.of[blameKey{api, st.Rec.Key, token}] = until
	}
}

// Blamed reports whether Blame has noted this for the token of that generation.
func (p *Engine) Blamed(api string, st *State, token uint64) bool {
	p.blames.mu.Lock()
	defer p.blames.mu.Unlock()
	return p.Now().Before(p.blames.of[blameKey{api, st.Rec.Key, token}])
}
