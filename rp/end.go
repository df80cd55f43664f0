package rp

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
)

// remember is how long an ended session is remembered: so long its browser
// learns the reason, its tokens are tried to be revoked, and no log-in that was
// under way can come back.
const remember = 24 * time.Hour

// end is the one road to the end of a session: first the store, so that no
// request finds it alive any more, then everybody who waits for it, then the
// clean-up in the background.
func (p *RelyingParty) end(ctx context.Context, sel Selector, reason Reason) ([]Record, error) {
	return p.endFor(ctx, sel, reason, "")
}

// endFor is end with what is known of the reason besides.
func (p *RelyingParty) endFor(ctx context.Context, sel Selector, reason Reason, detail string) ([]Record, error) {
	now := p.now()
	ended, err := p.cfg.Store.End(ctx, sel, End{Reason: reason, At: now, Until: now.Add(remember)})
	if err != nil {
		return nil, unavailable(2*time.Second, "the session store failed: %w", err)
	}
	for _, rec := range ended {
		p.hub.announce(Change{Key: rec.Key, Reason: reason})
		e := EndEvent{Session: rec.Key.name(), Reason: reason, Detail: detail, At: now, Begun: rec.Begun}
		if d, err := p.open(&rec); err == nil {
			e.Subject, e.SID = d.Subject, d.SID
		}
		p.cache.drop(rec.Key)
		about := []any{"session", rec.Key.name(), "reason", string(reason)}
		if detail != "" {
			about = append(about, "detail", detail)
		}
		p.log.Info("session ended", about...)
		if fn := p.cfg.Events.End; fn != nil {
			fn(e)
		}
	}
	if len(ended) > 0 {
		p.wake()
	}
	return ended, nil
}

func (p *RelyingParty) wake() {
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

const (
	sweepEvery = 10 * time.Second
	sweepHold  = 2 * time.Minute // for one batch; a crash costs this much delay
	sweepBatch = 64
)

// sweep finds expired sessions and cleans up after ended ones; the store's Claim
// sees to it that each is done by one instance only.
func (p *RelyingParty) sweep(ctx context.Context) {
	every := sweepEvery
	for _, d := range []time.Duration{p.cfg.Idle, p.cfg.Absolute} {
		if d > 0 {
			every = min(every, max(d/10, 100*time.Millisecond))
		}
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-p.kick:
		}
		p.sweepOnce(ctx)
	}
}

func (p *RelyingParty) sweepOnce(ctx context.Context) {
	for ctx.Err() == nil {
		batch, err := p.cfg.Store.Claim(ctx, p.now(), sweepHold, sweepBatch)
		if err != nil {
			if ctx.Err() == nil {
				p.log.Warn("expired sessions could not be looked for; trying again", "error", err)
			}
			return
		}
		for _, rec := range batch {
			if rec.Ended() {
				p.cleanUp(ctx, rec)
			} else {
				p.lookAtExpired(ctx, rec)
			}
		}
		if len(batch) < sweepBatch {
			return
		}
	}
}

// lookAtExpired ends a session whose Due has come if its time is really up; it
// asks nobody, because asking would extend.
func (p *RelyingParty) lookAtExpired(ctx context.Context, rec Record) {
	data, err := p.open(&rec)
	if err != nil {
		_, _ = p.end(ctx, Selector{Key: rec.Key}, Unconfirmed)
		return
	}
	st := &state{rec, data}
	st.rec.Active = p.agenda.latest(rec.Key, rec.Active)
	switch d := lifetime.Decide(st.clocks(), p.policy(st), p.now(), lifetime.Passive); {
	case d.End != lifetime.Live:
		_ = p.expire(ctx, st, d.End) // an outage: Claim hands it out again
	default:
		_ = p.store(ctx, rec.Key, st.rec.Active, p.due(st, p.policy(st)))
	}
}

// cleanUp revokes what an ended session held. Until that has worked, or the
// record is forgotten, it is tried again.
func (p *RelyingParty) cleanUp(ctx context.Context, rec Record) {
	data, err := p.open(&rec)
	if err != nil {
		_ = p.cfg.Store.Settle(ctx, rec.Key, nil, time.Time{})
		return
	}
	next := time.Time{}
	d := *data
	if wait := p.revoke(ctx, &d); wait > 0 {
		next = p.now().Add(wait)
	} else {
		d.AccessToken, d.RefreshToken = "", "" // the ID token serves a later id_token_hint
	}
	rec, err = p.sealed(rec, &d)
	if err == nil {
		err = p.cfg.Store.Settle(ctx, rec.Key, rec.Sealed, next)
	}
	if err != nil && !errors.Is(err, ErrNotFound) && ctx.Err() == nil {
		p.log.Warn("clean-up after a session will be tried again", "session", rec.Key.name(), "error", err)
	}
}

// orphaned revokes tokens that came too late for their session.
func (p *RelyingParty) orphaned(t *tokens) {
	p.goes(func(context.Context) {
		ctx := p.ctx
		d := &record.Data{AccessToken: t.access, RefreshToken: t.refresh}
		for n := 1; n <= 5; n++ {
			wait := p.revoke(ctx, d)
			if wait == 0 {
				return
			}
			sleep(ctx, wait)
		}
	})
}

// revoke revokes the refresh token, else the access token (RFC 7009); what was
// revoked is emptied. It returns when to try again, zero if nothing is left to do.
// An IdP without a revocation endpoint is no error.
func (p *RelyingParty) revoke(ctx context.Context, d *record.Data) time.Duration {
	if p.idp.RevocationURL == "" {
		return 0
	}
	for _, t := range []struct {
		hint  string
		token *string
	}{{"refresh_token", &d.RefreshToken}, {"access_token", &d.AccessToken}} {
		if *t.token == "" {
			continue
		}
		if wait := p.callRevocation(ctx, *t.token, t.hint); wait > 0 {
			return wait
		}
		*t.token = ""
	}
	return 0
}

func (p *RelyingParty) callRevocation(ctx context.Context, token, hint string) time.Duration {
	ctx, cancel := p.detached(ctx)
	defer cancel()
	form := url.Values{"token": {token}, "token_type_hint": {hint}}
	basic := p.idp.oauth.Endpoint.AuthStyle == oauth2.AuthStyleInHeader
	if !basic {
		form.Set("client_id", p.cfg.ClientID)
		if p.cfg.ClientSecret != "" {
			form.Set("client_secret", string(p.cfg.ClientSecret))
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.idp.RevocationURL, strings.NewReader(form.Encode()))
	if err != nil {
		return 0
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if basic {
		req.SetBasicAuth(url.QueryEscape(p.cfg.ClientID), url.QueryEscape(string(p.cfg.ClientSecret)))
	}
	const again = time.Minute
	resp, err := p.idp.client.Do(req)
	if err != nil {
		p.log.Warn("a token could not be revoked; trying again", "error", quiet("the revocation endpoint", err))
		return again
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode >= 500: // RFC 7009 §2.2.1: still alive
		return max(verdict.RetryAfter(resp.Header, p.now(), maxRetryAfter), again)
	case resp.StatusCode >= 300:
		p.log.Warn("the IdP refused to revoke a token", "status", resp.StatusCode, "hint", hint)
	}
	return 0
}
