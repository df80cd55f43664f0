package rp

import (
	"context"
	"errors"
	"time"

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
		IdP:          to, Store: c.Store, Now: c.Now, Logger: j.log, Events: c.Events.engine(j),
		Idle: c.Idle, Absolute: c.Absolute, IdPWindow: c.IdPWindow, SignalEvery: c.SignalEvery, TrustFor: c.TrustFor,
		Skew: c.Skew, RequestTimeout: c.RequestTimeout, WaitFor: c.WaitFor, LoginTimeout: c.LoginTimeout,
		MassLogoutPause: c.MassLogoutPause, SilentCheck: c.SilentCheck, APIIntrospects: c.APIIntrospects,
		TrailingSignal: c.TrailingSignal, ForgetClaims: c.ForgetClaims, UserinfoAgain: c.UserinfoAgain,
		IdPSessionEnd: c.IdPSessionEnd,
		Judge:         func(m *idp.Endpoints) []Finding { return judgeProvider(c, m) },
	}
}

// engine hands on what the engine tells to Config.Events.
func (to *Events) engine(j *journal) engine.Events {
	events := engine.Events{
		LogoutRefused: func(err error) { j.refused(RefusedLogoutToken, badLogout(err)) },
	}
	if fn := to.Signal; fn != nil {
		events.Signal = func(e engine.SignalEvent) { fn(SignalEvent(e)) }
	}
	if fn := to.End; fn != nil {
		events.End = func(e engine.EndEvent) { fn(EndEvent(e)) }
	}
	if fn := to.StoreFailed; fn != nil {
		events.StoreFailed = func(e engine.StoreFailedEvent) { fn(StoreFailedEvent(e)) }
	}
	if fn := to.KeysRead; fn != nil {
		events.KeysRead = func(e engine.KeysReadEvent) { fn(KeysReadEvent(e)) }
	}
	if fn := to.Timed; fn != nil {
		events.Waited = func(ctx context.Context, took time.Duration, err error) {
			fn(ctx, TimedEvent{What: TimedWait, Outcome: outcome(err), Took: took})
		}
	}
	if fn := to.MassLogout; fn != nil {
		events.MassLogout = func(e engine.MassLogout) { fn(MassLogoutEvent(e)) }
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
	case errors.Is(err, ErrReauthenticate), errors.Is(err, ErrSilentCheck):
		return "login"
	}
	return "failed"
}
