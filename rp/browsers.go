package rp

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/cookie"
	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/internal/names"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/store"
)

// browsers finds the session of a browser by its cookie. It extends no session.
type browsers struct {
	engine  *engine.Engine
	store   store.Store
	party   *names.Party
	cookies cookie.Jar
}

// key is that of the session that a request names.
func (b *browsers) key(h http.Header) (store.Key, bool) {
	id, ok := b.cookies.Find(h)
	if !ok {
		return store.Key{}, false
	}
	return b.party.Session(&id), true
}

// session returns the session that a request names. Its time may be over already. Errors:
// ErrAnonymous, *EndedError, *UnavailableError.
func (b *browsers) session(r *http.Request) (*engine.State, error) {
	key, ok := b.key(r.Header)
	if !ok {
		return nil, ErrAnonymous
	}
	return b.engine.Load(r.Context(), key)
}

// lives reports whether this browser has a session that lives and was not begun before.
func (b *browsers) lives(r *http.Request, since time.Time) bool {
	st, err := b.session(r)
	return err == nil && !st.Data.Started.Before(since) &&
		b.engine.Judge(st, lifetime.Passive).End == lifetime.Live
}

// isTrusted reports whether this browser has a session about which the IdP need not be asked
// now.
func (b *browsers) isTrusted(r *http.Request) bool {
	st, err := b.session(r)
	if err != nil {
		return false
	}
	d := b.engine.Judge(st, lifetime.Active)
	return d.End == lifetime.Live && d.Signal != lifetime.Overdue
}

// known is what is stored about a session, whether it lives or has ended.
type known struct {
	data *record.Data
	live bool
	over time.Time // when the session ended, or is found to be over
}

// remembered returns what is known of a session, live or ended; nil if nothing is.
func (b *browsers) remembered(ctx context.Context, key store.Key) (*known, error) {
	rec, err := b.store.Load(ctx, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil
	case err != nil && !errors.Is(err, store.ErrEnded):
		return nil, b.engine.StoreFailed(err)
	}
	st, err := b.engine.Open(rec)
	if err != nil {
		return nil, nil
	}
	if rec.Ended() {
		return &known{data: st.Data, over: rec.End.At}, nil
	}
	live := b.engine.Judge(st, lifetime.Passive).End == lifetime.Live
	return &known{data: st.Data, live: live, over: b.engine.Now()}, nil
}
