package idpmock

import "time"

// Reset empties the provider, for the next test of a process that runs on: sessions, tokens,
// requests in progress, logout tokens under way, faults, records and events are gone, the
// clock and the configuration are as [New] had them. Nobody is told of the ends. Keys and
// subscriptions stay; a provider beside it, such as a transmitter of Shared Signals, keeps
// what it has.
func (p *IDP) Reset() {
	p.ClearFaults()
	p.ClearDeliveryFaults()
	p.HideKeyIDs(false)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set.Store(p.began)
	p.offset.Store(0)
	p.clearLocked()
	p.ResetRequests()
}

// clearLocked forgets sessions and all that belongs to them.
func (p *IDP) clearLocked() {
	clear(p.sessions)
	clear(p.cookies)
	clear(p.grants)
	clear(p.codes)
	clear(p.refresh)
	clear(p.access)
	clear(p.requests)
	clear(p.pushed)
	clear(p.logouts)
	clear(p.seen)
	clear(p.selfMade)
	p.history, p.earliest, p.gc = nil, time.Time{}, time.Time{}
	p.outbox = nil // an attempt that is under way finds nothing to try again
	if p.quiet != nil {
		close(p.quiet)
		p.quiet = nil
	}
}
