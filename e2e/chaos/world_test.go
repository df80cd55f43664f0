package chaos

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/process"
	"github.com/tandem-sso/tandem/internal/servertest"
)

var (
	demoProgram = process.Program{Package: "./demo"}
	idpProgram  = process.Program{Package: "./idp-mock"}
)

// world is everything that runs.
type world struct {
	t        *testing.T
	rec      *recorder
	idp      *provider
	redis    *redisPair
	postgres *servertest.Postgres
	pgProxy  *servertest.Proxy
	fronts   map[string]*front
	members  []*member
	hosts    map[string]place
	net      *http.Transport // of all browsers
	living   context.Context // until the people go home
	ghosts   sync.WaitGroup
}

type place struct{ app, instance string }

// member is one instance of an app, which can be killed and started again.
type member struct {
	app    string
	number int
	addr   string
	args   []string
	env    process.Env
	proc   *process.Process
}

func (m *member) name() string { return m.app + "/" + strconv.Itoa(m.number) }

func (m *member) start(t *testing.T) { m.proc = demoProgram.Start(t, m.env, m.args...) }

func (m *member) ready() { m.proc.Ready("http://" + m.addr) }

// instances of each app.
const instances = 2

func newWorld(t *testing.T) *world {
	w := &world{t: t, rec: newRecorder(), fronts: map[string]*front{}, hosts: map[string]place{},
		net: &http.Transport{MaxIdleConnsPerHost: 64}}
	t.Cleanup(w.net.CloseIdleConnections)
	w.startStores()
	addrs := map[string][]string{}
	for app := range apps {
		for i := range instances {
			addr := process.FreeAddr(t)
			addrs[app] = append(addrs[app], addr)
			w.hosts[addr] = place{app, strconv.Itoa(i + 1)}
		}
		f := newFront(app, addrs[app]...)
		t.Cleanup(f.close)
		w.fronts[app] = f
		w.hosts[f.server.Listener.Addr().String()] = place{app: app}
	}
	w.idp = newProvider(t, w.rec, w.fronts)
	w.hosts[w.idp.proxy.Addr] = place{app: "idp"}
	w.idp.start(t)
	w.startApps(addrs)
	return w
}

func (w *world) startStores() {
	w.redis = startRedisPair(w.t)
	var err error
	if w.postgres, err = servertest.StartPostgres(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(w.postgres.Close)
	if w.pgProxy, err = servertest.StartProxy(w.postgres.Addr); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(w.pgProxy.Close)
}

func (w *world) startApps(addrs map[string][]string) {
	pg, err := url.Parse(w.postgres.URL)
	if err != nil {
		w.t.Fatal(err)
	}
	pg.Host = w.pgProxy.Addr
	stores := map[string]string{"redis": "redis://" + w.redis.proxy.Addr + "/0", "postgres": pg.String()}
	for app, about := range apps {
		program := "notoken"
		if about.tokens {
			program = "refreshtoken"
		}
		key := make([]byte, 32)
		_, _ = rand.Read(key)
		for i, addr := range addrs[app] {
			w.members = append(w.members, &member{app: app, number: i + 1, addr: addr,
				env: process.Env{"TANDEM_CLIENT_SECRET": secret, "TANDEM_SEAL_KEY": hex.EncodeToString(key)},
				args: []string{"-app", program, "-issuer", w.idp.issuer, "-client-id", app, "-listen", addr,
					"-base-url", w.fronts[app].url,
					"-store", stores[about.store], "-id-token-alg", "ES256", "-signal-every", signalEvery.String(),
					"-trust-for", trustFor.String(),
					"-idp-window", window.String(), "-wait", "1m"}})
		}
	}
	for _, m := range w.members {
		m.start(w.t)
	}
	for _, m := range w.members {
		m.ready()
	}
}

func (w *world) whereIs(host string) (app, instance string) {
	p := w.hosts[host]
	return p.app, p.instance
}

// of returns the instances of an app.
func (w *world) of(app string) (out []*member) {
	for _, m := range w.members {
		if m.app == app {
			out = append(out, m)
		}
	}
	return out
}
