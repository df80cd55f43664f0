package rp_test

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/sessions"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/internal/printtest"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

const plantedSecret = "the-client-secret-planted-here"

// planted is a world whose secrets are known: every one that the app is given, sends
// or receives.
type planted struct {
	*world
	*visitor
	mu      sync.Mutex
	secrets printtest.Secrets
	around  http.RoundTripper // takes the calls of the IdP; nil: the network
}

// inPlanted runs f where ada is logged in.
func inPlanted(t *testing.T, s setup, f func(t *testing.T, w *planted)) {
	t.Helper()
	p := &planted{secrets: printtest.Secrets{"client secret": plantedSecret}}
	config := s.config
	s.client = func(c *idpmock.Client) { c.Secret = plantedSecret }
	s.config = func(c *rp.Config) {
		c.ClientSecret, c.SkipSelfCheck = plantedSecret, true // around is for calls of the IdP
		network := c.HTTPClient.Transport
		c.HTTPClient = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			return p.call(r, network)
		})}
		if config != nil {
			config(c)
		}
	}
	inBubble(t, s, func(t *testing.T, w *world) {
		p.world, p.visitor = w, w.visitor("ada")
		for i, k := range w.keys {
			p.plant(fmt.Sprint("key ", i), string(k))
		}
		p.logIn()
		f(t, p)
	})
}

func (p *planted) plant(name, secret string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.secrets[name] = secret
}

// known is a copy of what has been planted so far.
func (p *planted) known() printtest.Secrets {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := printtest.Secrets{}
	for name, s := range p.secrets {
		out[name] = s
	}
	return out
}

// call notes what is secret in a call of the IdP.
func (p *planted) call(r *http.Request, network http.RoundTripper) (*http.Response, error) {
	if p.around != nil {
		network = p.around
	}
	got, err := tee(r, network)
	if got != nil {
		for i, s := range got.secrets {
			p.plant(fmt.Sprintf("%s %s, secret %d", r.Method, r.URL.Path, i), s)
		}
	}
	if err != nil {
		return nil, err
	}
	return got.Response, nil
}

// logIn logs ada in and notes what a browser and its address bar see.
func (p *planted) logIn() {
	p.Helper()
	at := p.start("/auth/login?return_to=/private")
	for _, name := range []string{"state", "nonce"} {
		p.plant(name, query(at).Get(name))
	}
	for _, c := range p.cookies() {
		p.plant("cookie "+c.Name, c.Value)
	}
	callback := p.authorize(at)
	p.plant("code", query(callback).Get("code"))
	if a := p.get(callback); a.status != http.StatusSeeOther {
		p.Fatalf("%v", a)
	}
	p.plant("cookie id", p.id())
}

// printedLogin keeps what a hook sees.
type printedLogin struct{ seen *rp.Login }

func (p *printedLogin) see(_ http.ResponseWriter, _ *http.Request, l *rp.Login) error {
	p.seen = l
	return nil
}

// Nothing that the package exports prints a secret.
func TestNothingPrints(t *testing.T) {
	stored := spied{last: new(store.Record)}
	var login printedLogin
	s := setup{api: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), config: func(c *rp.Config) {
		c.OnLogin, c.VisitorValues = login.see, sessions.NewCookieStore([]byte(plantedSecret))
		stored.Store = c.Store
		c.Store = stored
	}}
	inPlanted(t, s, func(t *testing.T, w *planted) {
		var (
			session *rp.Session
			request *http.Request
			infos   []rp.SessionInfo
		)
		w.run = func(_ http.ResponseWriter, r *http.Request, s *rp.Session) {
			session, request = s, r
			token := accessToken(r, s)
			if token == "" {
				t.Error("no access token")
			}
			w.plant("access token", token)
			var err error
			if infos, err = s.List(r.Context()); err != nil {
				t.Error(err)
			}
			if resp, err := s.Client().Get("https://api.example/"); err != nil {
				t.Error(err)
			} else {
				readAll(t, resp)
			}
		}
		time.Sleep(6 * time.Minute)
		w.get("/run") // it refreshes: there are two of each token
		status := w.status()
		answers := []any{}
		ended, trouble := &rp.EndedError{Reason: reason.Idle}, &rp.UnavailableError{Err: errors.New("x")}
		for _, err := range []error{rp.ErrAnonymous, ended, trouble} {
			answers = append(answers, w.auth[0].Answer(request, err), w.auth[0].Answer(w.fetched(), err))
		}
		w.leave()
		w.expectEnds(reason.UserLogout)
		config := w.config(setup{})
		config.ClientSecret = plantedSecret
		key := newES256(t)
		config.ClientKeys = []rp.ClientKey{{ID: "k", Key: key}}
		raw, err := key.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		w.plant("client key", new(big.Int).SetBytes(raw).String())
		endpoint := w.auth[0].Endpoints()[0]
		secrets := w.known()

		printtest.Types(t, secrets, map[string][]any{
			"RelyingParty": {w.auth[0]},
			"API":          {config.APIs[0]},
			"Session":      {session},
			"Login":        {login.seen},
			"Config":       {config},
			"Secret":       {config.ClientSecret},
			"Keys":         {config.Keys},
			"ClientKey":    {config.ClientKeys[0]},
			"SessionInfo":  {infos[0]},
			"Status":       {status.Status},
			"Health":       {rp.Health{Ready: true}},

			"LoginOption":      {printtest.Exempt("a function")},
			"LogoutConfig":     {printtest.Exempt("an address, and names and values that go into addresses")},
			"Whose":            {printtest.Exempt("subject and sid, from the caller")},
			"ConfigError":      {printtest.Exempt("TestErrorsHidePasswords")},
			"APIError":         {printtest.Exempt("TestNothingPrintsOfAnAPI")},
			"EndedError":       {ended},
			"LoginError":       {printtest.Exempt("TestNothingPrintsOfAHostileServer")},
			"UnavailableError": {printtest.Exempt("TestNothingPrintsOfAHostileServer")},
			"Kind":             {rp.NoToken},
		})
		for _, a := range answers {
			printtest.Check(t, "an answer", secrets, a)
		}
		printtest.Check(t, "an endpoint", secrets, endpoint)
		for _, f := range w.auth[0].Findings() {
			printtest.Check(t, "a finding", secrets, f)
		}
		// Those of package event: their errors are held by the tests that are named above.
		printtest.Check(t, "Config.Events", secrets, config.Events)
		printtest.Check(t, "what is told of a log-in", secrets, w.logins[0])
		printtest.Check(t, "what is told of a signal", secrets, w.signals[0])
		printtest.Check(t, "what is told of an end", secrets, w.ends[0])
		printtest.Check(t, "the context of a guarded handler", secrets, request.Context())
		// the other types of the contract are hashes and times
		printtest.Check(t, "what a Store keeps", secrets, *stored.last)
		printtest.Check(t, "a TokenSource", secrets, session.TokenSource(request.Context(), "https://api.example"))
		printtest.Check(t, "a pointer to Config", secrets, map[string]*rp.Config{"c": &config})
		printtest.Check(t, "the client of a session", secrets, session.Client())
		printtest.Check(t, "Values", secrets, w.auth[0].Values())
		// A request prints its Cookie header, with or without this library.
		delete(secrets, "cookie id")
		printtest.Check(t, "the request of a guarded handler", secrets, request)
		if found := w.known().Found(w.log.String()); found != "" {
			t.Errorf("the %s is in the log", found)
		}
	})
}

func (p *planted) fetched() *http.Request {
	r, err := http.NewRequestWithContext(p.Context(), http.MethodGet, base+"/private", nil)
	if err != nil {
		p.Fatal(err)
	}
	r.Header = fetching
	return r
}

// spied is a store that notes the sessions it is given. (What is kept of the IdP comes at
// the same time.)
type spied struct {
	store.Store
	last *store.Record
}

func (s spied) Create(ctx context.Context, rec store.Record) error {
	if rec.Owner != rec.Key {
		*s.last = rec
	}
	return s.Store.Create(ctx, rec)
}

// What prints says who it is, so that a log line is of use.
func TestPrintsSayWho(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		var s *rp.Session
		w.run = func(_ http.ResponseWriter, r *http.Request, of *rp.Session) { s = of }
		v.get("/run")
		for v, want := range map[any]string{
			w.auth[0]:               "rp.RelyingParty(notes at https://idp.example)",
			s:                       "rp.Session(" + s.Name() + ")",
			(*rp.RelyingParty)(nil): "rp.RelyingParty(nil)",
			(*rp.Session)(nil):      "rp.Session(nil)",
			new(rp.Session):         "rp.Session()",
			s.Request().Context():   ".WithValue(rp.Session(" + s.Name() + "))",
		} {
			if got := fmt.Sprintf("%s", v); !strings.HasSuffix(got, want) || strings.HasPrefix(want, "rp.") &&
				got != want {
				t.Errorf("%q, want %q", got, want)
			}
		}
	})
}
