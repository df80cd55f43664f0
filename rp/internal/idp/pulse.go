package idp

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	heardWithin  = 30 * time.Second // so long an answer of the IdP says that it is there
	probeTimeout = 2 * time.Second
)

// pulse knows whether the IdP answers. While trust lasts no browser is sent to an IdP that
// may be down (C6).
type pulse struct {
	now   func() time.Time
	next  http.RoundTripper
	heard atomic.Int64 // milliseconds since 1970
	fails atomic.Bool  // the latest answer was a 5xx

	// off is by how many milliseconds this server's clock is ahead of the IdP's; 0 while
	// that is within Skew.
	off      atomic.Int64
	exact    atomic.Int64 // that, whatever Skew is, to the second
	differed atomic.Int64 // when an answer last said so, in milliseconds since 1970
	skew     time.Duration
	differs  func(ahead time.Duration) // told when off changes to or from 0

	doubts chan struct{} // somebody thinks that what is known of it is not true any more
}

// RoundTrip notes each answer, whatever it says, but for a 5xx: that may be a load
// balancer's, with nobody behind it.
func (p *pulse) RoundTrip(r *http.Request) (*http.Response, error) {
	sent := p.now()
	resp, err := p.next.RoundTrip(r)
	p.fails.Store(err == nil && resp.StatusCode >= http.StatusInternalServerError)
	if err != nil {
		return resp, err
	}
	received := p.now()
	if resp.StatusCode < http.StatusInternalServerError {
		p.heard.Store(received.UnixMilli())
	}
	p.compare(resp.Header, sent, received)
	if resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone {
		p.lookAgain()
	}
	return resp, nil
}

func (p *pulse) lookAgain() {
	select {
	case p.doubts <- struct{}{}:
	default:
	}
}

// LookAgain asks for a new look at the metadata; Doubts tells who looks.
func (p *Provider) LookAgain() { p.pulse.lookAgain() }

// Doubts gets a value when what is known of the IdP may not be true any more: an endpoint
// answered 404 or 410, or LookAgain was called.
func (p *Provider) Doubts() <-chan struct{} { return p.pulse.doubts }

// Lately reports whether the IdP has answered within 30 s.
func (p *Provider) Lately() bool {
	since := time.Duration(p.pulse.now().UnixMilli()-p.pulse.heard.Load()) * time.Millisecond
	return since >= 0 && since < heardWithin
}

// Fails reports whether the latest answer was a 5xx: somebody is there, but does not work.
func (p *Provider) Fails() bool { return p.pulse.fails.Load() }

// Probe asks for the discovery document, which every IdP answers cheaply, and waits for 2 s
// at most. Lately tells what came of it.
func (p *Provider) Probe(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, DiscoveryURL(p.cfg.Issuer), nil)
	if err != nil {
		return
	}
	if resp, err := p.client.Do(req); err == nil {
		_ = resp.Body.Close()
	}
}

// Ahead is by how much this server's clock is ahead of the IdP's; 0 while that is within
// Config.Skew.
func (p *Provider) Ahead() time.Duration { return time.Duration(p.pulse.off.Load()) * time.Millisecond }

// Now is the time by the IdP's clock, as far as its answers tell it: what this client signs
// is judged by that, and IdPs refuse a proof that is some seconds old or in the future.
func (p *Provider) Now() time.Time {
	return p.cfg.Now().Add(-p.exactly())
}

func (p *Provider) exactly() time.Duration {
	return time.Duration(p.pulse.exact.Load()) * time.Millisecond
}

// compare looks at the IdP's clock (RFC 9110 §6.6.1). An answer with an Age comes from a
// cache, and its Date is that of the cached one. Date has whole seconds.
func (p *pulse) compare(h http.Header, sent, received time.Time) {
	at, err := http.ParseTime(h.Get("Date"))
	if err != nil || h.Get("Age") != "" {
		return
	}
	ahead := time.Duration(0)
	switch {
	case at.Add(time.Second).Before(sent):
		ahead = sent.Sub(at)
	case at.After(received):
		ahead = received.Sub(at)
	}
	p.exact.Store(ahead.Milliseconds())
	if ahead.Abs() <= p.skew {
		ahead = 0
	}
	if ahead != 0 {
		p.differed.Store(received.UnixMilli())
	} else if since := received.UnixMilli() - p.differed.Load(); since >= 0 && since < p.skew.Milliseconds() {
		return // several servers answer, and not all of their clocks are wrong
	}
	if before := p.off.Swap(ahead.Milliseconds()); (before == 0) != (ahead == 0) {
		p.differs(ahead)
	}
}
