package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/store"
)

const (
	followEvery = time.Hour   // between two looks at the IdP's metadata and keys
	followRetry = time.Minute // after one that has failed, at most
	followLeast = time.Minute // between two looks, however often an endpoint is missing
	followPause = time.Second // after one that has failed, at least
)

// follow reads the IdP's metadata and keys again: each hour, so that what the Store keeps is
// never much older than an outage; as soon as an endpoint is missing; and again and again while
// the IdP does not answer. Until then the old ones stay in use.
func (p *Engine) follow(ctx context.Context) {
	err := errNotMet
	if p.met.Load() {
		err = p.keepIdP(ctx, p.Now())
	}
	for failures := 0; ; err = p.lookAtIdP(ctx) {
		wait := followEvery - time.Duration(rand.Int64N(int64(followEvery/10)))
		if err == nil {
			failures = 0
			sleep(ctx, followLeast)
		} else if ctx.Err() == nil {
			if failures++; failures == 1 && err != errNotMet {
				p.log.Warn("the IdP's metadata and keys could not be read again, or could not be stored; this "+
					"instance keeps using the old ones", "error", err)
			}
			wait = min(time.Second<<min(failures-1, 10), followRetry)
			sleep(ctx, followPause)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-p.idp.Doubts():
		case <-ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

var errNotMet = errors.New("rp: the IdP has not answered this instance yet")

// lookAtIdP asks the IdP, takes what it says, and stores it.
func (p *Engine) lookAtIdP(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.RequestTimeout)
	defer cancel()
	read := p.Now()
	m, err := p.idp.Look(ctx)
	if err != nil {
		return err
	}
	if err := p.idp.Usable(m); err != nil { // it is another one now, or nobody may call it
		p.noteAgain("idp_unusable", true, "The IdP's discovery document cannot be used any more, so this app keeps "+
			"using the former one: "+err.Error())
		return nil
	}
	old := p.idp.At().Metadata
	if names := idp.Changes(old, m); len(names) > 0 {
		p.idp.Use(m)
		p.noteAgain("idp_changed", false, "The IdP has changed its "+strings.Join(names, ", ")+"; this app uses the "+
			"new values from now on.")
	}
	if err := p.idp.Fits(m); err != nil { // sessions go on; who starts anew hears it as an error
		p.noteAgain("idp_unfit", true, "The IdP has changed, and the next start will fail: "+err.Error())
	}
	if !p.met.Swap(true) {
		p.log.Info("the IdP answers; people can log in again")
		p.Report(p.cfg.Judge(p.idp.At()))
	}
	return p.keepIdP(ctx, read)
}

// noteAgain reports a finding that may come again with another text.
func (p *Engine) noteAgain(code string, serious bool, text string) {
	p.found.forget(code, text)
	p.Report([]store.Finding{{Code: code, Serious: serious, Text: text}})
}

// HasMet reports whether the IdP has answered this instance, ever.
func (p *Engine) HasMet() bool { return p.met.Load() }
