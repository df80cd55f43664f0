package transmitter

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// queued is a token on its way.
type queued struct {
	jti      string
	event    string
	token    string
	attempts int
	status   int
}

// SETRecord is a token whose delivery has ended.
type SETRecord struct {
	JTI      string
	Event    string
	Attempts int    // pushes, or polls that returned it
	Status   int    // of the last push; 0 with poll
	Err      string // what the receiver said against it; empty: it was accepted
	GivenUp  bool   // no answer, or a failure that did not pass
}

// PollRecord is one request to the poll endpoint.
type PollRecord struct {
	At        time.Time
	MaxEvents *int
	Immediate bool
	Acks      []string
	Errors    map[string]string // err by jti
	Returned  int
}

// Send queues an event on a stream, spoilt in order by the faults, and returns
// its jti; "" if the stream is not to hear of its subject.
func (t *Transmitter) Send(streamID string, s SET, faults ...SETFault) (string, error) {
	t.mu.Lock()
	st := t.streams[streamID]
	t.mu.Unlock()
	if st == nil {
		return "", fmt.Errorf("transmitter: no stream %q", streamID)
	}
	if !t.concerns(st, s) {
		return "", nil
	}
	s.JTI = cmp.Or(s.JTI, rand.Text())
	token, err := t.token(st, s, faults)
	if err != nil {
		return "", err
	}
	return s.JTI, t.SendToken(streamID, s.JTI, s.Event, token)
}

// SendToken queues any text as a token under a jti.
func (t *Transmitter) SendToken(streamID, jti, event, token string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.streams[streamID]
	switch {
	case s == nil:
		return fmt.Errorf("transmitter: no stream %q", streamID)
	case s.status == "disabled":
		return nil // not kept either
	case len(s.queue) >= maxStreamEvents:
		return errors.New("transmitter: the stream is full")
	}
	s.queue = append(s.queue, &queued{jti: jti, event: event, token: token})
	t.wakeLocked(s)
	return nil
}

// Delivered lists the tokens of a stream that were accepted, refused or given up,
// in that order.
func (t *Transmitter) Delivered(streamID string) []SETRecord {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.streams[streamID]; s != nil {
		return append([]SETRecord(nil), s.done...)
	}
	return nil
}

// Pending is how many tokens of a stream are still on their way.
func (t *Transmitter) Pending(streamID string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.streams[streamID]; s != nil {
		return len(s.queue)
	}
	return 0
}

// Polls lists the requests to the poll endpoint.
func (t *Transmitter) Polls() []PollRecord {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]PollRecord(nil), t.polls...)
}

// Settle waits until no token is on its way.
func (t *Transmitter) Settle(ctx context.Context) error {
	for _, s := range t.Streams() {
		if err := t.settleStream(ctx, s.ID); err != nil {
			return err
		}
	}
	return nil
}

func (t *Transmitter) settleStream(ctx context.Context, id string) error {
	for {
		t.mu.Lock()
		quiet, s := t.quiet, t.streams[id]
		empty := s == nil || len(s.queue) == 0
		t.mu.Unlock()
		if empty {
			return nil
		}
		select {
		case <-quiet:
		case <-ctx.Done():
			return ctx.Err()
		case <-t.ctx.Done():
			return idpmock.ErrClosed
		}
	}
}

func (t *Transmitter) settledLocked() {
	close(t.quiet)
	t.quiet = make(chan struct{})
}

func (t *Transmitter) wakeLocked(s *stream) {
	close(s.wake)
	s.wake = make(chan struct{})
}

// doneLocked takes a token off its stream.
func (t *Transmitter) doneLocked(s *stream, q *queued, r SETRecord) {
	for i, o := range s.queue {
		if o == q {
			s.queue = append(s.queue[:i:i], s.queue[i+1:]...)
			r.JTI, r.Event, r.Attempts, r.Status = q.jti, q.event, q.attempts, q.status
			s.done = append(s.done, r)
			t.settledLocked()
			return
		}
	}
}

// pusher delivers the tokens of a stream one after the other until the stream
// is deleted.
func (t *Transmitter) pusher(s *stream) {
	for {
		t.mu.Lock()
		wake := s.wake
		var q *queued
		if s.method == MethodPush && s.status == "enabled" && len(s.queue) > 0 {
			q = s.queue[0]
		}
		t.mu.Unlock()
		if q == nil {
			select {
			case <-wake:
			case <-s.ended:
				return
			case <-t.ctx.Done():
				return
			}
			continue
		}
		t.pushWithRetries(s, q)
		if t.ctx.Err() != nil {
			return
		}
	}
}

func (t *Transmitter) pushWithRetries(s *stream, q *queued) {
	for n := 0; ; n++ {
		status, code, after, err := t.push(t.ctx, s, q.token)
		t.mu.Lock()
		q.attempts++
		q.status = status
		switch {
		case err == nil && status == http.StatusAccepted:
			t.doneLocked(s, q, SETRecord{})
		case err == nil && status >= 400 && status < 500 && status != http.StatusTooManyRequests:
			t.doneLocked(s, q, SETRecord{Err: cmp.Or(code, fmt.Sprint(status))})
		case n == len(t.cfg.PushRetries):
			t.doneLocked(s, q, SETRecord{GivenUp: true})
		default:
			t.mu.Unlock()
			if !t.pause(s, max(t.cfg.PushRetries[n], after)) {
				return
			}
			continue
		}
		t.mu.Unlock()
		return
	}
}

func (t *Transmitter) pause(s *stream, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.ended:
	case <-t.ctx.Done():
	}
	return false
}

// push is RFC 8935 §2.
func (t *Transmitter) push(ctx context.Context, s *stream,
	token string) (status int, code string, retryAfter time.Duration, err error) {
	t.mu.Lock()
	url, header := s.url, s.header
	t.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, t.idp.Config().DeliveryTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(token))
	if err != nil {
		return 0, "", 0, err
	}
	req.Header.Set("Content-Type", "application/secevent+jwt")
	req.Header.Set("Accept", "application/json")
	if header != "" {
		req.Header.Set("Authorization", header)
	}
	resp, err := t.idp.DeliveryClient().Do(req)
	if err != nil {
		return 0, "", 0, err
	}
	defer resp.Body.Close()
	var answer struct {
		Err string `json:"err"`
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return 0, "", 0, err
	}
	if resp.StatusCode == http.StatusBadRequest {
		_ = json.Unmarshal(body, &answer) // without a code the status has to do
	}
	var after int
	_, _ = fmt.Sscan(resp.Header.Get("Retry-After"), &after) // 0 if absent
	return resp.StatusCode, answer.Err, time.Duration(after) * time.Second, nil
}

// poll is RFC 8936 §2: tokens that were returned and not acknowledged are returned
// again.
func (t *Transmitter) poll(_ http.ResponseWriter, r *http.Request, rc Receiver) (int, any) {
	var in struct {
		MaxEvents *int     `json:"maxEvents"`
		Immediate bool     `json:"returnImmediately"`
		Acks      []string `json:"ack"`
		Errors    map[string]struct {
			Err string `json:"err"`
		} `json:"setErrs"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.MaxEvents != nil && *in.MaxEvents < 0 {
		return http.StatusBadRequest, nil
	}
	rec := PollRecord{At: t.idp.Now(), MaxEvents: in.MaxEvents, Immediate: in.Immediate, Acks: in.Acks,
		Errors: map[string]string{}}
	t.mu.Lock()
	s := t.find(rc, r.PathValue("stream"))
	if s == nil || s.method != MethodPoll {
		t.mu.Unlock()
		return http.StatusNotFound, nil
	}
	for _, jti := range in.Acks {
		t.answeredLocked(s, jti, "")
	}
	for jti, e := range in.Errors {
		rec.Errors[jti] = e.Err
		t.answeredLocked(s, jti, cmp.Or(e.Err, "unknown"))
	}
	index := len(t.polls)
	t.polls = append(t.polls, rec)
	t.mu.Unlock()

	most := maxStreamEvents
	if in.MaxEvents != nil {
		most = *in.MaxEvents
	}
	sets, more := t.take(r.Context(), s, most, !in.Immediate && most > 0)
	t.mu.Lock()
	t.polls[index].Returned = len(sets)
	t.mu.Unlock()
	answer := map[string]any{"sets": sets}
	if more {
		answer["moreAvailable"] = true
	}
	return http.StatusOK, answer
}

func (t *Transmitter) answeredLocked(s *stream, jti, err string) {
	for _, q := range s.queue {
		if q.jti == jti {
			t.doneLocked(s, q, SETRecord{Err: err})
			return
		}
	}
}

// take returns the oldest tokens, waiting for the first one if it may.
func (t *Transmitter) take(ctx context.Context, s *stream, most int, wait bool) (sets map[string]string, more bool) {
	hold := time.NewTimer(max(t.cfg.PollHold, 0))
	defer hold.Stop()
	for {
		sets = map[string]string{}
		t.mu.Lock()
		wake := s.wake
		if s.status == "enabled" {
			for _, q := range s.queue[:min(most, len(s.queue))] {
				q.attempts++
				sets[q.jti] = q.token
			}
			more = len(s.queue) > len(sets)
		}
		t.mu.Unlock()
		if len(sets) > 0 || !wait {
			return sets, more
		}
		select {
		case <-wake:
		case <-hold.C:
			return sets, more
		case <-s.ended:
			return sets, more
		case <-ctx.Done():
			return sets, more
		case <-t.ctx.Done():
			return sets, more
		}
	}
}
