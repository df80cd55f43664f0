package rp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/rp/activity"
	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
	"github.com/tandem-sso/tandem/rp/internal/weburl"
	"github.com/tandem-sso/tandem/rp/store"
)

// APIError is the error of Session.Client if an API's answer concerns the session or its
// token. With ErrNoAccessToken it is the IdP's answer to a request for a token of that API
// (invalid_target, invalid_scope).
type APIError struct {
	Status    int
	Code      string // error of the Bearer challenge
	Scope     string // needed scope, with insufficient_scope
	ACRValues string // needed authentication (RFC 9470 §3)
	MaxAge    string
	Err       error
}

func (e *APIError) Error() string { return fmt.Sprintf("%v (%d %s)", e.Err, e.Status, clean(e.Code)) }
func (e *APIError) Unwrap() error { return e.Err }

// Client returns an HTTP client for the APIs named in Config.APIs. It adds the access token and
// renews it when needed; a 401 ends the session only if the IdP confirms it.
// Config.HTTPClient.Timeout or the context of the call bounds a call.
//
// Besides network errors its calls return *EndedError, *UnavailableError, *APIError,
// ErrNoAccessToken and, if only a log-in can fetch a new token, ErrUnconfirmed or
// ErrReauthenticate, for RelyingParty.Answer.
func (s *Session) Client() *http.Client {
	base := s.rp.apis.http
	return &http.Client{Transport: &apiTransport{s, cmp.Or(base.Transport, http.DefaultTransport)},
		Timeout: base.Timeout}
}

// apis are the APIs of Config.APIs and the tokens that they get.
type apis struct {
	engine  *engine.Engine
	idp     *idp.Provider
	of      map[string]*engine.Audience // by origin; nil: the token of the log-in
	http    *http.Client
	signals bool // an API's call extends the IdP session, for it introspects
	proves  bool // and proves that it lives
	log     *slog.Logger
}

type apiTransport struct {
	session *Session
	next    http.RoundTripper
}

func (t *apiTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	s := t.session
	to, known := s.rp.apis.of[weburl.OriginOf(r.URL)]
	if !known {
		if r.Response != nil {
			return t.next.RoundTrip(withoutToken(r)) // a redirect away from the API
		}
		closeBody(r)
		// In ASCII, lest a look-alike hides in it.
		return nil, fmt.Errorf("rp: %+q is not in Config.APIs, so it gets no access token",
			r.URL.Scheme+"://"+r.URL.Host)
	}
	st, h, err := s.usable(r.Context(), s.state(), to)
	if err != nil {
		closeBody(r)
		return nil, err
	}
	sent := s.rp.engine.Now()
	resp, err := t.send(r, h, false)
	if err != nil {
		return nil, err
	}
	answer, challenge := apiAnswer(resp, h)
	switch verdict.API(answer) {
	case verdict.OK:
		if s.rp.apis.signals && resp.StatusCode < 400 && s.class != activity.Passive {
			s.rp.apis.called(st, sent)
		}
		return resp, nil
	case verdict.StepUp:
		return nil, stepUp(resp, challenge)
	case verdict.Ended:
		return t.refused(r, resp, st, to, h.Generation, answer)
	}
	return resp, nil // the API's own trouble is the caller's to handle
}

// refused handles a 401: a fresh token and a second try where that is possible,
// then the IdP's word (API-01).
func (t *apiTransport) refused(r *http.Request, resp *http.Response, st *engine.State, to *engine.Audience,
	token uint64, answer verdict.Answer) (*http.Response, error) {
	s := t.session
	switch err := s.mayFetch(r.Context(), st); {
	case errors.Is(err, ErrNoAccessToken):
		return resp, nil // asking the IdP would extend the session
	case err != nil:
		drain(resp)
		return nil, err
	}
	origin, renewed := weburl.OriginOf(r.URL), false
	if s.rp.engine.Blamed(origin, st) {
		drain(resp)
		return nil, &APIError{Status: answer.Status, Code: answer.Code, Err: ErrBlamedAPI}
	}
	if st.Data.RefreshToken != "" {
		fresh, err := s.rp.apis.fetch(r.Context(), st, to, token)
		if err != nil {
			drain(resp)
			return nil, err
		}
		renewed = true
		s.newer.Store(fresh)
		if !replayable(r) {
			return resp, nil // the next call has the fresh token
		}
		drain(resp)
		h := engine.Holds(fresh.Data, to)
		if h.None != nil {
			return nil, h.None
		}
		if resp, err = t.send(r, h, true); err != nil {
			return nil, err
		}
		var challenge verdict.Challenge
		answer, challenge = apiAnswer(resp, h)
		switch verdict.API(answer) {
		case verdict.Ended:
		case verdict.StepUp:
			return nil, stepUp(resp, challenge)
		default:
			return resp, nil
		}
		st = fresh
	}
	drain(resp)
	var (
		probe  verdict.Verdict
		probed = st
		err    error
	)
	if !renewed {
		probed, probe, err = s.rp.apis.probe(r.Context(), st)
	}
	switch verdict.SecondLook(renewed, probe) {
	case verdict.Blamed:
		s.newer.Store(probed)
		s.rp.engine.Blame(origin, probed)
		return nil, &APIError{Status: answer.Status, Code: answer.Code, Err: ErrBlamedAPI}
	}
	if err == nil {
		err = engine.IdPSilent(time.Second, "the IdP could not be asked about a refused token")
	}
	return nil, err
}

func stepUp(resp *http.Response, c verdict.Challenge) error {
	drain(resp)
	return &APIError{Status: resp.StatusCode, Code: c.Error, Scope: c.Scope, ACRValues: c.ACR, MaxAge: c.MaxAge,
		Err: ErrStepUp}
}

// send shows a token to an API. again: its body has been sent before.
func (t *apiTransport) send(r *http.Request, h engine.Held, again bool) (*http.Response, error) {
	if h.Key != "" {
		return t.sendBound(r, h, again)
	}
	out, err := withToken(r, "Bearer "+h.Token, again)
	if err != nil {
		return nil, err
	}
	return t.next.RoundTrip(out)
}

func withToken(r *http.Request, credentials string, again bool) (*http.Request, error) {
	out := r.Clone(r.Context())
	if again && r.GetBody != nil {
		body, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		out.Body = body
	}
	out.Header.Set("Authorization", credentials)
	return out, nil
}

// called takes an API's answer as a signal, where the API introspects.
func (a *apis) called(st *engine.State, sent time.Time) {
	every := a.engine.Policy(st).SignalEvery
	if sent.Sub(st.Data.Signalled) < every/2 {
		return // said often enough
	}
	a.engine.Go(func(ctx context.Context) {
		_, err := a.engine.Commit(ctx, st, func(d *record.Data) bool {
			return engine.Heard(d, sent, true, a.proves)
		})
		a.engine.Signalled(st.Rec.Key, st.Rec.Active, "api", verdict.OK, nil)
		if err != nil {
			a.log.Debug("an API call could not be noted as a signal", "session", st.Rec.Key.Short(), "error", err)
		}
	})
}

// probe asks the userinfo endpoint about the token of st (second look), where there is
// no refresh token.
func (a *apis) probe(ctx context.Context, st *engine.State) (*engine.State, verdict.Verdict, error) {
	if a.idp.At().UserinfoURL == "" {
		// Nobody else can be asked, and an API alone never logs anybody out.
		return nil, verdict.Ask, a.engine.RenewSilently(ctx, st)
	}
	seen := a.engine.Now()
	next, err := a.engine.Fly(ctx, st.Rec.Key, engine.Errand{}, func(d *record.Data) bool {
		// Clocks are cut to milliseconds: one of the same may have been before.
		return d.Signalled.After(seen) || d.Confirmed.After(seen) || d.Generation > st.Data.Generation
	})
	return next, probed(err), err
}

func probed(err error) verdict.Verdict {
	switch {
	case err == nil:
		return verdict.OK
	case errors.Is(err, store.ErrEnded):
		return verdict.Ended
	}
	return verdict.Retry
}

func apiAnswer(resp *http.Response, h engine.Held) (verdict.Answer, verdict.Challenge) {
	read := verdict.Bearer
	if h.Key != "" {
		read = verdict.DPoP
	}
	c, _ := read(resp.Header)
	return verdict.Answer{Status: resp.StatusCode, Code: c.Error}, c
}

func withoutToken(r *http.Request) *http.Request {
	out := r.Clone(r.Context())
	out.Header.Del("Authorization")
	out.Header.Del("DPoP")
	return out
}

func replayable(r *http.Request) bool {
	return r.Body == nil || r.Body == http.NoBody || r.GetBody != nil
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}

// drain lets the connection be used again.
func drain(resp *http.Response) {
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	_ = resp.Body.Close()
}
