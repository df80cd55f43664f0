package rp

import (
	"context"
	"net/http"
	"sync/atomic"

	"github.com/tandem-sso/tandem/rp/internal/checkup"
	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/store"
)

// registration is what the IdP has to know of this client.
func (c *Config) registration(at *idp.Endpoints) *checkup.Registration {
	return &checkup.Registration{At: at, HTTP: c.HTTPClient, Timeout: c.RequestTimeout, ClientID: c.ClientID,
		Callback: c.BaseURL + c.Prefix + "/callback", Scopes: c.Scopes}
}

// reach is where requests of the IdP and of pages have to arrive.
func (c *Config) reach(owner store.Key, backchannel bool) *checkup.Reach {
	return &checkup.Reach{HTTP: c.HTTPClient, BaseURL: c.BaseURL, Prefix: c.Prefix, Owner: owner,
		Backchannel: backchannel}
}

// selfCheck looks once, when requests arrive, whether others reach the endpoints.
type selfCheck struct {
	begun  atomic.Bool
	cfg    *Config
	engine *engine.Engine
	idp    *idp.Provider
	owner  store.Key
}

// begin is called for every request.
func (s *selfCheck) begin() {
	if s.begun.Load() || !s.begun.CompareAndSwap(false, true) || s.cfg.SkipSelfCheck {
		return
	}
	s.engine.Go(func(context.Context) {
		found := s.cfg.reach(s.owner, s.idp.At().BackchannelLogout).Look(s.engine.Context())
		if s.engine.Context().Err() == nil { // what was cut off by Close says nothing
			s.engine.Report(found)
		}
	})
}

// mark tells the self-check whose endpoint has answered.
func (s *selfCheck) mark(w http.ResponseWriter, r *http.Request) { checkup.Mark(w, r, s.owner) }
