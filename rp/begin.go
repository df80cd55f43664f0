package rp

import (
	"context"
	"errors"
	"net/http"

	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/internal/classify"
	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/loginflow"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/internal/web"
	"github.com/tandem-sso/tandem/rp/store"
)

const maxAgent = 200 // bytes of a User-Agent that are kept

// beginnings makes sessions of log-ins that have succeeded at the IdP.
type beginnings struct {
	cfg      *Config
	engine   *engine.Engine
	browsers *browsers
	profiles *profiles
	hook     *loginHook
	journal  *journal
}

// begin makes a session of a log-in: userinfo says more of the person, the app agrees, and
// the session is created. Whatever goes wrong, the tokens are given up and the browser's
// former session stays.
func (b *beginnings) begin(w http.ResponseWriter, r *http.Request, f *loginflow.Flow, got *engine.Tokens) error {
	// The IdP has seen the person before it gave out the code, however long it took
	// to answer then.
	d := &record.Data{Signalled: f.Back, Confirmed: f.Back, SessionState: f.SessionState}
	got.Apply(d)
	err := b.complete(r.Context(), f, got, d)
	var l *Login
	if err == nil {
		l, err = b.hook.ask(w, r, f, d)
	}
	var key store.Key
	if err == nil {
		key, err = b.create(w, r, f, got, d, l)
	}
	if err != nil {
		b.engine.Orphaned(got, *d, "")
		if errors.Is(err, ErrRefused) { // the app has answered
			b.journal.refused(event.RefusedLogin, err)
			return nil
		}
		return err
	}
	l.hasBegun(context.WithoutCancel(r.Context()), w)
	b.engine.Observe(got)
	b.engine.Report(judgeProfile(b.cfg, d))
	b.journal.log.Info("log-in", "session", key.Short())
	if fn := b.cfg.Events.Login; fn != nil {
		fn(event.Login{Session: key.Short(), Subject: d.Subject, SID: d.SID, At: d.Started})
	}
	web.SeeOther(w, f.ReturnTo)
	return nil
}

// complete adds to the tokens what else the session knows of this log-in.
func (b *beginnings) complete(ctx context.Context, f *loginflow.Flow, got *engine.Tokens, d *record.Data) error {
	ctx, cancel := b.engine.Detached(ctx)
	defer cancel()
	b.engine.KeepOnly(d)
	d.Wish = f.Wish.Text()
	return b.profiles.ask(ctx, f, got, d)
}

// create stores the session, ends the one before, and gives the browser the new cookie. A
// logout that came while this log-in was under way has left a tombstone, which refuses it
// (C5).
func (b *beginnings) create(w http.ResponseWriter, r *http.Request, f *loginflow.Flow, got *engine.Tokens,
	d *record.Data, l *Login) (store.Key, error) {
	ctx, cancel := b.engine.Detached(r.Context())
	defer cancel()
	id, key := b.browsers.party.NewID()
	d.Started = b.engine.Now()
	d.SendsUser = f.SentUser || classify.SendsUser(r.Header)
	d.Agent = r.UserAgent()[:min(len(r.UserAgent()), maxAgent)]
	st, err := b.engine.Start(ctx, key, f.Begun, got.ID.IssuedAt, d)
	switch {
	case errors.Is(err, engine.ErrOver):
		return store.Key{}, badLogin("failed-over", err)
	case errors.Is(err, engine.ErrNoRoom):
		return store.Key{}, tooLarge(errTooLargeToKeep)
	case errors.Is(err, store.ErrEnded):
		return store.Key{}, badLogin("failed-loggedout", err)
	case err != nil:
		return store.Key{}, err
	}
	if old, ok := b.browsers.key(r.Header); ok {
		b.replace(ctx, old, st, f.Begun, l.changed())
	}
	b.limitSessions(ctx, d.Subject)
	http.SetCookie(w, b.browsers.cookies.Session(id))
	return key, nil
}
