package rp

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/idp"
)

const (
	heardWithin  = 30 * time.Second // so long an answer of the IdP says that it is there
	probeTimeout = 2 * time.Second
)

// pulse knows whether the IdP answers. While trust lasts nobody is sent to one that may
// be dead (C6).
type pulse struct {
	now   func() time.Time
	next  http.RoundTripper
	heard atomic.Int64 // milliseconds since 1970

	// off is by how many milliseconds this server's clock is ahead of the IdP's; 0 while
	// that is within Skew.
	off      atomic.Int64
	differed atomic.Int64 // when an answer last said so, in milliseconds since 1970
	skew     time.Duration
	differs  func(ahead time.Duration) // told when off changes to or from 0; may be nil

	doubts chan struct{} // somebody thinks that what is known of it is not true any more

	probe probe
}

// RoundTrip notes each answer, whatever it says, but for a 5xx: that may be a load
// balancer's, with nobody behind it.
func (p *pulse) RoundTrip(r *http.Request) (*http.Response, error) {
	sent := p.now()
	resp, err := p.next.RoundTrip(r)
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

// lookAgain wakes follow.
func (p *pulse) lookAgain() {
	select {
	case p.doubts <- struct{}{}:
	default:
	}
}

func (p *pulse) lately() bool {
	since := time.Duration(p.now().UnixMilli()-p.heard.Load()) * time.Millisecond
	return since >= 0 && since < heardWithin
}

// answers reports whether this instance has heard from the IdP lately, or hears from it
// now. All who ask at the same time wait for the same probe.
func (p *RelyingParty) answers(ctx context.Context) bool {
	pulse := p.idp.pulse
	if pulse.lately() {
		return true
	}
	p.share(ctx, &pulse.probe, p.probeIdP)
	return pulse.lately()
}

// probe is a look at what is outside. All who want one at the same time share it.
type probe struct {
	mu   sync.Mutex
	over chan struct{} // closed when the look under way is over; nil: none is
}

// share looks, or joins those who wait for the look under way, and returns when that or
// ctx is over. The look is not ended by ctx.
func (p *RelyingParty) share(ctx context.Context, pr *probe, look func(context.Context)) {
	pr.mu.Lock()
	over := pr.over
	if over == nil {
		over = make(chan struct{})
		pr.over = over
		ended := func() {
			pr.mu.Lock()
			defer pr.mu.Unlock()
			pr.over = nil
			close(over)
		}
		if !p.goes(func(ctx context.Context) { defer ended(); look(ctx) }) {
			close(over)
			pr.over = nil
		}
	}
	pr.mu.Unlock()
	select {
	case <-over:
	case <-ctx.Done():
	}
}

// probeIdP asks for the discovery document, which every IdP answers cheaply.
func (p *RelyingParty) probeIdP(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, idp.DiscoveryURL(p.cfg.Issuer), nil)
	if err != nil {
		return
	}
	if resp, err := p.idp.client.Do(req); err == nil {
		_ = resp.Body.Close()
	}
}
