package system

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// apply sets what concerns an app.
func (s Settings) apply(c *apps.Config) {
	c.WaitFor, c.Like = s.WaitFor, cmp.Or(s.Like, "duende")
	c.SignalEvery, c.TrustFor, c.Idle, c.Absolute, c.Trailing = s.SignalEvery, s.TrustFor, s.Idle, s.Absolute,
		s.Trailing
	c.IdPWindow = s.IdPIdle
	c.SilentCheck = s.SilentCheck && c.ClientID == Wiki
}

// Settings as they are now.
func (s *System) Settings() Settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.settings
}

// Change applies other settings to the running system; sessions go on. At the
// IdP a deadline follows at its next touch.
func (s *System) Change(ctx context.Context, to Settings) error {
	to = to.withDefaults()
	if err := to.check(); err != nil {
		return err
	}
	to.Like = cmp.Or(to.Like, s.like)
	temperament, err := temperamentOf(to.Like)
	if err != nil {
		return err
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := s.IDP.Update(func(c *idpmock.Config) {
		c.Temperament = temperament
		c.IdleWindow, c.AbsoluteLifetime = to.IdPIdle, to.IdPAbsolute
		for i := range c.Clients {
			switch c.Clients[i].ID {
			case Notes, Naive:
				c.Clients[i].AccessTokenLifetime, c.Clients[i].RefreshTokenLifetime = to.TokenLife, to.IdPAbsolute
			case Reports:
				c.Clients[i].AccessTokenLifetime = to.IdPAbsolute
			}
		}
	}); err != nil {
		return err
	}
	for _, id := range Apps() {
		if err := s.again(ctx, id, func(c *apps.Config) {
			to.apply(c)
			if c.ShareWith = nil; to.SharedStore && id == Reports {
				c.ShareWith = s.App(Notes)
			}
		}); err != nil {
			return err
		}
	}
	s.mu.Lock()
	s.settings = to
	s.mu.Unlock()
	s.Note(Event{Kind: Control, From: IdP, Title: "Settings changed"})
	return nil
}

// Replace puts an app with another configuration in the place of the one that runs; its
// sessions go on.
func (s *System) Replace(ctx context.Context, id string, change func(*apps.Config)) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	return s.again(ctx, id, change)
}

// again is Replace; changing is held.
func (s *System) again(ctx context.Context, id string, change func(*apps.Config)) error {
	next, err := s.App(id).Again(ctx, change)
	if next != nil {
		s.mu.Lock()
		s.apps[id] = next
		s.mu.Unlock()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	return nil
}

// temperamentOf is that of the provider of this name; "" is the one that honours everything.
func temperamentOf(like string) (idpmock.Temperament, error) {
	if like == "" {
		return idpmock.Temperament{}, nil
	}
	t, err := idpmock.Like(like)
	if err != nil {
		return t, &apps.FlagError{Flag: "like", Cure: fmt.Sprintf("is %q; use one of %s", like,
			strings.Join(idpmock.TemperamentNames(), ", "))}
	}
	// The demo's API asks about reference tokens, whoever the IdP is like.
	t.Lacks = slices.DeleteFunc(slices.Clone(t.Lacks), func(m string) bool { return m == "introspection_endpoint" })
	return t, nil
}

// Reset ends all sessions, repairs everything and forgets what has happened, so
// that a story can begin with these settings.
func (s *System) Reset(ctx context.Context, to Settings) error {
	s.down.set(idpServes)
	s.losing.Store(false)
	s.broken.Store(false)
	s.IDP.ClearFaults()
	s.IDP.ClearDeliveryFaults()
	for _, one := range s.IDP.Sessions() {
		if err := s.IDP.EndSession(one.SID); err != nil && !errors.Is(err, idpmock.ErrNoSession) {
			return err
		}
	}
	s.settle(ctx, 2*time.Second)
	to = to.withDefaults()
	if err := s.IDP.Update(func(c *idpmock.Config) {
		c.Policies, c.Clients = idpmock.Policies{}, clients(to, s.site)
	}); err != nil {
		return err
	}
	if err := s.Change(ctx, to); err != nil {
		return err
	}
	for _, id := range Apps() {
		s.App(id).Forget()
	}
	s.mu.Lock()
	s.naively = NaiveSession{}
	s.mu.Unlock()
	s.Log.Clear()
	return nil
}
