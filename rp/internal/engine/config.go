package engine

import (
	"context"
	"log/slog"
	"time"

	"github.com/tandem-sso/tandem/rp/idps"
	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/store"
)

// Kind is the kind of client, as rp.Kind says.
type Kind uint8

const (
	RefreshToken Kind = iota
	ReferenceToken
	NoToken
)

// Config is what a session's life depends on. All of it is set: the defaults are rp's.
type Config struct {
	Issuer, ClientID string
	Kind             Kind
	Scopes           []string
	IDTokenAlg       string
	TrustedAudiences []string
	APIs             map[string]*Audience // by origin; nil: the token of the log-in
	Capabilities     idps.Capabilities

	IdP    *idp.Provider
	Store  store.Store
	Now    func() time.Time
	Logger *slog.Logger
	Events Events

	Idle, Absolute, IdPWindow, SignalEvery, TrustFor, Skew time.Duration
	RequestTimeout, WaitFor, LoginTimeout, MassLogoutPause time.Duration

	SilentCheck, APIIntrospects, TrailingSignal, ForgetClaims, UserinfoAgain bool

	IdPSessionEnd func(ctx context.Context, sid string) (time.Time, error) // may be nil
	Judge         func(*idp.Endpoints) []store.Finding                     // of an IdP that answers for the first time
}
