package rp

import (
	"context"
	"log/slog"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/answer"
	"github.com/tandem-sso/tandem/rp/internal/cookie"
	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/loginflow"
	"github.com/tandem-sso/tandem/rp/internal/names"
	"github.com/tandem-sso/tandem/rp/internal/page"
	"github.com/tandem-sso/tandem/rp/internal/posted"
	"github.com/tandem-sso/tandem/rp/internal/seal"
	"github.com/tandem-sso/tandem/rp/internal/site"
	"github.com/tandem-sso/tandem/rp/internal/throttle"
	"github.com/tandem-sso/tandem/rp/internal/web"
	"github.com/tandem-sso/tandem/rp/store"
)

// RelyingParty is one client of one OpenID Provider. It is safe for concurrent
// use; make it with New and Close it.
type RelyingParty struct {
	*private // cfg
	engine   *engine.Engine
	idp      *idp.Provider
	party    *names.Party
	apis     map[string]*engine.Audience // by origin; nil: the token of the log-in
	log      *slog.Logger

	// what browsers see
	site     *site.App
	cookies  cookie.Jar
	activity *web.Classifier
	logins   *loginflow.Logins
	posted   posted.Sealer
	pages    *page.Set
	replies  *answer.Writer
	streams  streams
	checkup  selfCheck

	reports   *throttle.Throttle // of activity
	userNotes *throttle.Throttle // of noteUser
	refusals  throttle.Budget    // of lines in the log that strangers can cause

	streaming  context.Context // of streams; ended by CloseStreams, and by Close
	endStreams context.CancelFunc
}

// New checks the configuration, discovers the IdP and starts the background work. ctx
// bounds the discovery only. Where the IdP does not answer, New works with what the Store
// keeps of it, for 24 h. Its metadata and keys are read again each hour, and when an
// endpoint answers 404 or 410.
//
// A *ConfigError, or several joined, names what is wrong with the configuration; trying
// again does not help. After any other error it may: the IdP could not be reached, and the
// Store keeps nothing of it.
func New(ctx context.Context, cfg Config) (*RelyingParty, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	party, err := names.New(cfg.Issuer, cfg.ClientID, cfg.Keys)
	if err != nil {
		return nil, wrong("Keys", "%v", err)
	}
	ring, err := seal.NewRing("record", party.Owner[:], cfg.Keys...)
	if err != nil {
		return nil, wrong("Keys", "%v", err)
	}
	carried, err := seal.NewRing("state", party.Owner[:], cfg.Keys...)
	if err != nil {
		return nil, wrong("Keys", "%v", err)
	}
	app, err := site.New(cfg.BaseURL, cfg.BaseURLs, cfg.Prefix, cfg.TrustedOrigins)
	if err != nil {
		return nil, wrong("TrustedOrigins", "%v", err)
	}
	cookies := cookie.Jar(cfg.CookieName)
	logins, err := loginflow.New(loginflow.Config{Keys: cfg.Keys, Owner: party.Owner[:], Ring: carried,
		Cookies: cookies, Site: app,
		Timeout: cfg.LoginTimeout})
	if err != nil {
		return nil, wrong("Keys", "%v", err)
	}
	p := &RelyingParty{
		private: &private{cfg}, idp: newProvider(&cfg), party: party, logins: logins,
		site: app, cookies: cookies, posted: posted.NewSealer(carried, party.Owner[:]), apis: audiencesOf(cfg.APIs),
		log: cfg.Logger.With("client_id", cfg.ClientID), streams: streams{of: map[store.Key]int{}},
		reports:   throttle.New(activityEvery, activityBurst),
		userNotes: throttle.New(10*time.Second, 1), // while the first one is on its way
	}
	p.pages = cfg.Pages.set(func(err error) {
		p.refusals.Spend(p.log, p.engine.Now(), "Config.Pages.Frame fails; the plain page is shown", "error", err)
	})
	p.replies = &answer.Writer{Site: p.site, Pages: p.pages, Keep: p.keepPosted, Forbidden: cfg.Forbidden,
		Guarded: func(path string) {
			p.refusals.Spend(p.log, p.engine.Now(), "RequireLogin guards an endpoint of the library, so nobody can "+
				"log in: keep Config.Prefix out of what it guards", "path", path[:min(len(path), 100)])
		}}
	p.activity = newClassifier(&p.cfg, p.site)
	p.engine, err = engine.New(ctx, p.engineConfig(), party, ring)
	if err != nil {
		return nil, ofConfig(err)
	}
	p.streaming, p.endStreams = context.WithCancel(p.engine.Context())
	p.engine.Report(judgeSites(&p.cfg))
	p.engine.Report(judgePages(p.pages))
	return p, nil
}

// CloseStreams ends the open event streams and takes no new ones, so that an http.Server's
// Shutdown does not wait for open pages: srv.RegisterOnShutdown(auth.CloseStreams). All
// else goes on until Close.
func (p *RelyingParty) CloseStreams() { p.endStreams() }

// Close stops the background work, lets running calls of the IdP finish for up to 10 s,
// and stores activity that was not stored yet. Call it after the http.Server's Shutdown,
// and close the Store, which is the caller's, after it.
func (p *RelyingParty) Close() error { return p.engine.Close() }

// refused tells the operator what the answer does not say. Anybody can cause it, so
// the log is bounded; Config.Events hears of each.
func (p *RelyingParty) refused(what Refused, err error) {
	p.refusals.Spend(p.log, p.engine.Now(), string(what), append([]any{"error", err}, p.engine.Clock()...)...)
	if fn := p.cfg.Events.Refused; fn != nil {
		fn(RefusedEvent{What: what, At: p.engine.Now(), Err: err})
	}
}
