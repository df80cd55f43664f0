package engine

import (
	"context"
	"time"

	"github.com/tandem-sso/tandem/rp/event"
)

// Events are told what happens to sessions. Each may be nil.
type Events struct {
	Signal      func(event.Signal)
	End         func(event.End)
	StoreFailed func(event.StoreFailed)
	MassLogout  func(event.MassLogout)
	KeysRead    func(event.KeysRead)
	// Waited is told how long somebody has waited for the IdP, with the context of who has.
	Waited func(ctx context.Context, took time.Duration, err error)
	// LogoutRefused is told of a log-out that came late and is not for that session.
	LogoutRefused func(error)
}
