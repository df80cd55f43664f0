package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/internal/names"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
	"github.com/tandem-sso/tandem/rp/store"
)

// The outbox is what remains to be done about an ended session once everybody has
// been answered: report it, then revoke what it held. The ended record itself is
// the outbox's memory: its Due says when somebody is to look at it, and its
// contents what has been done. So it outlives this process where the store does.
//
// The instance that has ended a session does it at once. Any instance that finds
// such a record by Claim takes over, but leaves a minute to the former: after that
// it has crashed. Each measures that minute by itself, because their clocks differ.

// untold is an ended session that Config.Events has not heard of, or of which the store does not
// know that yet.
type untold struct {
	rec    store.Record
	detail string
	taken  bool // over from another instance
	tries  int  // to note in the store that the end was reported
}

// sighting is an ended session that Claim has handed out before it was reported.
type sighting struct {
	rec store.Record
	at  time.Time
}

const (
	headStart         = time.Minute // of the instance that has ended a session
	revocationsAtOnce = 8
	revocationsInMind = 512 // more are left to Claim
	sightingsInMind   = 4096
)

// takeOver handles an ended record that Claim has handed out.
func (p *Engine) takeOver(rec store.Record) {
	switch d, err := p.Unseal(&rec); {
	case err != nil: // another instance may have the key
	case !d.Told.IsZero():
		p.unrevoked.add(p, rec)
	case len(p.sighted) < sightingsInMind:
		rec.Sealed = nil // it is read again
		p.sighted = append(p.sighted, sighting{rec, p.Now()})
	}
}

// relieve reports the ends that another instance should have reported by now.
func (p *Engine) relieve() {
	for len(p.sighted) > 0 && p.Now().Sub(p.sighted[0].at) >= headStart {
		p.untold.add(p, untold{rec: p.sighted[0].rec, taken: true})
		p.sighted = p.sighted[1:]
	}
}

// announceEnd reports the end of a session, once.
func (p *Engine) announceEnd(u untold) {
	rec := u.rec
	if u.taken || u.tries > 0 || p.Now().Sub(rec.End.At) >= headStart {
		release, ok, err := p.untoldStill(&rec)
		if err != nil && u.tries > 0 {
			p.noteLater(u)
		}
		if !ok {
			return
		}
		defer release()
	}
	data, err := p.Unseal(&rec)
	if errors.Is(err, record.ErrVersion) {
		return // Claim hands it to an instance that can read it
	}
	reason, _ := Why(rec.End.Reason)
	if u.tries == 0 && reason != neverBegun && p.past.tell(rec.Key, p.Now()) {
		p.tellEnd(u, data)
	}
	if err != nil {
		p.noteTold(u, rec, nil, time.Time{}) // nobody can read what there is to revoke
		return
	}
	d := *data
	d.Told = p.Now()
	d.APITokens = "" // they go with the refresh token (RFC 7009 §2.1)
	if p.offline(&d, reason) {
		d.RefreshToken = ""
	}
	if d.RefreshToken == "" && d.AccessToken == "" || p.idp.At().RevocationURL == "" ||
		!spares(p.cfg.Capabilities.Revocation, reason, nobody) {
		d.AccessToken, d.RefreshToken = "", ""
		p.noteTold(u, rec, &d, time.Time{})
		return
	}
	p.noteTold(u, rec, &d, p.Now().Add(sweepHold))
}

// noteTold notes in the store that the end was reported, and goes on with what is to be revoked, if
// there is a due.
func (p *Engine) noteTold(u untold, rec store.Record, d *record.Data, due time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.RequestTimeout)
	defer cancel()
	rec, err := p.settle(ctx, rec, d, due)
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		if u.tries == 0 {
			p.cleanUpFailed(rec.Key, err)
		}
		p.noteLater(u)
	case !due.IsZero():
		p.unrevoked.add(p, rec)
	}
}

// noteLater tries noteTold again, after 1, 2, 4 … seconds, at most 30, until the store has
// forgotten the record: sooner than headStart, because who takes the record over would report the
// end a second time. That happens if this instance stops meanwhile, and may happen to an end that had
// waited for headStart already.
func (p *Engine) noteLater(u untold) {
	u.tries++
	u.rec.Sealed = nil // it is read again
	time.AfterFunc(verdict.Backoff(verdict.Retry, u.tries), func() {
		p.Go(func(context.Context) { p.untold.add(p, u) })
	})
}

// tellEnd hands the end to the log and to the app; data is nil if nobody can read it.
func (p *Engine) tellEnd(u untold, data *record.Data) {
	rec := u.rec
	e := event.End{Session: rec.Key.Short(), Detail: u.detail, At: rec.End.At, Begun: rec.Begun}
	e.Reason, e.Cause = Why(rec.End.Reason)
	if data != nil {
		e.Subject, e.SID = data.Subject, data.SID
	}
	about := []any{"session", e.Session, "reason", string(e.Reason)}
	if e.Cause != "" {
		about = append(about, "cause", string(e.Cause))
	}
	if e.Detail != "" {
		about = append(about, "detail", e.Detail)
	}
	p.log.Info("session ended", about...)
	if fn := p.cfg.Events.End; fn != nil {
		fn(e)
	}
}

// untoldStill makes sure that nobody else reports an end that has waited for so
// long that Claim may have handed it out meanwhile, here or elsewhere. If the
// store cannot say, or another instance is at it, Claim hands it out again.
func (p *Engine) untoldStill(rec *store.Record) (release func(), ok bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.RequestTimeout)
	defer cancel()
	granted, err := p.cfg.Store.Acquire(ctx, names.LeaseID("report", rec.Key), leaseTTL)
	if err == nil {
		release = p.keep(context.Background(), granted).release
		var now store.Record
		now, err = p.cfg.Store.Load(ctx, rec.Key)
		if errors.Is(err, store.ErrEnded) && len(now.Sealed) > 0 { // nothing: told by somebody who could not read it
			if d, err := p.Unseal(&now); err != nil || d.Told.IsZero() {
				*rec = now
				return release, true, nil
			}
		}
		release()
	}
	switch {
	case err == nil, errors.Is(err, store.ErrEnded), errors.Is(err, store.ErrNotFound):
		return nil, false, nil
	case !errors.Is(err, store.ErrConflict):
		_ = p.StoreFailed(err) // for the log: nobody waits for this
	}
	return nil, false, err
}

// cleanUp revokes what an ended session held. Until that has worked, or the
// record is forgotten, it is tried again. The ID token stays: it serves a later
// id_token_hint.
func (p *Engine) cleanUp(rec store.Record) {
	if p.ctx.Err() != nil {
		return // closing: another instance, or the next start, takes over
	}
	data, err := p.Unseal(&rec)
	if err != nil {
		return // announceEnd has settled that
	}
	next := time.Time{}
	d := *data
	reason, _ := Why(rec.End.Reason)
	again, wait, err := p.revoke(p.calls, &d, reason)
	if err != nil {
		return // Claim hands it out again
	}
	soon := false // sooner than any sweeper would come by
	if again {
		d.Tries++
		wait = max(wait, verdict.RevokeAgain(d.Tries))
		if next, soon = p.Now().Add(wait), wait < time.Minute; soon {
			next = next.Add(sweepHold) // the others leave it to this instance
		}
	} else {
		d.AccessToken, d.RefreshToken = "", ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.RequestTimeout)
	defer cancel()
	rec, err = p.settle(ctx, rec, &d, next)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		p.cleanUpFailed(rec.Key, err)
	} else if err == nil && soon {
		time.AfterFunc(wait, func() {
			p.Go(func(context.Context) { p.unrevoked.add(p, rec) })
		})
	}
}

// settle stores what remains to be done, zero due: nothing. If it fails, Claim
// hands the record out again.
func (p *Engine) settle(ctx context.Context, rec store.Record, d *record.Data, due time.Time) (store.Record, error) {
	var err error
	rec.Sealed = nil
	if d != nil {
		rec, err = p.sealed(rec, d)
	}
	if err == nil {
		err = p.cfg.Store.Settle(ctx, rec.Key, rec.Sealed, due)
	}
	return rec, err
}

func (p *Engine) cleanUpFailed(key store.Key, err error) {
	p.log.Warn("the clean-up after a session failed; trying again", "session", key.Short(), "error", err)
}

// queue has its items handled beside whoever adds them, in order, by at most limit
// goroutines that Close waits for. Once closed, items are handled by the caller.
type queue[T any] struct {
	handle func(T)
	limit  int
	most   int // waiting items; what comes on top is dropped. 0: any number

	mu    sync.Mutex
	items []T
	busy  int
}

func (q *queue[T]) add(p *Engine, item T) {
	q.mu.Lock()
	if q.most > 0 && len(q.items) >= q.most {
		q.mu.Unlock()
		return
	}
	q.items = append(q.items, item)
	start := q.busy < q.limit
	if start {
		q.busy++
	}
	q.mu.Unlock()
	if start && !p.Go(func(context.Context) { q.work() }) {
		q.work()
	}
}

func (q *queue[T]) work() {
	for {
		q.mu.Lock()
		if len(q.items) == 0 {
			q.busy--
			q.items = nil
			q.mu.Unlock()
			return
		}
		item := q.items[0]
		q.items = q.items[1:]
		q.mu.Unlock()
		q.handle(item)
	}
}
