package transmitter

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/internal/plain"
)

func (t *Transmitter) configuration(w http.ResponseWriter, _ *http.Request) {
	doc := map[string]any{
		"spec_version":               "1_0",
		"issuer":                     t.cfg.Issuer,
		"jwks_uri":                   t.idp.Issuer() + idpmock.PathJWKS,
		"delivery_methods_supported": []string{MethodPush, MethodPoll},
		"configuration_endpoint":     t.cfg.Issuer + PathSSFStream,
		"status_endpoint":            t.cfg.Issuer + PathSSFStatus,
		"verification_endpoint":      t.cfg.Issuer + PathSSFVerify,
		"authorization_schemes":      []map[string]string{{"spec_urn": "urn:ietf:rfc:6749"}},
		"add_subject_endpoint":       t.cfg.Issuer + PathSSFAddSubject,
		"remove_subject_endpoint":    t.cfg.Issuer + PathSSFRemoveSubject,
		"default_subjects":           t.cfg.Temperament.defaultSubjects(),
	}
	if len(t.cfg.CriticalMembers) > 0 {
		doc["critical_subject_members"] = t.cfg.CriticalMembers
	}
	plain.Write(w, http.StatusOK, doc)
}

// endpoint answers a request of a receiver with a status and, unless nil, JSON. It
// may set headers and does not write.
type endpoint func(w http.ResponseWriter, r *http.Request, rc Receiver) (status int, body any)

// authorized finds the receiver by its bearer token (RFC 6750 §2.1).
func (t *Transmitter) authorized(f endpoint) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		for _, rc := range t.cfg.Receivers {
			if !ok || subtle.ConstantTimeCompare([]byte(rc.Token), []byte(token)) != 1 {
				continue
			}
			status, body := f(w, r, rc)
			if body == nil {
				w.WriteHeader(status)
			} else {
				plain.Write(w, status, body)
			}
			return
		}
		w.Header().Set("WWW-Authenticate", "Bearer")
		w.WriteHeader(http.StatusUnauthorized)
	}
}

type streamBody struct {
	ID          string   `json:"stream_id"`
	Requested   []string `json:"events_requested"`
	Description *string  `json:"description"`
	Delivery    *struct {
		Method string `json:"method"`
		URL    string `json:"endpoint_url"`
		Header string `json:"authorization_header"`
	} `json:"delivery"`
	Status  string         `json:"status"`
	State   string         `json:"state"`
	Subject map[string]any `json:"subject"`
}

// maxBody bounds what a request may carry, in bytes.
const maxBody = 64 << 10

func readBody(r *http.Request) (b streamBody, err error) {
	err = json.NewDecoder(r.Body).Decode(&b)
	return b, err
}

// createStream allows one stream per receiver.
func (t *Transmitter) createStream(_ http.ResponseWriter, r *http.Request, rc Receiver) (int, any) {
	b, err := readBody(r)
	s := &stream{id: rand.Text(), receiver: rc, method: MethodPoll, status: "enabled", wake: make(chan struct{}),
		ended: make(chan struct{})}
	if err != nil || !s.apply(t, b) {
		return http.StatusBadRequest, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, o := range t.streams {
		if o.receiver.Token == rc.Token {
			return http.StatusConflict, nil
		}
	}
	if t.closed {
		return http.StatusServiceUnavailable, nil
	}
	t.streams[s.id] = s
	if t.cfg.Temperament.VerifiesNew {
		unasked := SET{Event: EventTypeVerification, Subject: aboutStream(s.id)} // so without a state
		t.wg.Go(func() { _, _ = t.Send(s.id, unasked) })                         // the stream may be gone
	}
	t.wg.Go(func() { t.pusher(s) })
	return http.StatusCreated, t.describe(s)
}

// apply takes over what the receiver supplies.
func (s *stream) apply(t *Transmitter, b streamBody) bool {
	if b.Delivery != nil {
		s.method, s.url, s.header = b.Delivery.Method, b.Delivery.URL, b.Delivery.Header
	}
	switch s.method {
	case MethodPush:
		if u, err := url.Parse(s.url); err != nil || u.Host == "" {
			return false
		}
	case MethodPoll:
		s.url = t.cfg.Issuer + PathSSFPoll + s.id
	default:
		return false
	}
	if b.Requested != nil {
		s.requested = b.Requested
	}
	if b.Description != nil {
		s.about = *b.Description
	}
	return true
}

func (t *Transmitter) describe(s *stream) map[string]any {
	supported := []string{EventTypeSessionRevoked, EventTypeCredential}
	delivered := []string{}
	for _, e := range s.requested {
		if slices.Contains(supported, e) {
			delivered = append(delivered, e)
		}
	}
	delivery := map[string]any{"method": s.method, "endpoint_url": s.url}
	out := map[string]any{"stream_id": s.id, "iss": t.cfg.Issuer, "aud": s.receiver.Audience,
		"events_supported": supported,
		"events_requested": s.requested, "events_delivered": delivered, "delivery": delivery, "description": s.about}
	if t.cfg.VerifyInterval > 0 {
		out["min_verification_interval"] = int(t.cfg.VerifyInterval / time.Second)
	}
	return out
}

// find returns the receiver's stream. The caller holds mu.
func (t *Transmitter) find(rc Receiver, id string) *stream {
	if s := t.streams[id]; s != nil && s.receiver.Token == rc.Token {
		return s
	}
	return nil
}

func (t *Transmitter) readStream(_ http.ResponseWriter, r *http.Request, rc Receiver) (int, any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if id := r.URL.Query().Get("stream_id"); id != "" {
		s := t.find(rc, id)
		if s == nil {
			return http.StatusNotFound, nil
		}
		return http.StatusOK, t.describe(s)
	}
	all := []map[string]any{}
	for _, s := range t.streams {
		if s.receiver.Token == rc.Token {
			all = append(all, t.describe(s))
		}
	}
	return http.StatusOK, all
}

func (t *Transmitter) updateStream(_ http.ResponseWriter, r *http.Request, rc Receiver) (int, any) {
	b, err := readBody(r)
	if err != nil {
		return http.StatusBadRequest, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.find(rc, b.ID)
	if s == nil {
		return http.StatusNotFound, nil
	}
	changed := *s
	if r.Method == http.MethodPut { // all that a receiver may say (SSF §8.1.1.4)
		changed.method, changed.url, changed.header, changed.requested, changed.about = MethodPoll, "", "", nil, ""
	}
	if !changed.apply(t, b) {
		return http.StatusBadRequest, nil
	}
	s.method, s.url, s.header, s.requested, s.about = changed.method, changed.url, changed.header, changed.requested,
		changed.about
	t.wakeLocked(s)
	return http.StatusOK, t.describe(s)
}

func (t *Transmitter) deleteStream(_ http.ResponseWriter, r *http.Request, rc Receiver) (int, any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.find(rc, r.URL.Query().Get("stream_id"))
	if s == nil {
		return http.StatusNotFound, nil
	}
	delete(t.streams, s.id)
	close(s.ended)
	t.settledLocked()
	return http.StatusNoContent, nil
}

func (t *Transmitter) readStatus(_ http.ResponseWriter, r *http.Request, rc Receiver) (int, any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.find(rc, r.URL.Query().Get("stream_id"))
	if s == nil {
		return http.StatusNotFound, nil
	}
	return http.StatusOK, map[string]any{"stream_id": s.id, "status": s.status}
}

func (t *Transmitter) updateStatus(_ http.ResponseWriter, r *http.Request, rc Receiver) (int, any) {
	b, err := readBody(r)
	if err != nil {
		return http.StatusBadRequest, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.find(rc, b.ID)
	switch {
	case s == nil:
		return http.StatusNotFound, nil
	case !t.setStatusLocked(s, b.Status):
		return http.StatusBadRequest, nil
	}
	return http.StatusOK, map[string]any{"stream_id": s.id, "status": s.status}
}

func (t *Transmitter) setStatusLocked(s *stream, status string) bool {
	switch status {
	case "disabled":
		s.queue = nil
		t.settledLocked()
	case "enabled", "paused":
	default:
		return false
	}
	s.status = status
	t.wakeLocked(s)
	return true
}

// verify is the Verification Endpoint (SSF §8.1.4.2).
func (t *Transmitter) verify(w http.ResponseWriter, r *http.Request, rc Receiver) (int, any) {
	b, err := readBody(r)
	if err != nil {
		return http.StatusBadRequest, nil
	}
	if status := t.mayVerify(w.Header(), rc, b.ID); status != 0 {
		return status, nil
	}
	payload := map[string]any{}
	if b.State != "" {
		payload["state"] = b.State
	}
	if _, err := t.Send(b.ID, SET{Event: EventTypeVerification, Subject: aboutStream(b.ID),
		Payload: payload}); err != nil {
		return http.StatusInternalServerError, nil
	}
	return http.StatusNoContent, nil
}

func (t *Transmitter) mayVerify(h http.Header, rc Receiver, id string) (refused int) {
	now := t.idp.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.find(rc, id)
	if s == nil {
		return http.StatusNotFound
	}
	if wait := t.cfg.VerifyInterval - now.Sub(s.verified); !s.verified.IsZero() && wait > 0 {
		h.Set("Retry-After", fmt.Sprint(int((wait+time.Second-1)/time.Second)))
		return http.StatusTooManyRequests
	}
	s.verified = now
	return 0
}
