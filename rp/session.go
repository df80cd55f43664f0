package rp

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandem-sso/tandem/rp/activity"
	"github.com/tandem-sso/tandem/rp/internal/classify"
	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// Session is the app session of one request.
type Session struct {
	rp      *RelyingParty
	ctx     context.Context              // the request's
	read    *engine.State                // by Authenticate
	newer   atomic.Pointer[engine.State] // by a refresh since then
	done    <-chan struct{}              // once watch is done
	watch   sync.Once
	class   activity.Class
	keep    [1]string     // the answer's Cache-Control: in here it costs no allocation
	request *http.Request // behind a pointer: see prints.go
}

// served is a Session and its request in one piece: the hot path allocates nothing
// else.
type served struct {
	session Session
	request http.Request
}

// newSession makes the Session and the request that carries it. (The copy that
// WithContext makes stays on the stack.)
func (p *RelyingParty) newSession(r *http.Request, class activity.Class, read *engine.State) *Session {
	v := &served{session: Session{rp: p, ctx: r.Context(), read: read, class: class}}
	s := &v.session
	v.request = *r.WithContext((*carrier)(s))
	s.request = &v.request
	return s
}

// Request is the authenticated request, with the session in its context. A middleware passes it on,
// after KeepPrivate.
func (s *Session) Request() *http.Request { return s.request }

type sessionKey struct{}

// carrier is a Session as the context that carries it.
type carrier Session

func (c *carrier) Deadline() (time.Time, bool) { return c.ctx.Deadline() }
func (c *carrier) Done() <-chan struct{}       { return c.ctx.Done() }
func (c *carrier) Err() error                  { return c.ctx.Err() }

func (c *carrier) Value(key any) any {
	if _, ok := key.(sessionKey); ok {
		return (*Session)(c)
	}
	return c.ctx.Value(key)
}

// FromContext returns the session that RequireLogin or OptionalLogin of an adapter put into
// the context. It is nil if nobody is logged in, or if neither is in front of the handler.
func FromContext(ctx context.Context) *Session {
	s, _ := ctx.Value(sessionKey{}).(*Session)
	return s
}

// state is what is known of the session. Authenticate spares itself the atomic
// write, which costs as much as the rest of making a Session.
func (s *Session) state() *engine.State {
	if st := s.newer.Load(); st != nil {
		return st
	}
	return s.read
}

func (s *Session) key() store.Key { return s.read.Rec.Key }

// Issuer is the IdP's issuer identifier. Only Issuer and Subject together identify a person
// (OpenID Connect Core 1.0 §5.7).
func (s *Session) Issuer() string { return s.rp.cfg.Issuer }

// Subject is the person's identifier at the IdP.
func (s *Session) Subject() string { return s.state().Data.Subject }

// SID is the IdP's session id; empty if the IdP sends none.
func (s *Session) SID() string { return s.state().Data.SID }

// Scope has the scopes that the IdP granted, separated by spaces; empty if it did not say.
func (s *Session) Scope() string { return s.state().Data.Scope }

// Started is when the log-in was finished.
func (s *Session) Started() time.Time { return s.state().Data.Started }

// Class is how the request was classified.
func (s *Session) Class() activity.Class { return s.class }

// Name is a hash that is the same in all logs and events of this session.
func (s *Session) Name() string { return s.key().Short() }

// Done returns a channel that is closed when the session ends, on any instance. It works also
// after the handler has returned.
func (s *Session) Done() <-chan struct{} {
	s.watch.Do(func() {
		s.done = s.rp.engine.WhenEnded(s.key())
	})
	return s.done
}

// Err tells whether the session has ended since the request began: nil, an *EndedError, or an
// *UnavailableError.
func (s *Session) Err() error {
	ctx, cancel := s.rp.engine.Detached(s.ctx)
	defer cancel()
	_, err := s.rp.engine.Load(ctx, s.key())
	if errors.Is(err, ErrAnonymous) {
		return &EndedError{Reason: reason.Unconfirmed}
	}
	return err
}

// End ends the session at the wish of the app, with the reason Admin.
func (s *Session) End(ctx context.Context) error {
	_, err := s.rp.engine.End(ctx, s.key(), reason.Admin)
	return err
}

// ReportActivity reports that the person did something without a new request: a message on a
// WebSocket, the progress of a long upload. It works also after the handler has returned. Calls
// beyond a burst of 20 and then two a second are ignored.
//
// Errors: *EndedError; ErrReauthenticate and ErrUnconfirmed if only a navigation can ask the IdP,
// and then the activity is not noted; *UnavailableError if the store or the IdP cannot answer.
func (s *Session) ReportActivity(ctx context.Context) error {
	p := s.rp
	if p.gate.reports.Take(s.key(), p.gate.now()) > 0 {
		return nil
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "/", nil) // of no browser
	if err != nil {
		return err
	}
	_, _, err = p.gate.admit(r, s.key(), classify.Forced)
	if errors.Is(err, ErrAnonymous) {
		return &EndedError{Reason: reason.Unconfirmed}
	}
	return err
}
