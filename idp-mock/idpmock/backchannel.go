package idpmock

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxLogoutAnswer bounds what is read of a client's answer, in bytes.
const maxLogoutAnswer = 64 << 10

// Delivery is a logout token on its way to a client.
type Delivery struct {
	Client   string    `json:"client"`
	Subject  string    `json:"sub"`
	SID      string    `json:"sid"` // as the client knows it
	Created  time.Time `json:"created"`
	Attempts int       `json:"attempts"`
	Next     time.Time `json:"next"` // the next attempt is not before it
	Status   int       `json:"status,omitempty"`
	Error    string    `json:"error,omitempty"` // of the last attempt
	Fault    string    `json:"fault,omitempty"`

	session string
	cause   Cause
	uri     string
	token   string    // of the last attempt; sent again while it is good
	until   time.Time // of token
	busy    bool
	first   chan struct{} // closed after the first attempt
	fault   *DeliveryFault
	held    bool // by DeliveryFault.Reorder
	copies  int  // more of the same to send beside the first attempt
}

func deliveryClient(given *http.Client) *http.Client {
	c := &http.Client{}
	if given != nil {
		*c = *given
	} else {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.DialContext = dialLocalhost // *.localhost is loopback (RFC 6761 §6.3)
		c.Transport = t
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.Jar = nil
	return c
}

// enqueueLocked puts a logout token in the outbox and starts to send it.
func (p *IDP) enqueueLocked(cfg *settings, c *Client, sub, sid, session string, cause Cause) {
	now := p.Now()
	if cfg.sidOnlyIfRequired() && !c.BackchannelSessionRequired {
		sid = ""
	}
	d := &Delivery{Client: c.ID, Subject: sub, SID: sid, Created: now, Next: now, session: session, cause: cause,
		uri: c.BackchannelLogoutURI, first: make(chan struct{})}
	if !p.spoilDeliveryLocked(d) {
		return
	}
	p.outbox = append(p.outbox, d)
	p.dispatchLocked(now)
}

// dispatchLocked starts all deliveries that are due, each in its own goroutine.
func (p *IDP) dispatchLocked(now time.Time) {
	for _, d := range p.outbox {
		if !d.busy && !d.held && !now.Before(d.Next) {
			d.busy = true
			p.goLocked(func() { p.attempt(d) })
		}
	}
}

// attempt delivers once and settles what follows.
func (p *IDP) attempt(d *Delivery) {
	cfg, now := p.settings(), p.Now()
	p.mu.Lock()
	token, until, copies := d.token, d.until, d.copies
	d.copies = 0
	p.mu.Unlock()
	var fault LogoutFault
	if d.fault != nil {
		fault = d.fault.Token
	}
	var err error
	if token == "" || !now.Before(until) {
		until = now.Add(logoutTokenLifetime)
		token, err = p.logoutToken(cfg, now, d.Client, d.Subject, d.SID, d.cause, fault)
	}
	status := 0
	if err == nil {
		for range copies {
			p.mu.Lock()
			p.goLocked(func() { _, _ = p.post(p.ctx, cfg, d.uri, token) }) // what becomes of a copy matters to nobody
			p.mu.Unlock()
		}
		status, err = p.post(p.ctx, cfg, d.uri, token)
	}

	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Contains(p.outbox, d) { // Reset has come between
		if d.Attempts == 0 {
			close(d.first)
		}
		return
	}
	d.busy, d.token, d.until = false, token, until
	d.Attempts++
	d.Status, d.Error = status, ""
	if err != nil {
		d.Error = err.Error()
	}
	outcome, again := "delivered", false
	switch {
	case err != nil:
		outcome, again = "failed: "+d.Error, true
	case status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout:
		outcome, again = "refused: "+http.StatusText(status), true
	case status != http.StatusOK && status != http.StatusNoContent: // BCLO-04: 204 is fine too
		outcome = "refused: " + strconv.Itoa(status) + " " + http.StatusText(status)
	}
	p.emit(Event{Kind: EventDelivery, Client: d.Client, SID: d.session, Subject: d.Subject,
		Endpoint: EndpointBackchannel, Outcome: outcome})
	if d.Attempts == 1 {
		close(d.first)
	}
	if again && d.Attempts <= len(cfg.DeliveryRetries) {
		d.Next = p.Now().Add(cfg.DeliveryRetries[d.Attempts-1])
		return
	}
	p.dropLocked(d)
	p.releaseLocked(d.Client, p.Now())
}

func (p *IDP) dropLocked(d *Delivery) {
	p.outbox = slices.DeleteFunc(p.outbox, func(o *Delivery) bool { return o == d })
	if len(p.outbox) == 0 && p.quiet != nil {
		close(p.quiet)
		p.quiet = nil
	}
}

// post sends a logout token (OpenID Connect Back-Channel Logout 1.0 §2.5).
func (p *IDP) post(ctx context.Context, cfg *settings, uri, token string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, cfg.DeliveryTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, uri,
		strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := p.out.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, maxLogoutAnswer)); err != nil {
		return 0, err
	}
	return resp.StatusCode, nil
}

// awaitFirst waits until every delivery of a batch was tried once, at most for
// limit.
func (p *IDP) awaitFirst(ctx context.Context, limit time.Duration, batch []*Delivery) {
	if limit <= 0 || len(batch) == 0 {
		return
	}
	t := time.NewTimer(limit)
	defer t.Stop()
	for _, d := range batch {
		select {
		case <-d.first:
		case <-t.C:
			return
		case <-ctx.Done():
			return
		case <-p.ctx.Done():
			return
		}
	}
}

// Outbox lists the logout tokens that are still to be delivered.
func (p *IDP) Outbox() []Delivery {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]Delivery, 0, len(p.outbox))
	for _, d := range p.outbox {
		c := *d
		c.token = ""
		out = append(out, c)
	}
	return out
}

// ErrClosed means that the provider was closed while something waited for it.
var ErrClosed = errors.New("idpmock: closed")

// Settle waits until the outbox is empty: every logout token was delivered, or
// given up. Retries wait on the provider's clock.
func (p *IDP) Settle(ctx context.Context) error {
	p.mu.Lock()
	if len(p.outbox) == 0 {
		p.mu.Unlock()
		return nil
	}
	if p.quiet == nil {
		p.quiet = make(chan struct{})
	}
	quiet := p.quiet
	p.mu.Unlock()
	select {
	case <-quiet:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-p.ctx.Done():
		return ErrClosed
	}
}
