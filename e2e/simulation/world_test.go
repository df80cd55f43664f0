package simulation

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/memnet"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/memstore"
)

const (
	idpHost = "idp.example"
	apiHost = "api.example"
	issuer  = "https://" + idpHost
)

var appNames = [3]string{"notes", "cal", "wiki"}
var appKinds = [3]rp.Kind{rp.RefreshToken, rp.ReferenceToken, rp.NoToken}

// signer is shared by all histories: making keys is no part of what is proven.
var signer = sync.OnceValue(func() crypto.Signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
})

// world is one history while it happens. It lives in a bubble.
type world struct {
	h      *history
	begin  time.Time
	net    *memnet.Net
	idp    *idpmock.IDP
	apps   [3]*app
	people []*browser
	oracle *oracle
	spoils spoils

	ctx   context.Context // ends with the history, or with its first violation
	abort context.CancelFunc
	acts  sync.WaitGroup
	undo  []func()
}

// app is one client: two instances over one store.
type app struct {
	w     *world
	n     int
	name  string
	knobs appKnobs
	store rp.Store // without faults
	gate  dueGate
	inst  [2]*instance
	next  atomic.Uint32 // whose turn it is at the load balancer
}

// instance is one process of an app.
type instance struct {
	app  *app
	n    int
	name string
	wire *wire
	now  atomic.Pointer[running] // nil while it is down

	restarting atomic.Bool
}

// running is an instance between New and Close.
type running struct {
	rp      *rp.RelyingParty
	handler http.Handler
	ctx     context.Context // of its requests
	cancel  context.CancelFunc
	busy    sync.WaitGroup
	gate    sync.Mutex // orders Add and Wait
	closing bool
}

func newWorld(h *history) (*world, error) {
	w := &world{h: h, begin: time.Now(), net: memnet.New()}
	w.ctx, w.abort = context.WithCancel(context.Background())
	w.undo = append(w.undo, w.net.Close)
	w.oracle = newOracle(w)
	var err error
	w.idp, err = idpmock.New(idpmock.Config{
		Issuer: issuer, SigningAlg: "ES256", Keys: []crypto.Signer{signer()},
		IdleWindow: h.Window, AbsoluteLifetime: h.IdPAbsolute, RefreshExpiresIn: h.ExpiresIn, RefreshReuseGrace: h.ReuseGrace,
		CoordinateClientLifetimes: true, ExpiredSessionsTriggerBackchannelLogout: true,
		Clients: w.clients(), HTTPClient: w.net.Client(), SweepEvery: sweepEvery,
	})
	if err != nil {
		return w, err
	}
	events, stop := w.idp.Subscribe(1 << 12)
	w.oracle.truth.events = events
	w.undo = append(w.undo, func() { w.idp.Close(); stop() })
	if err := w.serve(idpHost, w.idp.Handler()); err != nil {
		return w, err
	}
	if err := w.serve(apiHost, w.api()); err != nil {
		return w, err
	}
	for i := range w.apps {
		a := &app{w: w, n: i, name: appNames[i], knobs: h.Apps[i]}
		a.store = memstore.New(memstore.Options{})
		w.apps[i] = a
		for n := range a.inst {
			in := &instance{app: a, n: n, name: fmt.Sprintf("%s-%d", a.name, n)}
			in.wire = &wire{in: in, next: w.net.Transport()}
			a.inst[n] = in
			if err := in.start(); err != nil {
				return w, err
			}
			w.undo = append(w.undo, in.stop)
		}
		if err := w.serve(a.name+".example", http.HandlerFunc(a.balance)); err != nil {
			return w, err
		}
	}
	for p := range h.People {
		for n := range h.BrowsersEach {
			w.people = append(w.people, newBrowser(w, [...]string{"ada", "bob"}[p], n))
		}
	}
	return w, nil
}

// sweepEvery is how late the IdP may find out that a session has expired.
const sweepEvery = 2 * time.Second

func (w *world) serve(host string, h http.Handler) error {
	stop, err := w.net.Serve(host, h)
	if err == nil {
		w.undo = append(w.undo, stop)
	}
	return err
}

func (w *world) close() {
	w.abort()
	w.acts.Wait()
	for i := len(w.undo) - 1; i >= 0; i-- {
		w.undo[i]()
	}
}

// at is the virtual time since the history began.
func (w *world) at() time.Duration { return time.Since(w.begin) }

func (w *world) clients() []idpmock.Client {
	var all []idpmock.Client
	for i, name := range appNames {
		base := "https://" + name + ".example"
		c := idpmock.Client{
			ID: name, Secret: "secret-" + name,
			RedirectURIs:           []string{base + "/auth/callback"},
			PostLogoutRedirectURIs: []string{base + "/auth/logged-out"},
			BackchannelLogoutURI:   base + "/auth/backchannel-logout",
			AccessTokenLifetime:    w.h.Apps[i].TokenLife, AccessTokenType: idpmock.Reference,
			RefreshTokens: appKinds[i] == rp.RefreshToken,
		}
		all = append(all, c)
	}
	return append(all, idpmock.Client{ID: "api", Secret: "secret-api"})
}

func (in *instance) config() rp.Config {
	a := in.app
	k := a.knobs
	skew := k.Skew[in.n]
	c := rp.Config{
		Issuer: issuer, ClientID: a.name, ClientSecret: rp.Secret("secret-" + a.name),
		BaseURL: "https://" + a.name + ".example", Kind: appKinds[a.n], IDTokenAlg: "ES256",
		Keys:  rp.Keys{[]byte("0123456789abcdef0123456789abcde" + fmt.Sprint(a.n))},
		Store: &flakyStore{Store: a.store, in: in},
		APIs:  []string{"https://" + apiHost}, APIIntrospects: k.Introspects,
		SignalEvery: k.SignalEvery, TrustFor: k.TrustFor, Idle: k.Idle, Absolute: k.Absolute,
		TrailingSignal: k.Trailing, SilentCheck: k.Silent,
		HTTPClient: &http.Client{Transport: in.wire},
		Now:        func() time.Time { return time.Now().Add(skew) },
		Logger:     slog.New(slog.DiscardHandler),
		Events: rp.Events{
			Login: func(e rp.LoginEvent) { a.w.oracle.began(in, e) },
			End:   func(e rp.EndEvent) { a.w.oracle.ended(in, e) },
		},
	}
	if k.KnowsWindow {
		c.IdPWindow = a.w.h.Window
	}
	return c
}

func (in *instance) start() error {
	auth, err := rp.New(context.Background(), in.config())
	if err != nil {
		return err
	}
	web := nethttpadapter.New(auth)
	mux := http.NewServeMux()
	mux.Handle("/auth/", web.Endpoints())
	page := http.HandlerFunc(served)
	mux.Handle("/page", web.RequireLogin(page))
	mux.Handle("/poll", web.RequireLogin(web.Passive(page)))
	mux.Handle("/call-api", web.RequireLogin(http.HandlerFunc(callsAPI)))
	mux.Handle("/save", web.RequireLogin(saves(auth)))
	mux.Handle("/end", web.RequireLogin(http.HandlerFunc(endsSession)))
	r := &running{rp: auth, handler: mux}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	in.now.Store(r)
	return nil
}

// stop shuts down as a good server does: no new requests, a while for those
// under way, then the library.
func (in *instance) stop() {
	r := in.now.Swap(nil)
	if r == nil {
		return
	}
	r.gate.Lock()
	r.closing = true
	r.gate.Unlock()
	idle := make(chan struct{})
	go func() { r.busy.Wait(); close(idle) }()
	grace := time.NewTimer(2 * time.Second)
	defer grace.Stop()
	select {
	case <-idle:
	case <-grace.C:
	}
	r.cancel()
	<-idle
	_ = r.rp.Close()
}

// serve passes a request to the instance; false if it is down.
func (in *instance) serve(w http.ResponseWriter, req *http.Request) bool {
	r := in.now.Load()
	if r == nil {
		return false
	}
	r.gate.Lock()
	if r.closing {
		r.gate.Unlock()
		return false
	}
	r.busy.Add(1)
	r.gate.Unlock()
	defer r.busy.Done()
	ctx, cancel := context.WithCancel(req.Context())
	defer context.AfterFunc(r.ctx, cancel)()
	defer cancel()
	r.handler.ServeHTTP(w, req.WithContext(ctx))
	return true
}

// balance is the load balancer, as the IdP's deliveries meet it.
func (a *app) balance(w http.ResponseWriter, r *http.Request) {
	n := int(a.next.Add(1))
	body, _ := io.ReadAll(r.Body)
	d := a.w.oracle.deliveryArrives(a, body)
	out := &response{header: http.Header{}}
	for i := range a.inst {
		in := a.inst[(n+i)%len(a.inst)]
		req := r.Clone(r.Context())
		req.Body = io.NopCloser(strings.NewReader(string(body)))
		if in.serve(out, req) {
			a.w.oracle.deliveryDone(d, in, out.status)
			out.copyTo(w)
			return
		}
	}
	a.w.oracle.deliveryDone(d, nil, http.StatusBadGateway)
	w.WriteHeader(http.StatusBadGateway)
}

// The handlers of an app. What they say of the session is what the oracle
// believes was served.
const servedHeader = "Sim-Served"

func served(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(servedHeader, rp.FromContext(r.Context()).Name())
	w.WriteHeader(http.StatusOK)
}

const apiHeader = "Sim-Api"

func callsAPI(w http.ResponseWriter, r *http.Request) {
	s := rp.FromContext(r.Context())
	w.Header().Set(servedHeader, s.Name())
	req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, "https://"+apiHost+"/whoami", nil)
	if err != nil {
		panic(err)
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		w.Header().Set(apiHeader, err.Error())
		w.WriteHeader(http.StatusOK)
		return
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	w.Header().Set(apiHeader, fmt.Sprint(resp.StatusCode))
	w.WriteHeader(http.StatusOK)
}

func endsSession(w http.ResponseWriter, r *http.Request) {
	if err := rp.FromContext(r.Context()).End(r.Context()); err != nil {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// api is a resource server that asks the IdP about every token.
func (w *world) api() http.Handler {
	client := &http.Client{Transport: w.net.Transport()}
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if f := w.spoils.api(); f != 0 {
			if f == http.StatusUnauthorized {
				rw.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			}
			rw.WriteHeader(f)
			return
		}
		_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, issuer+idpmock.PathIntrospect,
			strings.NewReader(url.Values{"token": {token}}.Encode()))
		if err != nil {
			panic(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.SetBasicAuth("api", "secret-api")
		var answer struct {
			Active bool `json:"active"`
		}
		resp, err := client.Do(req)
		if err == nil {
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusOK || json.NewDecoder(resp.Body).Decode(&answer) != nil {
				err = fmt.Errorf("introspection answered %d", resp.StatusCode)
			}
		}
		switch {
		case err != nil:
			rw.WriteHeader(http.StatusServiceUnavailable)
		case !answer.Active:
			rw.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			rw.WriteHeader(http.StatusUnauthorized)
		default:
			rw.WriteHeader(http.StatusOK)
		}
	})
}
