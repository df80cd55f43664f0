package rp

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/rp/activity"
	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/internal/web"
	"github.com/tandem-sso/tandem/rp/store"
)

// pageActivity is what pages report.
type pageActivity struct {
	gate     *gate
	statuses *statuses
}

// activityEvery and activityBurst bound what one session reports.
const (
	activityEvery = 500 * time.Millisecond
	activityBurst = 20
)

// serve notes that the person did something on the page, and answers
// with Status. It takes POST from this very origin only, and from one session
// not more than a burst of 20 and then two a second.
//
// If the IdP is due to be told, it is told before the answer, so that a person
// who presses "stay signed in" learns at once whether that is still possible:
// the error is then an *EndedError. Trouble at the IdP is no error as long as
// the session is trusted; Status says until when.
func (a *pageActivity) serve(w http.ResponseWriter, r *http.Request) error {
	web.NoStore(w.Header())
	key, ok := a.gate.browsers.key(r.Header)
	if !ok {
		return ErrAnonymous
	}
	if !a.gate.site.Of(r).IsOwn(r.Header) || web.First(r.Header, "Sec-Fetch-Mode") == "navigate" {
		return ErrCrossOrigin // Authenticate looks for trusted origins as well
	}
	if wait := a.gate.reports.Take(key, a.gate.now()); wait > 0 {
		return &requestError{Status: http.StatusTooManyRequests, Code: "slow_down", RetryAfter: wait,
			Err: errors.New("activity is reported too often")}
	}
	_, st, err := a.gate.enter(r.WithContext(activity.Mark(r.Context(), activity.Active)))
	if err != nil {
		return err
	}
	if err := a.confirmDue(r.Context(), st); err != nil {
		return err
	}
	return a.statuses.serve(w, r)
}

// confirmWait bounds how long a page waits for a signal that is merely due.
const confirmWait = 5 * time.Second

// confirmDue waits for the signal that Authenticate found to be due. Authenticate started it
// and did not wait.
func (a *pageActivity) confirmDue(ctx context.Context, st *engine.State) error {
	if m := a.gate.engine.Means(st.Data); m == engine.ByNothing || m == engine.BySilentLogin {
		return nil
	}
	if a.gate.engine.Judge(st, lifetime.Active).Signal == lifetime.NotDue {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, confirmWait)
	defer cancel()
	_, err := a.gate.engine.Tell(ctx, st)
	if errors.Is(err, store.ErrEnded) || errors.Is(err, ErrAnonymous) {
		return err
	}
	return nil
}
