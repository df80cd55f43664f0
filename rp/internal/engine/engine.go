package engine

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/names"
	"github.com/tandem-sso/tandem/rp/internal/seal"
	"github.com/tandem-sso/tandem/rp/internal/throttle"
	"github.com/tandem-sso/tandem/rp/store"
)

// Engine keeps the sessions of one client of one IdP. It is safe for concurrent use.
type Engine struct {
	*private   // cfg
	idp        *idp.Provider
	probing    probe       // of the IdP
	met        atomic.Bool // the IdP has answered this instance
	party      *names.Party
	ring       *seal.Ring           // seals records
	apis       map[string]*Audience // by origin; nil: the token of the log-in
	log        *slog.Logger
	hub        *hub
	cache      *cache
	flights    *flights
	agenda     *agenda
	vouches    *throttle.Throttle // of looks at the IdP's session
	late       lateLogouts
	troubles   throttle.Budget    // of lines in the log that every request causes while the store fails
	unreadable *throttle.Throttle // of lines about one record
	guard      guard
	found      findings
	blames     blames
	denials    denials
	past       pastEnds
	untold     queue[untold]       // ended sessions to report
	sighted    []sighting          // the sweeper's
	unrevoked  queue[store.Record] // reported ones whose tokens are to be revoked
	health     health

	ctx   context.Context // of loops; ended by Close at once
	stop  context.CancelFunc
	calls context.Context // of calls to the IdP; Close lets them finish
	abort context.CancelFunc
	work  sync.WaitGroup
	gate  sync.Mutex // orders Go and Close, so that Wait never misses an Add
}

// New meets the IdP, or what the Store keeps of it, and starts the background work. ctx
// bounds the meeting. Errors: idp.UnfitError, or what kept the IdP from answering.
func New(ctx context.Context, c Config, party *names.Party, ring *seal.Ring) (*Engine, error) {
	p := &Engine{
		private: &private{c}, idp: c.IdP, party: party, ring: ring, apis: c.APIs, log: c.Logger,
		hub: newHub(), cache: new(cache), flights: newFlights(), agenda: newAgenda(),
		blames: blames{of: map[blameKey]blame{}}, denials: denials{of: map[denialKey]denial{}},
		vouches:    throttle.New(vouchEvery, vouchBurst),
		unreadable: throttle.New(Remember, 1),
	}
	p.untold = queue[untold]{handle: p.announceEnd, limit: 1}
	p.unrevoked = queue[store.Record]{handle: p.cleanUp, limit: revocationsAtOnce, most: revocationsInMind}
	p.ctx, p.stop = context.WithCancel(context.Background())
	p.calls, p.abort = context.WithCancel(context.Background())
	p.idp.Differs = p.clockDiffers
	if fn := c.Events.KeysRead; fn != nil {
		p.idp.Keys.News = func(ids []string) { fn(event.KeysRead{At: p.Now(), KeyIDs: ids}) }
	}
	if err := p.meet(ctx); err != nil {
		p.stop()
		p.abort()
		return nil, err
	}
	p.Report(c.Judge(p.idp.At()))
	p.Report(StoreFindings(ctx, c.Store, c.RequestTimeout))
	p.Go(func(context.Context) { p.watch(p.ctx) })
	p.Go(func(context.Context) { p.sweep(p.ctx) })
	p.Go(func(context.Context) { p.follow(p.ctx) })
	return p, nil
}

// Context ends when Close is called.
func (p *Engine) Context() context.Context { return p.ctx }

// closeGrace is how long Close waits for running calls: a refresh that is cut off
// may have spent its token.
const closeGrace = 10 * time.Second

// flushGrace is how long it then waits for the store. With lastTry and the release of leases,
// Close takes 15 s at most.
const flushGrace = 2 * time.Second

// Close stops the background work, lets running calls of the IdP finish for up to
// 10 s, and stores activity that was not stored yet.
func (p *Engine) Close() error {
	late := p.agenda.close()
	p.gate.Lock()
	p.stop()
	p.gate.Unlock()
	grace := time.AfterFunc(closeGrace, p.abort)
	p.work.Wait()
	grace.Stop()
	p.abort()
	p.idp.Keys.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), flushGrace)
	defer cancel()
	var errs []error
	for _, key := range late {
		errs = append(errs, p.flush(ctx, key))
	}
	return errors.Join(errs...)
}

// Abort gives running calls of the IdP up, so that Close does not wait for them.
func (p *Engine) Abort() { p.abort() }
