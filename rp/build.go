package rp

import (
	"context"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/rp/adapter"
	"github.com/tandem-sso/tandem/rp/internal/answer"
	"github.com/tandem-sso/tandem/rp/internal/asset"
	"github.com/tandem-sso/tandem/rp/internal/authrequest"
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
	"github.com/tandem-sso/tandem/rp/store"
)

// builder makes the parts of a RelyingParty. It has what several parts share. New drops it
// afterwards: each part keeps what it needs.
type builder struct {
	private *private
	cfg     *Config
	party   *names.Party
	ring    *seal.Ring // encrypts records
	carried *seal.Ring // encrypts what browsers keep
	site    *site.App
	logins  *loginflow.Logins
	idp     *idp.Provider
	journal *journal
	pages   *page.Set
	engine  *engine.Engine
}

func newBuilder(private *private) (*builder, error) {
	c := &private.cfg
	g := &builder{private: private, cfg: c, idp: newProvider(c)}
	g.journal = &journal{log: c.Logger.With("client_id", c.ClientID), events: &c.Events, idp: g.idp,
		now: func() time.Time { return engine.Cut(c.Now()) }}
	var err error
	if g.party, err = names.New(c.Issuer, c.ClientID, c.Keys); err != nil {
		return nil, wrong("Keys", "%v", err)
	}
	if g.ring, err = seal.NewRing("record", g.party.Owner[:], c.Keys...); err != nil {
		return nil, wrong("Keys", "%v", err)
	}
	if g.carried, err = seal.NewRing("state", g.party.Owner[:], c.Keys...); err != nil {
		return nil, wrong("Keys", "%v", err)
	}
	if g.site, err = site.New(c.BaseURL, c.BaseURLs, c.Prefix, c.TrustedOrigins); err != nil {
		return nil, wrong("TrustedOrigins", "%v", err)
	}
	g.logins, err = loginflow.New(loginflow.Config{Keys: c.Keys, Owner: g.party.Owner[:], Ring: g.carried,
		Cookies: cookie.Jar(c.CookieName), Site: g.site, Timeout: c.LoginTimeout})
	if err != nil {
		return nil, wrong("Keys", "%v", err)
	}
	g.pages = c.pageSet(func(err error) {
		g.journal.spend("Config.Pages.Frame fails; the plain page is shown", "error", err)
	})
	return g, nil
}

// build makes the parts. A part may use those that are made before it.
func (g *builder) build(apisByOrigin map[string]*engine.Audience) *RelyingParty {
	c, e := g.cfg, g.engine
	extends := c.APIIntrospects && c.Capabilities.Extends.Introspection
	b := &browsers{engine: e, store: c.Store, party: g.party, cookies: cookie.Jar(c.CookieName)}
	requests := &authrequest.Requests{IdP: g.idp, Logins: g.logins, ClientID: c.ClientID, Scopes: c.Scopes,
		Params: c.LoginParams, MaxAge: c.MaxAge, Resources: resourcesOf(c.APIs), ResponseMode: c.ResponseMode,
		LeftOut: func(name string) {
			g.journal.spend("a log-in option is left out: the library sets that parameter itself", "name", clean(name))
		}}
	if c.RequestURI {
		requests.References = &authrequest.References{At: requestsAt(c), ClientID: c.ClientID,
			Ring: g.carried, Owner: g.party.Owner[:], Timeout: c.LoginTimeout, Now: e.Now}
	}
	p := &RelyingParty{private: g.private, engine: e,
		apis: &apis{engine: e, idp: g.idp, of: apisByOrigin, http: c.HTTPClient, signals: extends,
			proves: c.Capabilities.Proves.Introspection, log: g.journal.log},
		gate: &gate{engine: e, browsers: b, site: g.site, activity: newClassifier(c, g.site), requests: requests,
			checkup: &selfCheck{cfg: c, engine: e, idp: g.idp, owner: g.party.Owner}, now: c.Now,
			reports: throttle.New(activityEvery, activityBurst),
			users:   throttle.New(10*time.Second, 1), // while the first one is on its way
		},
		streams: &streams{cfg: c, engine: e, browsers: b, site: g.site, statuses: &statuses{e, b},
			places: places{of: map[store.Key]int{}}},
	}
	p.streams.ctx, p.streams.end = context.WithCancel(e.Context())
	flows := &flows{g.logins, b, g.site, c.LoginTimeout}
	checks := &checks{cfg: c, engine: e, browsers: b, site: g.site, requests: requests}
	p.starts = &starts{cfg: c, engine: e, idp: g.idp, browsers: b, site: g.site, flows: flows, requests: requests,
		checks: checks, pages: g.pages, journal: g.journal}
	forms := &forms{on: c.KeepPosted, keepFor: c.LoginTimeout + postedFor, gate: p.gate,
		sealer: posted.NewSealer(g.carried, g.party.Owner[:]), pages: g.pages}
	p.answers = &answers{engine: e, activity: p.gate.activity, browsers: b, site: g.site, flows: flows,
		journal: g.journal, replies: &answer.Writer{Site: g.site, Pages: g.pages, Keep: forms.keep,
			Forbidden: c.Forbidden, Guarded: func(path string) {
				g.journal.spend("RequireLogin guards an endpoint of the library, so nobody can log in: do not put "+
					"RequireLogin around the paths below Config.Prefix", "path", path[:min(len(path), 100)])
			}}}
	callbacks := &callbacks{engine: e, browsers: b, site: g.site, flows: flows, checks: checks, journal: g.journal,
		responses: &responses{cfg: c, engine: e, idp: g.idp, site: g.site, logins: g.logins, pages: g.pages},
		exchanges: &exchanges{cfg: c, engine: e, idp: g.idp, log: g.journal.log},
		beginnings: &beginnings{cfg: c, engine: e, browsers: b, journal: g.journal,
			profiles: &profiles{cfg: c, engine: e, idp: g.idp, log: g.journal.log},
			hook:     &loginHook{cfg: c, browsers: b, site: g.site, flows: flows, log: g.journal.log}}}
	p.endpoints = watched(g.endpoints(p, forms, callbacks), p.gate.checkup)
	return p
}

func (g *builder) endpoints(p *RelyingParty, forms *forms, callbacks *callbacks) []adapter.Endpoint {
	c, b := g.cfg, p.gate.browsers
	login := func(w http.ResponseWriter, r *http.Request) error { return p.StartLogin(w, r) }
	logouts := &logouts{engine: g.engine, idp: g.idp, browsers: b, site: g.site, atIdP: c.endSession(), pages: g.pages,
		journal: g.journal}
	tokens := &logoutTokens{cfg: c, engine: g.engine, idp: g.idp, party: g.party, journal: g.journal}
	frames := &logoutFrames{cfg: c, engine: g.engine, idp: g.idp, party: g.party}
	reports := &pageActivity{gate: p.gate, statuses: p.streams.statuses}
	drafts := &drafts{gate: p.gate, keys: c.Keys}
	watches := &watches{client: c.ClientID, engine: g.engine, idp: g.idp, browsers: b, site: g.site}
	var all []adapter.Endpoint
	mount := func(method, path string, handle func(http.ResponseWriter, *http.Request) error) {
		all = append(all, adapter.Endpoint{Method: method, Path: path, Handle: handle})
	}
	mount(http.MethodGet, "/login", login)
	mount(http.MethodGet, "/callback", callbacks.serve)
	mount(http.MethodPost, "/callback", callbacks.serve)
	mount(http.MethodPost, "/logout", logouts.serve)
	mount(http.MethodGet, "/logged-out", logouts.left)
	mount(http.MethodPost, "/backchannel-logout", tokens.serve)
	mount(http.MethodGet, "/frontchannel-logout", frames.serve)
	mount(http.MethodGet, "/session", p.streams.statuses.serve)
	mount(http.MethodGet, "/events", p.streams.serve)
	mount(http.MethodPost, "/activity", reports.serve)
	mount(http.MethodGet, "/draft-key", drafts.serve)
	mount(http.MethodGet, "/check-session", watches.serve)
	mount(http.MethodPost, "/check-session", watches.changed)
	// session.js, the ES module for pages: browsers ask each time whether it has changed, so
	// that pages and server always fit together.
	mount(http.MethodGet, "/session.js", silently(asset.ServeScript))
	mount(http.MethodGet, "/session.source.js", silently(asset.ServeSource)) // before it was minified
	mount(http.MethodGet, "/session.d.ts", silently(asset.ServeTypes))       // its TypeScript declarations
	if len(c.ClientKeys)+len(c.DecryptionKeys) > 0 {
		mount(http.MethodGet, "/jwks", serveKeys(c))
	}
	if refs := p.starts.requests.References; refs != nil {
		mount(http.MethodGet, "/request", serveRequests(refs, g.idp))
	}
	if c.ThirdPartyLogin {
		mount(http.MethodPost, "/login", login)
	}
	if c.KeepPosted {
		mount(http.MethodGet, posted.Path, forms.arrive)
		mount(http.MethodPost, posted.Path, forms.giveBack)
	}
	return all
}
