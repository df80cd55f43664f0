package simulation

import (
	"context"
	"crypto/sha256"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/store"
)

// app is one relying party: two instances over the store that all parties share.
type app struct {
	party
	w        *world
	n        int
	owner    store.Key
	kept     store.Key
	provider *provider
	knobs    appKnobs
	gate     dueGate
	inst     [2]*instance
	next     atomic.Uint32           // whose turn it is at the load balancer
	keys     atomic.Pointer[rp.Keys] // that an instance gets when it starts
	rolling  atomic.Bool
	lifeless atomic.Bool // an answer has not said how long its access token lives
}

// instance is one process of an app.
type instance struct {
	app   *app
	n     int
	name  string
	late  *lateness
	diary *diary
	now   atomic.Pointer[running] // nil while it is down

	restarting atomic.Bool
	closed     atomic.Int64 // when Close was called (world.at); 0: it was not
	over       atomic.Bool  // Close has returned
	heard      atomic.Int64 // when the IdP last answered it
	unheard    atomic.Bool  // once it has not
	started    atomic.Int64
	gone       time.Duration // when it first asked at an address that is no more; the oracle's
}

// running is an instance between New and Close.
type running struct {
	rp      *rp.RelyingParty
	life    *life
	keys    *rp.Keys
	handler http.Handler
	ctx     context.Context // of its requests
	cancel  context.CancelFunc
	busy    sync.WaitGroup
	sockets sync.WaitGroup
	gate    sync.Mutex // orders Add and Wait
	closing bool
}

// keyCalled makes a key.
func keyCalled(name string) []byte {
	sum := sha256.Sum256([]byte(name))
	return sum[:]
}

func (in *instance) config(keys rp.Keys, l *life) rp.Config {
	a := in.app
	k := a.knobs
	skew := k.Skew[in.n]
	c := rp.Config{
		Issuer: a.provider.issuer, ClientID: a.client, ClientSecret: rp.Secret("secret-" + a.name),
		BaseURL: a.url(), Kind: a.kind, IDTokenAlg: "ES256",
		Keys: keys, Store: &flakyStore{Store: a.w.store, in: in, life: l},
		APIs: []rp.API{{Origin: "https://" + a.provider.api}}, APIIntrospects: k.Introspects,
		SignalEvery: k.SignalEvery, TrustFor: k.TrustFor, Idle: k.Idle, Absolute: k.Absolute,
		TrailingSignal: k.Trailing, SilentCheck: k.Silent, MaxSessionsPerSubject: k.Sessions, MaxCalls: k.MaxCalls,
		HTTPClient:    &http.Client{Transport: &wire{in: in, next: a.w.net.Transport(), life: l}},
		SkipSelfCheck: true, // the oracle judges every call
		Now:           func() time.Time { return time.Now().Add(skew) },
		Logger:        slog.New(in.diary),
		Events: in.diary.events(event.Handlers{
			Login: func(e event.Login) {
				if !l.over() {
					a.w.oracle.began(in, e)
				}
			},
			End: func(e event.End) {
				if !l.over() {
					a.w.oracle.ended(in, e)
				}
			},
		}),
	}
	if k.KnowsWindow {
		c.IdPWindow = a.w.h.Window
	}
	if c.Capabilities = a.provider.knobs.capabilities(
		k.Revocation); a.provider.temper.RefreshToken == idpmock.RefreshOffline {
		c.Scopes = []string{"openid", "offline_access"}
	}
	return c
}

// other is the app's other instance.
func (in *instance) other() *instance { return in.app.inst[1-in.n] }

func (in *instance) start() error {
	in.late.knowsAll() // a new process has read nothing
	in.over.Store(false)
	in.started.Store(int64(in.app.w.at()))
	keys := in.app.keys.Load()
	l := newLife()
	auth, err := rp.New(context.Background(), in.config(*keys, l))
	if err != nil {
		return err
	}
	r := &running{rp: auth, life: l, keys: keys, handler: routes(in, auth, nethttpadapter.New(auth))}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	in.closed.Store(0)
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
	r.sockets.Wait()
	in.closed.Store(int64(in.app.w.at()))
	_ = r.rp.Close()
	in.over.Store(true)
}

// dead: Close has been called.
func (r *running) dead() bool {
	r.gate.Lock()
	defer r.gate.Unlock()
	return r.closing
}

// enter says whether a request or a call may begin; then leave ends it.
func (r *running) enter() (leave func(), ok bool) {
	r.gate.Lock()
	defer r.gate.Unlock()
	if r.closing {
		return nil, false
	}
	r.busy.Add(1)
	return r.busy.Done, true
}

// serve passes a request to the instance; false if it is down.
func (in *instance) serve(w http.ResponseWriter, req *http.Request) bool {
	r := in.now.Load()
	if r == nil {
		return false
	}
	leave, ok := r.enter()
	if !ok {
		return false
	}
	defer leave()
	ctx, cancel := context.WithCancel(req.Context())
	defer context.AfterFunc(r.ctx, cancel)()
	defer cancel()
	r.handler.ServeHTTP(w, req.WithContext(ctx))
	if r.life.over() {
		w.Header().Set(killedHeader, "1")
	}
	return true
}

// balance is the load balancer, as the IdP's deliveries meet it.
func (a *app) balance(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	x := a.w.oracle.tokenArrives(a, body)
	out := &response{header: http.Header{}}
	in := a.either(out, func() *http.Request {
		req := r.Clone(r.Context())
		req.Body = io.NopCloser(strings.NewReader(string(body)))
		return req
	})
	if in == nil {
		out.status = http.StatusBadGateway
	}
	a.w.oracle.tokenAnswered(x, in, out.status)
	out.copyTo(w)
}

// either lets the instance whose turn it is serve a request, or the other one if
// that is down; nil if both are, or if it was killed meanwhile.
func (a *app) either(out http.ResponseWriter, req func() *http.Request) *instance {
	n := int(a.next.Add(1))
	for i := range a.inst {
		if in := a.inst[(n+i)%len(a.inst)]; in.serve(out, req()) {
			if out.Header().Get(killedHeader) != "" {
				return nil
			}
			return in
		}
	}
	return nil
}

// skew is how far two clocks may differ that an app's instances compare.
func (a *app) skew() time.Duration {
	lo := min(a.knobs.Skew[0], a.knobs.Skew[1], 0)
	hi := max(a.knobs.Skew[0], a.knobs.Skew[1], 0)
	return hi - lo
}
