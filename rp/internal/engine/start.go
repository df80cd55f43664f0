package engine

import (
	"context"
	"errors"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/store"
)

// ErrOver means that by the IdP's answer a session is over before it begins. It would lead to
// the next log-in, and so on.
var ErrOver = errors.New("session_expiry is in the past: compare the clocks of this machine and the IdP")

// Start stores a session whose log-in was begun then, and whose ID token was issued then.
// A log-out that came while the log-in was under way has left a tombstone, which refuses it
// (C5). Errors: errOver, errNoRoom, store.ErrEnded, *UnavailableError.
func (p *Engine) Start(ctx context.Context, key store.Key, begun, issued time.Time, d *record.Data) (*State, error) {
	now := d.Started
	rec := store.Record{
		Key: key, Owner: p.party.Owner, Refs: p.party.RefsAtBegin(d),
		Begun: begun, Issued: issued.Truncate(time.Second), Active: now,
	}
	st := &State{Rec: rec, Data: d, Stored: now}
	clocks := st.Clocks()
	clocks.Confirmed = now // the IdP's word on how long this lasts has just come
	if lifetime.Decide(clocks, p.Policy(st), now, lifetime.Active).End != lifetime.Live {
		return nil, ErrOver
	}
	rec.Due = p.due(st, now)
	rec, err := p.sealed(rec, d)
	if err != nil {
		return nil, err
	}
	switch err := p.cfg.Store.Create(ctx, rec); {
	case errors.Is(err, store.ErrEnded):
		return nil, err
	case err != nil:
		p.takeBack(key)
		return nil, p.StoreFailed(err)
	}
	rec.Version = 1
	return &State{Rec: rec, Data: d, Stored: now}, nil
}

// KeepOnly drops what this kind of client has no use for.
func (p *Engine) KeepOnly(d *record.Data) {
	switch p.cfg.Kind {
	case ReferenceToken:
		d.RefreshToken = ""
	case NoToken:
		d.AccessToken, d.RefreshToken, d.TokenType, d.DPoPKey, d.TokenEnds, d.TokenLife = "", "", "", "", time.Time{}, 0
	}
}
