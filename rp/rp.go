package rp

import (
	"context"

	"github.com/tandem-sso/tandem/rp/adapter"
	"github.com/tandem-sso/tandem/rp/internal/engine"
)

// RelyingParty is one client of one OpenID Provider. It is safe for concurrent
// use; make it with New and Close it.
type RelyingParty struct {
	*private  // cfg
	engine    *engine.Engine
	gate      *gate
	apis      *apis
	starts    *starts
	answers   *answers
	streams   *streams
	endpoints []adapter.Endpoint
}

// New checks the configuration, discovers the IdP and starts the background work. ctx bounds the
// discovery only. If the IdP does not answer, New works with the metadata that the Store keeps, for
// 24 h. Metadata and keys are read again each hour, and when an endpoint answers 404 or 410.
//
// A *ConfigError, or several joined, names the fault in the configuration; trying again does not
// help. After any other error it may help.
func New(ctx context.Context, cfg Config) (*RelyingParty, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	g, err := newBuilder(&private{cfg})
	if err != nil {
		return nil, err
	}
	c := g.cfg
	apis := audiencesOf(c.APIs)
	g.engine, err = engine.New(ctx, c.engine(g.idp, apis, g.journal), g.party, g.ring)
	if err != nil {
		return nil, ofConfig(err)
	}
	p := g.build(apis)
	p.engine.Report(judgeSites(c))
	p.engine.Report(judgePages(p.answers.replies.Pages))
	return p, nil
}

// CloseStreams ends the open event streams and takes no new ones, so that an http.Server's Shutdown
// does not wait for open pages: srv.RegisterOnShutdown(auth.CloseStreams).
func (p *RelyingParty) CloseStreams() { p.streams.end() }

// Close stops the background work, lets running calls of the IdP finish for up to 10 s, and stores
// activity that was not stored yet. Call it after the http.Server's Shutdown, and close the Store
// after it.
func (p *RelyingParty) Close() error { return p.engine.Close() }
