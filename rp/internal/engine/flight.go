package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// flights makes sure that at most one call to the IdP is under way per session
// in this process, and remembers after a failed one when to try again.
type flights struct {
	mu     sync.Mutex
	flying map[store.Key]*flight
	pauses map[store.Key]pause
	tidied time.Time
	breaker
}

type flight struct {
	done  chan struct{}
	st    *State // valid after done
	err   error
	stuck chan struct{}
	cause error // valid after stuck
	tries bool  // it is the one call while the breaker is open
}

type pause struct {
	failures int
	from     time.Time
	until    time.Time
	cause    error
	blames   reason.Cause
	outage   bool // over as soon as the IdP answers anybody
}

func newFlights() *flights {
	return &flights{flying: map[store.Key]*flight{}, pauses: map[store.Key]pause{}}
}

func (f *flights) underWay(key store.Key) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.flying[key] != nil
}

// join returns the flight of a session; mine means that the caller has to fly it.
func (f *flights) join(key store.Key) (fl *flight, mine bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fl = f.flying[key]; fl != nil {
		return fl, false
	}
	fl = &flight{done: make(chan struct{}), stuck: make(chan struct{})}
	f.flying[key] = fl
	return fl, true
}

func (f *flights) land(key store.Key, fl *flight, st *State, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fl.st, fl.err = st, err
	if fl.tries {
		f.trying = false
	}
	delete(f.flying, key)
	close(fl.done)
}

// hold tells those who wait for a session's flight that it will take longer than
// they should wait: its answer is there but cannot be stored.
func (f *flights) hold(key store.Key, cause error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fl := f.flying[key]; fl != nil && fl.cause == nil {
		fl.cause = cause
		close(fl.stuck)
	}
}

// paused returns how long no call is to be made for a session, because of its
// own failures or of one that concerns the whole client (kept under the zero
// Key): then one session after the other tries, not all at once.
func (f *flights) paused(key store.Key, now time.Time) (time.Duration, reason.Cause, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.pauses[key]
	if all := f.pauses[store.Key{}]; all.until.After(p.until) {
		p = all
	}
	if now.Before(p.from) { // the clock was set back: nobody waits until then
		return 0, "", nil
	}
	return p.until.Sub(now), p.blames, p.cause
}

// failed notes a failure and returns the pause after it: what the server asked
// for, else exponential with jitter.
func (f *flights) failed(key store.Key, v verdict.Verdict, asked time.Duration, now time.Time, blames reason.Cause,
	cause error) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.pauses[key]
	p.failures++
	d := asked
	if d == 0 {
		d = verdict.Backoff(v, p.failures)
		d -= d / 4 * time.Duration(now.UnixMilli()%256) / 256
	}
	p.from, p.until, p.blames, p.cause = now, now.Add(d), blames, cause
	p.outage = v == verdict.Retry && asked == 0
	f.outage = f.outage || p.outage
	f.pauses[key] = p
	f.forget(now)
	return d
}

// forget drops, once a minute, the pauses of sessions that did not come back.
func (f *flights) forget(now time.Time) {
	if now.Sub(f.tidied) < time.Minute {
		return
	}
	f.tidied = now
	for k, old := range f.pauses {
		if now.Sub(old.until) > 10*time.Minute {
			delete(f.pauses, k)
		}
	}
}

// succeeded ends a session's pause, that of the client, and those of all others that
// only had to wait for the end of an outage: when the IdP is back, everybody is back.
func (f *flights) succeeded(key store.Key) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.pauses, key)
	delete(f.pauses, store.Key{})
	if !f.outage {
		return
	}
	f.outage = false
	for k, p := range f.pauses {
		if p.outage {
			delete(f.pauses, k)
		}
	}
}

// Errand is what somebody wants of the IdP.
type Errand struct {
	token bool      // a fresh access token, also where a refresh is no signal
	to    *Audience // whose; nil: the log-in's
}

// maxErrands is how many calls a caller waits for at most: one of each kind, and its own.
const maxErrands = MaxOwnTokens + 3

// Fly asks the IdP about a session on a goroutine of its own and waits for the answer for
// Config.WaitFor at most; whoever asks at the same time shares the answer. enough tells from
// the present state whether the call has been made already, by another request or another
// instance. A caller that needs something else waits for the call that is under way, and then
// makes its own: there is only one refresh token.
func (p *Engine) Fly(ctx context.Context, key store.Key, want Errand, enough func(*record.Data) bool) (*State, error) {
	began := time.Now()
	st, err := p.fly(ctx, key, want, enough)
	if fn := p.cfg.Events.Waited; fn != nil {
		fn(ctx, time.Since(began), err)
	}
	return st, err
}

func (p *Engine) fly(ctx context.Context, key store.Key, want Errand, enough func(*record.Data) bool) (*State, error) {
	timer := time.NewTimer(p.cfg.WaitFor)
	defer timer.Stop()
	for range maxErrands {
		if wait, blames, cause := p.flights.paused(key, p.Now()); wait > 0 {
			if errors.Is(cause, ErrReauthenticate) { // to wait would not help
				return nil, cause
			}
			return nil, &reason.UnavailableError{RetryAfter: wait, Cause: blames, Err: cause}
		}
		fl, mine := p.flights.join(key)
		switch {
		case !mine:
		case !p.flights.admit(fl):
			p.flights.land(key, fl, nil, othersTry())
		case !p.Go(func(own context.Context) {
			st, err := p.ask(along(own, ctx), key, want, enough)
			p.flights.land(key, fl, st, err)
		}):
			p.flights.land(key, fl, nil, Busy(time.Second, "this instance is shutting down"))
		}
		select {
		case <-fl.done:
		case <-timer.C:
			return nil, IdPSilent(2*time.Second, "the answer takes longer than Config.WaitFor (%v); the call goes on",
				p.cfg.WaitFor)
		case <-fl.stuck:
			return nil, fl.cause
		case <-ctx.Done():
			return nil, Busy(time.Second, "the caller gave up the request: %w", ctx.Err())
		}
		if only := (*onlyFor)(nil); errors.As(fl.err, &only) {
			if only.to == want.to {
				return nil, only.err
			}
			continue // it is nothing to who asks for something else
		}
		if fl.err != nil {
			return nil, fl.err
		}
		if mine || enough(fl.st.Data) {
			return fl.st, nil
		}
	}
	return nil, Busy(time.Second, "the IdP was not asked in time")
}

// ask takes the session's lease, looks again whether the call is still needed,
// and makes it. Only one instance holds the lease.
func (p *Engine) ask(ctx context.Context, key store.Key, want Errand, enough func(*record.Data) bool) (*State, error) {
	st, held, err := p.lead(ctx, key, want, enough)
	if held == nil {
		return st, err
	}
	defer held.release()
	shows := p.refreshes(st.Data, want)
	switch {
	case p.WantsTokens(st.Data):
		return nil, p.askSilently(st)
	case !shows && st.Data.AccessToken == "":
		return st, nil // nothing to ask with: its 401 would say nothing about the session
	case !p.flights.admitNow(key): // the breaker has opened while this waited for the lease
		return nil, othersTry()
	case shows:
		return p.refresh(ctx, st, want.to, held)
	}
	return p.userinfo(ctx, st)
}

func othersTry() error {
	return IdPSilent(5*time.Second, "the IdP does not answer in time; another call is trying it at the moment")
}

// refreshes reports whether an errand shows the refresh token.
func (p *Engine) refreshes(d *record.Data, want Errand) bool {
	return !p.WantsTokens(d) && d.RefreshToken != "" && (want.token || p.Means(d) == byRefresh)
}
