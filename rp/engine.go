package rp

import (
	"context"
	"errors"
	"time"

	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/store"
)

// engine is what a session's life depends on.
func (c *Config) engine(to *idp.Provider, of map[string]*engine.Audience, j *journal) engine.Config {
	return engine.Config{
		Issuer: c.Issuer, ClientID: c.ClientID, Kind: engine.Kind(c.Kind), Scopes: c.Scopes,
		IDTokenAlg: c.IDTokenAlg, TrustedAudiences: c.TrustedAudiences, APIs: of,
		Capabilities: *c.Capabilities,
		IdP:          to, Store: c.Store, Now: c.Now, Logger: j.log, Events: ofSessions(&c.Events, j),
		Idle: c.Idle, Absolute: c.Absolute, IdPWindow: c.IdPWindow, SignalEvery: c.SignalEvery, TrustFor: c.TrustFor,
		Skew: c.Skew, RequestTimeout: c.RequestTimeout, WaitFor: c.WaitFor, LoginTimeout: c.LoginTimeout,
		MassLogoutPause: c.MassLogoutPause, SilentCheck: c.SilentCheck, APIIntrospects: c.APIIntrospects,
		TrailingSignal: c.TrailingSignal, ForgetClaims: c.ForgetClaims, UserinfoAgain: c.UserinfoAgain,
		IdPSessionEnd: c.IdPSessionEnd,
		Judge:         func(m *idp.Endpoints) []store.Finding { return judgeProvider(c, m) },
	}
}

// ofSessions is what the engine tells, for Config.Events.
func ofSessions(to *event.Handlers, j *journal) engine.Events {
	events := engine.Events{
		Signal: to.Signal, End: to.End, StoreFailed: to.StoreFailed, KeysRead: to.KeysRead, MassLogout: to.MassLogout,
		LogoutRefused: func(err error) { j.refused(event.RefusedLogoutToken, badLogout(err)) },
	}
	if fn := to.Timed; fn != nil {
		events.Waited = func(ctx context.Context, took time.Duration, err error) {
			fn(ctx, event.Timed{What: event.TimedWait, Outcome: outcome(err), Took: took})
		}
	}
	return events
}

// outcome names what came of waiting for the IdP.
func outcome(err error) string {
	var trouble *UnavailableError
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, store.ErrEnded):
		return "ended"
	case errors.As(err, &trouble):
		return "unavailable"
	case errors.Is(err, ErrReauthenticate), errors.Is(err, engine.ErrSilentCheck):
		return "login"
	}
	return "failed"
}
