package badinput

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/apps"
	_ "github.com/tandem-sso/tandem/demo/program" // so that go test sees when the program that is built changes
	"github.com/tandem-sso/tandem/e2e/driver/process"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
	"github.com/tandem-sso/tandem/rp"
)

var demo = process.Program{Package: "./demo"}

func TestMain(m *testing.M) {
	code := m.Run()
	demo.Close()
	os.Exit(code)
}

// target is one app with an IdP of its own.
type target struct {
	*testing.T
	idp *idptest.Server
	url string
}

var starts = map[string]func(context.Context, apps.Config) (*apps.App, error){
	"refreshtoken": apps.StartRefreshToken, "referencetoken": apps.StartReferenceToken, "notoken": apps.StartNoToken,
}

// each runs a test against every app: two adapters, three kinds.
func each(t *testing.T, test func(target)) {
	for name, start := range starts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			base := "http://" + l.Addr().String()
			idp := idptest.Start(t, idptest.WithClients(client(base)))
			a, err := start(t.Context(), apps.Config{Issuer: idp.URL, ClientID: "app", ClientSecret: "s3cret",
				Listener:   l,
				CookieName: "app", Now: idp.Now, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := a.Close(); err != nil {
					t.Error(err)
				}
			})
			test(target{t, idp, base})
		})
	}
}

func client(base string) idpmock.Client {
	return idpmock.Client{ID: "app", Secret: "s3cret", RefreshTokens: true, AccessTokenLifetime: 8 * time.Hour,
		RedirectURIs: []string{base + "/auth/callback"}, PostLogoutRedirectURIs: []string{base + "/auth/logged-out"},
		BackchannelLogoutURI: base + "/auth/backchannel-logout"}
}

const cookieName = "__Host-app"

func (x target) person(name string) *idptest.Browser {
	p := idptest.NewBrowser(x, nil)
	p.Fill = url.Values{"username": {name}}
	return p
}

// signedIn returns a person with a session.
func (x target) signedIn(name string) *idptest.Browser {
	x.Helper()
	p := x.person(name)
	page := p.Open(x.url + "/private").Submit()
	if page.Status != http.StatusOK || page.URL.Path != "/private" {
		x.Fatalf("not signed in: %s", page)
	}
	return p
}

func (x target) state(p *idptest.Browser) rp.Status {
	x.Helper()
	page := p.Fetch(http.MethodGet, x.url+"/auth/session")
	var s rp.Status
	if err := json.Unmarshal([]byte(page.Body), &s); err != nil || page.Status != http.StatusOK {
		x.Fatalf("status: %v: %s", err, page)
	}
	return s
}

func (x target) live(p *idptest.Browser) {
	x.Helper()
	if s := x.state(p); s.State != "live" {
		x.Errorf("the session has suffered: %+v", s)
	}
}

// session returns the session cookie that the browser holds.
func (x target) session(p *idptest.Browser) string { return p.Cookie(x.url, cookieName) }

// raw sends a request with exactly these headers.
func (x target) raw(method, path, body string, header http.Header) *http.Response {
	x.Helper()
	req, err := http.NewRequest(method, x.url+path, strings.NewReader(body))
	if err != nil {
		x.Fatal(err)
	}
	req.Header = header
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		x.Fatal(err)
	}
	x.Cleanup(func() { resp.Body.Close() })
	return resp
}
