package deploy

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/process"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

var demo = process.Program{Package: "./demo"}

func TestMain(m *testing.M) {
	code := m.Run()
	demo.Close()
	_ = os.RemoveAll(traefikIn) // or nothing
	os.Exit(code)
}

const sealKey = "8d1f0c3e5a7b9246801357bdf0246ace8d1f0c3e5a7b9246801357bdf0246ace"

// app is an IdP and the demo's app with a refresh token, as processes that share a store.
// base is where browsers go: the first instance, if nothing else is said.
type app struct {
	*testing.T
	idp   *idptest.Server
	store string
	env   process.Env
	base  string
	addrs []string
}

// newApp starts nothing but the IdP. front is where a proxy listens, or empty.
func newApp(t *testing.T, store string, instances int, front string) *app {
	a := &app{T: t, store: store, env: process.Env{}}
	for range instances {
		a.addrs = append(a.addrs, process.FreeAddr(t))
	}
	a.base = "http://" + cmp.Or(front, a.addrs[0])
	a.idp = idptest.Start(t, idptest.WithClients(idpmock.Client{ID: "notes", Secret: "s3cret", RefreshTokens: true,
		RedirectURIs:           []string{a.base + "/auth/callback"},
		PostLogoutRedirectURIs: []string{a.base + "/auth/logged-out"},
		BackchannelLogoutURI:   a.base + "/auth/backchannel-logout"}))
	return a
}

// launch starts an instance and returns at once.
func (a *app) launch(i int, sealKey string) *process.Process {
	a.Helper()
	env := process.Env{"TANDEM_CLIENT_SECRET": "s3cret", "TANDEM_STORE": a.store, "TANDEM_SEAL_KEY": sealKey}
	for name, value := range a.env {
		env[name] = value
	}
	return demo.Start(a.T, env, "-app=refreshtoken", "-issuer="+a.idp.URL, "-like=generic", "-client-id=notes",
		"-base-url="+a.base,
		"-listen="+a.addrs[i])
}

// start starts an instance and waits until it is ready.
func (a *app) start(i int, sealKey string) *process.Process {
	a.Helper()
	p := a.launch(i, sealKey).Ready("http://" + a.addrs[i])
	eventually(a.T, "instance is ready", func() bool {
		resp, err := http.Get("http://" + a.addrs[i] + "/readyz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return p
}

func (a *app) signIn() *idptest.Browser {
	a.Helper()
	p := idptest.NewBrowser(a.T, nil)
	p.Fill = url.Values{"username": {"ada"}}
	if page := p.Open(a.base + "/private").Submit(); page.Status != http.StatusOK || page.URL.Path != "/private" {
		a.Fatalf("after the log-in: %s", page)
	}
	return p
}

// serves reports whether an instance knows who this is. The cookie goes to every port of
// a host.
func (a *app) serves(p *idptest.Browser, i int) bool {
	a.Helper()
	page := p.Fetch(http.MethodGet, "http://"+a.addrs[i]+"/me")
	var me struct {
		Subject string `json:"subject"`
	}
	return page.Status == http.StatusOK && json.Unmarshal([]byte(page.Body), &me) == nil && me.Subject == "ada"
}

// ended waits until an instance says so.
func (a *app) ended(p *idptest.Browser, i int, reason string) {
	a.Helper()
	eventually(a.T, "the session has ended for "+reason, func() bool {
		return strings.Contains(p.Fetch(http.MethodGet, "http://"+a.addrs[i]+"/auth/session").Body,
			`"reason":"`+reason+`"`)
	})
}

// works: a log-in, every instance serves, and a log-out at the IdP is seen by all.
func (a *app) works() {
	a.Helper()
	p := a.signIn()
	for i := range a.addrs {
		if !a.serves(p, i) {
			a.Errorf("instance %d does not know the session: %s", i+1,
				p.Fetch(http.MethodGet, "http://"+a.addrs[i]+"/me"))
		}
	}
	for _, s := range a.idp.Sessions() {
		if err := a.idp.EndSession(s.SID); err != nil {
			a.Fatal(err)
		}
	}
	a.idp.Settle()
	for i := range a.addrs {
		a.ended(p, i, "backchannel_logout")
	}
}
