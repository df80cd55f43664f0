package ssf

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"sort"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/keyset"
)

const (
	maxPollAnswer = 4 << 20 // bytes
	pollBackoff   = time.Second
	maxBackoff    = 5 * time.Minute
)

// pollRequest and pollAnswer are RFC 8936 §2.
type pollRequest struct {
	MaxEvents         int               `json:"maxEvents"`
	ReturnImmediately bool              `json:"returnImmediately"`
	Acks              []string          `json:"ack,omitempty"`
	Errors            map[string]*fault `json:"setErrs,omitempty"`
}

// moreAvailable is not read: after an answer with tokens the next request follows
// at once anyway.
type pollAnswer struct {
	Sets map[string]string `json:"sets"`
}

// poll asks for events until ctx is done. It acknowledges a token with the first
// request after what it says was stored; one that cannot be carried out at the
// moment is not acknowledged and comes again.
func (r *Receiver) poll(ctx context.Context) {
	next := r.emptyRequest()
	var last map[string]string
	for failures := 0; ctx.Err() == nil; {
		got, err := r.ask(ctx, next)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			failures++
			wait := backoff(failures, err)
			r.log.Warn("a poll for security events failed; trying again", "error", err, "retry_in", wait)
			sleep(ctx, wait)
			continue // with the same acknowledgements
		}
		next = r.emptyRequest()
		postponed := r.takeAll(ctx, got, &next)
		switch {
		case postponed != nil:
			failures++
			wait := backoff(failures, postponed)
			r.log.Warn("a security event could not be carried out; it will come again", "error", postponed, "retry_in",
				wait)
			sleep(ctx, wait)
		case news(got.Sets, last):
			failures = 0 // acknowledge at once
		default:
			failures = 0
			sleep(ctx, r.cfg.PollEvery)
		}
		last = got.Sets
	}
}

// news tells whether there is a token that the last answer did not have: a
// transmitter that does not listen to acknowledgements shall not keep us busy.
func news(sets, last map[string]string) bool {
	for id := range sets {
		if _, old := last[id]; !old {
			return true
		}
	}
	return false
}

func (r *Receiver) emptyRequest() pollRequest {
	return pollRequest{MaxEvents: r.cfg.MaxEvents, ReturnImmediately: r.cfg.PollWait < 0}
}

// takeAll receives the tokens of an answer, always in the same order, and notes
// in next what the transmitter is to hear of them. It returns why one has to come
// again.
func (r *Receiver) takeAll(ctx context.Context, got *pollAnswer, next *pollRequest) (postponed error) {
	ids := make([]string, 0, len(got.Sets))
	for id := range got.Sets {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	for _, id := range ids {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		err := r.receive(ctx, got.Sets[id], id)
		var bad *fault
		switch {
		case err == nil:
			next.Acks = append(next.Acks, id)
		case errors.As(err, &bad):
			if next.Errors == nil {
				next.Errors = map[string]*fault{}
			}
			next.Errors[id] = bad
		default:
			postponed = err
			var down *keyset.UnavailableError
			if errors.As(err, &down) {
				return postponed // and so for all others
			}
		}
	}
	return postponed
}

func (r *Receiver) ask(ctx context.Context, in pollRequest) (*pollAnswer, error) {
	t := r.cfg.Transmitter
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequest(http.MethodPost, r.cfg.PollURL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	if in.Errors != nil {
		req.Header.Set("Content-Language", "en") // of the descriptions (§2.4.4)
	}
	if err := t.authorize(ctx, req); err != nil {
		return nil, err
	}
	var got pollAnswer
	limit := t.cfg.RequestTimeout + max(r.cfg.PollWait, 0)
	if err := t.doWithin(ctx, limit, req, http.StatusOK, maxPollAnswer, &got); err != nil {
		return nil, err
	}
	return &got, nil
}

// backoff is what the transmitter asks for, else exponential with jitter.
func backoff(failures int, err error) time.Duration {
	var status *StatusError
	if errors.As(err, &status) && status.RetryAfter > 0 {
		return status.RetryAfter
	}
	d := min(pollBackoff<<min(failures-1, 10), maxBackoff)
	return d - d/4 + rand.N(d/4)
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
