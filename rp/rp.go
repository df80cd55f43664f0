package rp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/answer"
	"github.com/tandem-sso/tandem/rp/internal/cookie"
	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/loginflow"
	"github.com/tandem-sso/tandem/rp/internal/names"
	"github.com/tandem-sso/tandem/rp/internal/page"
	"github.com/tandem-sso/tandem/rp/internal/posted"
	"github.com/tandem-sso/tandem/rp/internal/seal"
	"github.com/tandem-sso/tandem/rp/internal/site"
	"github.com/tandem-sso/tandem/rp/internal/throttle"
	"github.com/tandem-sso/tandem/rp/internal/web"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// RelyingParty is one client of one OpenID Provider. It is safe for concurrent
// use; make it with New and Close it.
type RelyingParty struct {
	*private   // cfg
	idp        *idp.Provider
	probing    probe       // of the IdP
	met        atomic.Bool // the IdP has answered this instance
	party      *names.Party
	ring       *seal.Ring // seals records
	logins     *loginflow.Logins
	site       *site.App
	cookies    cookie.Jar
	activity   *web.Classifier
	pages      *page.Set
	replies    *answer.Writer
	posted     posted.Sealer
	apis       map[string]*audience // by origin; nil: the token of the log-in
	log        *slog.Logger
	hub        *hub
	cache      *cache
	flights    *flights
	agenda     *agenda
	streams    streams
	reports    *throttle.Throttle // of activity
	vouches    *throttle.Throttle // of looks at the IdP's session
	userNotes  *throttle.Throttle // of noteUser
	late       lateLogouts
	refusals   throttle.Budget    // of lines in the log that strangers can cause
	troubles   throttle.Budget    // of those that every request causes while the store fails
	unreadable *throttle.Throttle // of lines about one record
	checkup    selfCheck
	guard      guard
	found      findings
	blames     blames
	denials    denials
	past       pastEnds
	untold     queue[untold]       // ended sessions to report
	sighted    []sighting          // the sweeper's
	unrevoked  queue[store.Record] // reported ones whose tokens are to be revoked

	ctx    context.Context // of loops; ended by Close at once
	stop   context.CancelFunc
	health health

	streaming  context.Context // of streams; ended by CloseStreams, and with ctx
	endStreams context.CancelFunc
	calls      context.Context // of calls to the IdP; Close lets them finish
	abort      context.CancelFunc
	work       sync.WaitGroup
	gate       sync.Mutex // orders goes and Close, so that Wait never misses an Add
}

// New checks the configuration, discovers the IdP and starts the background
// work. ctx bounds the discovery only.
//
// Where the IdP does not answer, New works with what the Store keeps of it, for 24 h
// after it was last heard of: sessions are served within Config.TrustFor, and nobody
// can log in until it answers. Its metadata and keys are read again each hour, and when
// an endpoint answers 404 or 410; what has changed is a [Finding].
//
// A *ConfigError, or several joined, names what is wrong with the configuration, and
// trying again does not help; another issuer is such a mistake. Any other error means
// that the IdP could not be reached and that the Store keeps nothing of it: trying again
// later may help.
func New(ctx context.Context, cfg Config) (*RelyingParty, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	party, err := names.New(cfg.Issuer, cfg.ClientID, cfg.Keys)
	if err != nil {
		return nil, wrong("Keys", "%v", err)
	}
	ring, err := seal.NewRing("record", party.Owner[:], cfg.Keys...)
	if err != nil {
		return nil, wrong("Keys", "%v", err)
	}
	carried, err := seal.NewRing("state", party.Owner[:], cfg.Keys...)
	if err != nil {
		return nil, wrong("Keys", "%v", err)
	}
	app, err := site.New(cfg.BaseURL, cfg.BaseURLs, cfg.Prefix, cfg.TrustedOrigins)
	if err != nil {
		return nil, wrong("TrustedOrigins", "%v", err)
	}
	cookies := cookie.Jar(cfg.CookieName)
	logins, err := loginflow.New(loginflow.Config{Keys: cfg.Keys, Owner: party.Owner[:], Ring: carried, Cookies: cookies, Site: app,
		Timeout: cfg.LoginTimeout})
	if err != nil {
		return nil, wrong("Keys", "%v", err)
	}
	p := &RelyingParty{
		private: &private{cfg}, idp: newProvider(&cfg), party: party, ring: ring, logins: logins,
		site: app, cookies: cookies, posted: posted.NewSealer(carried, party.Owner[:]), apis: audiencesOf(cfg.APIs),
		log: cfg.Logger.With("client_id", cfg.ClientID), hub: newHub(), cache: new(cache), flights: newFlights(),
		agenda:  newAgenda(),
		streams: streams{of: map[store.Key]int{}}, blames: blames{of: map[blameKey]time.Time{}}, denials: denials{of: map[denialKey]denial{}}, reports: throttle.New(activityEvery, activityBurst),
		vouches:    throttle.New(vouchEvery, vouchBurst),
		userNotes:  throttle.New(10*time.Second, 1), // while the first one is on its way
		unreadable: throttle.New(remember, 1),
	}
	p.pages = cfg.Pages.set(func(err error) {
		p.refusals.Spend(p.log, p.now(), "Config.Pages.Frame fails; the plain page is shown", "error", err)
	})
	p.replies = &answer.Writer{Site: p.site, Pages: p.pages, Keep: p.keepPosted, Forbidden: cfg.Forbidden, Guarded: func(path string) {
		p.refusals.Spend(p.log, p.now(), "RequireLogin guards an endpoint of the library, so nobody can log in: keep Config.Prefix out of what it guards", "path", path[:min(len(path), 100)])
	}}
	p.activity = newClassifier(&p.cfg, p.site)
	p.untold = queue[untold]{handle: p.announceEnd, limit: 1}
	p.unrevoked = queue[store.Record]{handle: p.cleanUp, limit: revocationsAtOnce, most: revocationsInMind}
	p.ctx, p.stop = context.WithCancel(context.Background())
	p.streaming, p.endStreams = context.WithCancel(p.ctx)
	p.calls, p.abort = context.WithCancel(context.Background())
	p.idp.Differs = p.clockDiffers
	if err := p.meet(ctx); err != nil {
		p.stop()
		p.abort()
		return nil, err
	}
	p.report(judgeProvider(&p.cfg, p.idp.At()))
	p.report(storeFindings(ctx, cfg.Store, cfg.RequestTimeout))
	p.report(judgeSites(&p.cfg))
	p.report(judgePages(p.pages))
	p.goes(func(context.Context) { p.watch(p.ctx) })
	p.goes(func(context.Context) { p.sweep(p.ctx) })
	p.goes(func(context.Context) { p.follow(p.ctx) })
	return p, nil
}

// closeGrace is how long Close waits for running calls: a refresh that is cut off
// may have spent its token.
const closeGrace = 10 * time.Second

// CloseStreams ends the open event streams, and takes no new ones: a browser goes to
// another instance, and polls where there is none. All else goes on until Close.
//
// It is for an http.Server that is to stop: without it Shutdown waits for the pages that
// are open until its time is over.
//
//	srv.RegisterOnShutdown(auth.CloseStreams)
func (p *RelyingParty) CloseStreams() { p.endStreams() }

// Close stops the background work, lets running calls of the IdP finish for up to
// 10 s, and stores activity that was not stored yet. Call it after the http.Server's
// Shutdown. The Store stays open; it is the caller's, to be closed after this.
func (p *RelyingParty) Close() error {
	late := p.agenda.close()
	p.gate.Lock()
	p.stop()
	p.gate.Unlock()
	grace := time.AfterFunc(closeGrace, p.abort)
	p.work.Wait()
	grace.Stop()
	p.abort()
	p.idp.Keys.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var errs []error
	for _, key := range late {
		errs = append(errs, p.flush(ctx, key))
	}
	return errors.Join(errs...)
}

// goes runs f on a goroutine that Close waits for; false when closed. Its context
// is that of calls.
func (p *RelyingParty) goes(f func(context.Context)) bool {
	p.gate.Lock()
	defer p.gate.Unlock()
	if p.ctx.Err() != nil {
		return false
	}
	p.work.Go(func() { f(p.calls) })
	return true
}

// watch passes on what other instances report, and connects again when that
// fails.
func (p *RelyingParty) watch(ctx context.Context) {
	for n := 1; ctx.Err() == nil; n++ {
		began := p.cfg.Now()
		err := p.cfg.Store.Watch(ctx, p.noticed)
		if ctx.Err() != nil {
			return
		}
		p.past.cutOff()
		if p.cfg.Now().Sub(began) > time.Minute {
			n = 1
		}
		p.log.Warn("the store stopped reporting changes; connecting again", "error", err)
		sleep(ctx, min(time.Second<<min(n-1, 4), 10*time.Second))
	}
}

// noticed must not block: it runs on the store's goroutine. An end is believed when
// the record says so: who may send reports need not be who may write.
func (p *RelyingParty) noticed(c store.Change) {
	switch {
	case c.Key == (store.Key{}): // reports may be missing
		p.goes(func(context.Context) { p.lookAgain(p.ctx, p.hub.watched()) })
		if p.past.listens() {
			p.goes(func(context.Context) { p.endAgain() })
		}
	case c.Reason == "":
		p.hub.announce(c)
	default:
		p.past.hear(c.Key, p.now())
		if p.hub.watches(c.Key) {
			p.goes(func(context.Context) { p.lookAgain(p.ctx, []store.Key{c.Key}) })
		}
	}
}

// lookAgain re-reads sessions that somebody watches. What the store cannot say now is
// asked for again for a minute; after that streams find it by looking themselves.
func (p *RelyingParty) lookAgain(ctx context.Context, keys []store.Key) {
	for range 60 {
		if keys = p.lookOnce(ctx, keys); len(keys) == 0 || ctx.Err() != nil {
			return
		}
		sleep(ctx, time.Second)
	}
}

// lookOnce returns those that could not be read and are watched still.
func (p *RelyingParty) lookOnce(ctx context.Context, keys []store.Key) (left []store.Key) {
	for _, key := range keys {
		rec, err := p.cfg.Store.Load(ctx, key)
		switch {
		case errors.Is(err, store.ErrEnded):
			p.hub.announce(store.Change{Key: key, Reason: rec.End.Reason})
		case errors.Is(err, store.ErrNotFound):
			p.hub.announce(store.Change{Key: key, Reason: string(reason.Unconfirmed)})
		case err == nil:
			p.hub.announce(store.Change{Key: key, Version: rec.Version})
		case p.hub.watches(key):
			left = append(left, key)
		}
	}
	return left
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// now is the clock in what a Store keeps: milliseconds of UTC.
func (p *RelyingParty) now() time.Time { return time.UnixMilli(p.cfg.Now().UnixMilli()).UTC() }

// refused tells the operator what the answer does not say. Anybody can cause it, so
// the log is bounded; Config.Events hears of each.
func (p *RelyingParty) refused(what Refused, err error) {
	p.refusals.Spend(p.log, p.now(), string(what), append([]any{"error", err}, p.clock()...)...)
	if fn := p.cfg.Events.Refused; fn != nil {
		fn(RefusedEvent{What: what, At: p.now(), Err: err})
	}
}

// busy is an *UnavailableError for which nobody outside this application is to blame.
func busy(after time.Duration, format string, args ...any) error {
	return &UnavailableError{RetryAfter: after, Cause: reason.Busy, Err: fmt.Errorf(format, args...)}
}

// idpSilent is an *UnavailableError that an IdP causes by giving no answer.
func idpSilent(after time.Duration, format string, args ...any) error {
	return &UnavailableError{RetryAfter: after, Cause: reason.IdPSilent, Err: fmt.Errorf(format, args...)}
}

const storeRetry = 2 * time.Second

// storeFailed is an *UnavailableError that the Store causes. The operator hears of each
// by Config.Events, and by the log within its budget: most people who got the 503 will
// not tell. That a browser hung up is no failure of the Store.
func (p *RelyingParty) storeFailed(err error) error {
	if !errors.Is(err, context.Canceled) {
		p.troubles.Spend(p.log, p.now(), "the session store failed; sessions are kept, and requests are answered with 503", "error", err)
		if fn := p.cfg.Events.StoreFailed; fn != nil {
			fn(StoreFailedEvent{At: p.now(), Err: err})
		}
	}
	return &UnavailableError{RetryAfter: storeRetry, Cause: reason.StoreFailed, Err: fmt.Errorf("the session store failed: %w", err)}
}
