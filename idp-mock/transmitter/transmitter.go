// Package transmitter transmits Shared Signals for an idpmock provider (OpenID Shared Signals
// Framework 1.0, by push and by poll). It can send every malformed token that a receiver has
// to withstand.
package transmitter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// Delivery methods and events of the Shared Signals Framework 1.0.
const (
	MethodPush = "urn:ietf:rfc:8935"
	MethodPoll = "urn:ietf:rfc:8936"

	EventTypeSessionRevoked = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
	EventTypeCredential     = "https://schemas.openid.net/secevent/caep/event-type/credential-change"
	EventTypeVerification   = "https://schemas.openid.net/secevent/ssf/event-type/verification"
	EventTypeStreamUpdated  = "https://schemas.openid.net/secevent/ssf/event-type/stream-updated"
)

// maxStreamEvents bounds what one stream keeps for its receiver.
const maxStreamEvents = 10_000

// Config of a [Transmitter]. Only Receivers is required.
type Config struct {
	// Issuer of the tokens and base of the endpoints. Default: the provider's.
	// Signing keys and jwks_uri are always the provider's.
	Issuer string
	// Receivers who may manage streams.
	Receivers []Receiver
	// CriticalMembers of complex subjects.
	CriticalMembers []string
	// PushRetries are the pauses before each further attempt after a failure that
	// may pass. Default 1 s, 5 s, 30 s; non-nil and empty: none.
	PushRetries []time.Duration
	// PollHold is how long a poll may be kept open. Default 20 s; negative: not at
	// all.
	PollHold time.Duration
	// VerifyInterval is the least time between two requests for verification.
	// Default 0: none.
	VerifyInterval time.Duration
	// OnEnd transmits session-revoked to every stream when a session of the
	// provider is ended by a log-out or by the administrator.
	OnEnd bool
	// Temperament is what it does otherwise. The zero value follows the specifications.
	Temperament Temperament
}

// Receiver describes a receiver to the transmitter.
type Receiver struct {
	Token    string   // bearer token for the management API and for polls
	Audience []string // aud of its tokens
}

// StreamInfo describes a stream.
type StreamInfo struct {
	ID       string
	Audience []string
	Method   string
	URL      string
	Status   string // enabled, paused or disabled
}

// Transmitter transmits Shared Signals for a provider. Make one with
// [New], serve its Handler where its issuer points, and Close it before
// the provider.
type Transmitter struct {
	idp    *idpmock.IDP
	cfg    Config
	mux    *http.ServeMux
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex // never held over I/O or signing
	closed  bool
	streams map[string]*stream
	polls   []PollRecord
	quiet   chan struct{} // closed and renewed when something was settled
}

type stream struct {
	id        string
	receiver  Receiver
	method    string
	url       string
	header    string // authorization_header
	requested []string
	about     string // description
	status    string
	verified  time.Time // last request for verification
	subjects  []map[string]any
	queue     []*queued
	wake      chan struct{} // closed and renewed when the queue or the status changes
	done      []SETRecord
	ended     chan struct{} // closed when the stream is deleted
}

// Paths of a transmitter's endpoints, relative to its issuer.
const (
	PathSSFConfiguration = "/.well-known/ssf-configuration"
	PathSSFStream        = "/ssf/stream"
	PathSSFStatus        = "/ssf/status"
	PathSSFVerify        = "/ssf/verify"
	PathSSFPoll          = "/ssf/poll/"
	PathSSFAddSubject    = "/ssf/subjects/add"
	PathSSFRemoveSubject = "/ssf/subjects/remove"
)

// New makes a transmitter that signs with the provider's keys.
func New(p *idpmock.IDP, cfg Config) (*Transmitter, error) {
	cfg.Issuer = cmp.Or(cfg.Issuer, p.Issuer())
	cfg.PollHold = cmp.Or(cfg.PollHold, 20*time.Second)
	if cfg.PushRetries == nil {
		cfg.PushRetries = []time.Duration{time.Second, 5 * time.Second, 30 * time.Second}
	}
	u, err := url.Parse(cfg.Issuer)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(cfg.Issuer, "/") {
		return nil, fmt.Errorf("transmitter: Config.Issuer: %q is no URL without query, fragment and trailing slash",
			cfg.Issuer)
	}
	if len(cfg.Receivers) == 0 {
		return nil, errors.New("transmitter: Config.Receivers is empty: nobody could make a stream")
	}
	for i, r := range cfg.Receivers {
		if r.Token == "" || len(r.Audience) == 0 {
			return nil, fmt.Errorf("transmitter: Config.Receivers[%d] lacks Token or Audience", i)
		}
	}
	t := &Transmitter{idp: p, cfg: cfg, mux: http.NewServeMux(), streams: map[string]*stream{},
		quiet: make(chan struct{})}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.mux.HandleFunc("GET "+PathSSFConfiguration+u.Path, t.configuration)
	route := func(pattern string, f endpoint) {
		method, path, _ := strings.Cut(pattern, " ")
		t.mux.HandleFunc(method+" "+u.Path+path, t.authorized(f))
	}
	route("POST "+PathSSFStream, t.createStream)
	route("GET "+PathSSFStream, t.readStream)
	route("PATCH "+PathSSFStream, t.updateStream)
	route("PUT "+PathSSFStream, t.updateStream)
	route("DELETE "+PathSSFStream, t.deleteStream)
	route("GET "+PathSSFStatus, t.readStatus)
	route("POST "+PathSSFStatus, t.updateStatus)
	route("POST "+PathSSFVerify, t.verify)
	route("POST "+PathSSFAddSubject, t.addSubject)
	route("POST "+PathSSFRemoveSubject, t.removeSubject)
	route("POST "+PathSSFPoll+"{stream}", t.poll)
	if cfg.OnEnd {
		ends, cancel := p.Subscribe(4096)
		t.wg.Go(func() { defer cancel(); t.follow(ends) })
	}
	return t, nil
}

// Handler serves the transmitter's endpoints.
func (t *Transmitter) Handler() http.Handler { return t.mux }

// Beside serves the transmitter's endpoints and leaves all other requests to next,
// for a transmitter that shares the provider's issuer.
func (t *Transmitter) Beside(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := t.mux.Handler(r); pattern != "" {
			t.mux.ServeHTTP(w, r) // which also sets the path's values
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Close stops all deliveries and waits for them.
func (t *Transmitter) Close() error {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.cancel()
	t.wg.Wait()
	return nil
}

// Streams lists the streams.
func (t *Transmitter) Streams() []StreamInfo {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []StreamInfo
	for _, s := range t.streams {
		out = append(out, StreamInfo{ID: s.id, Audience: s.receiver.Audience, Method: s.method, URL: s.url,
			Status: s.status})
	}
	slices.SortFunc(out, func(a, b StreamInfo) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// follow transmits the ends of the provider's sessions.
func (t *Transmitter) follow(ends <-chan idpmock.Event) {
	for {
		select {
		case <-t.ctx.Done():
			return
		case e, ok := <-ends:
			if !ok {
				return
			}
			cause := idpmock.Cause(e.Outcome)
			if e.Kind != idpmock.EventEnd || e.Client != "" || cause != idpmock.CauseLogout &&
				cause != idpmock.CauseAdmin {
				continue
			}
			who := map[idpmock.Cause]string{idpmock.CauseLogout: "user", idpmock.CauseAdmin: "admin"}[cause]
			for _, s := range t.Streams() {
				// the stream may be gone
				_, _ = t.Send(s.ID, t.SessionRevoked(e.Subject, e.SID, who, "the session was ended"))
			}
		}
	}
}

func aboutStream(id string) map[string]any { return map[string]any{"format": "opaque", "id": id} }

// UpdateStatus changes a stream's status as the transmitter's own decision, which
// the receiver is told of (SSF §8.1.5).
func (t *Transmitter) UpdateStatus(streamID, status, reason string) error {
	told := SET{Event: EventTypeStreamUpdated, Subject: aboutStream(streamID),
		Payload: map[string]any{"status": status, "reason": reason}}
	if status != "enabled" { // before the stream stops
		if _, err := t.Send(streamID, told); err != nil {
			return err
		}
		if err := t.settleStream(t.ctx, streamID); err != nil {
			return err
		}
	}
	t.mu.Lock()
	s := t.streams[streamID]
	ok := s != nil && t.setStatusLocked(s, status)
	t.mu.Unlock()
	if !ok {
		return fmt.Errorf("transmitter: no stream %q, or no status %q", streamID, status)
	}
	if status == "enabled" {
		_, err := t.Send(streamID, told)
		return err
	}
	return nil
}
