package otheridp

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	_ "github.com/tandem-sso/tandem/demo/program" // so that go test sees when the program that is built changes
	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/process"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
	"github.com/tandem-sso/tandem/idp-mock/opsuite/oidcprovider"
)

var (
	chromium browser.Process
	demo     = process.Program{Package: "./demo"}
)

func TestMain(m *testing.M) {
	code := m.Run()
	chromium.Close()
	demo.Close()
	os.Exit(code)
}

const secret = "a-secret-of-more-than-32-characters-for-the-client"

// client is a registration at the provider.
func client(id, base string, refresh bool) map[string]any {
	grants := []string{"authorization_code"}
	if refresh {
		grants = append(grants, "refresh_token")
	}
	return map[string]any{
		"client_id": id, "client_secret": secret, "token_endpoint_auth_method": "client_secret_basic",
		"redirect_uris": []string{base + "/auth/callback"}, "post_logout_redirect_uris": []string{base +
			"/auth/logged-out"},
		"backchannel_logout_uri": base + "/auth/backchannel-logout", "backchannel_logout_session_required": true,
		"response_types": []string{"code"}, "grant_types": grants,
	}
}

// An API has no flow of its own: it introspects.
func apiClient() map[string]any {
	return map[string]any{"client_id": "api", "client_secret": secret,
		"token_endpoint_auth_method": "client_secret_basic",
		"redirect_uris":              []string{}, "response_types": []string{}, "grant_types": []string{}}
}

// setup is one app, alone with an API and a provider that is not ours.
type setup struct {
	issuer, app, api string
	process          *process.Process
}

func start(t *testing.T, name string, flags ...string) setup {
	return startWith(t, name, name == "refreshtoken", flags...)
}

func startWith(t *testing.T, name string, refresh bool, flags ...string) setup {
	s := setup{app: "http://" + process.FreeAddr(t), api: "http://" + process.FreeAddr(t)}
	s.issuer = oidcprovider.Start(t, "../../idp-mock/opsuite/oidcprovider", oidcprovider.Config{
		Clients: []any{client(name, s.app, refresh), apiClient()}})
	hidden := process.Env{"TANDEM_CLIENT_SECRET": secret}
	demo.Start(t, hidden, "-app", "api", "-issuer", s.issuer, "-client-id", "api",
		"-listen", strings.TrimPrefix(s.api, "http://")).Ready(s.api)
	s.process = demo.Start(t, hidden, append([]string{"-app", name, "-issuer", s.issuer, "-client-id", name,
		"-listen", strings.TrimPrefix(s.app, "http://"), "-base-url", s.app, "-api-url", s.api}, flags...)...).Ready(
		s.app)
	return s
}

// Every app alone, as the outer face says: log-in, /private, /me, /passive,
// /call-api, logout, back-channel logout.
func TestAppAlone(t *testing.T) {
	for _, c := range []struct {
		name  string
		flags []string
	}{{"refreshtoken", nil}, {"referencetoken", nil}, {"notoken", nil}, {"refreshtoken", []string{"-instances", "2"}}} {
		name := c.name
		t.Run(strings.Join(append([]string{name}, c.flags...), " "), func(t *testing.T) {
			t.Parallel()
			s := start(t, name, c.flags...)
			p := newVisitor(t, s)

			if page := p.Open(s.app + "/"); page.Status != http.StatusOK || strings.Contains(page.Body, "ada") {
				t.Fatalf("the public page: %s", page)
			}
			if got := p.status(); got.State != "anonymous" {
				t.Errorf("before the log-in: %+v", got)
			}
			if page := p.Fetch(http.MethodGet, s.app+"/me"); page.Status != http.StatusUnauthorized ||
				!strings.Contains(page.Body, "login_required") {
				t.Errorf("/me without a session: %s", page)
			}

			p.signIn()
			p.works(name)
			p.logsOut()

			p.signIn()
			p.leavesTheIdP()

			if out := s.process.Output(); strings.Contains(out, secret) {
				t.Errorf("the secret is in the output:\n%s", out)
			}
		})
	}
}

type visitor struct {
	*idptest.Browser
	t *testing.T
	s setup
}

func newVisitor(t *testing.T, s setup) visitor {
	p := visitor{idptest.NewBrowser(t, nil), t, s}
	p.Fill = url.Values{"login": {"ada"}, "password": {"any"}}
	return p
}

type status struct {
	State, Reason, Subject string
}

func (p visitor) status() (got status) {
	p.t.Helper()
	p.json(p.Fetch(http.MethodGet, p.s.app+"/auth/session"), &got)
	return got
}

func (p visitor) json(page *idptest.Page, v any) {
	p.t.Helper()
	if err := json.Unmarshal([]byte(page.Body), v); err != nil || page.Status != http.StatusOK {
		p.t.Fatalf("want 200 and JSON: %v: %s", err, page)
	}
}

// through submits the provider's forms until the browser is back at the app.
func (p visitor) through(page *idptest.Page) *idptest.Page {
	p.t.Helper()
	for range 5 {
		if strings.HasPrefix(page.URL.String(), p.s.app) && page.URL.Path != "/auth/logout" {
			return page
		}
		if page.Status != http.StatusOK {
			break
		}
		page = page.Submit()
	}
	p.t.Fatalf("not back at the app: %s", page)
	return nil
}

func (p visitor) signIn() {
	p.t.Helper()
	first := p.Open(p.s.app + "/private")
	if !strings.HasPrefix(first.URL.String(), p.s.issuer) || !strings.Contains(first.Body, "password") {
		p.t.Fatalf("no sign-in page of the provider: %s", first)
	}
	page := p.through(first)
	if page.Status != http.StatusOK || page.URL.Path != "/private" || !strings.Contains(page.Body, "ada") {
		p.t.Fatalf("/private after the log-in: %s", page)
	}
	if got := p.status(); got != (status{"live", "", "ada"}) {
		p.t.Errorf("after the log-in: %+v", got)
	}
}

func (p visitor) works(name string) {
	p.t.Helper()
	for _, path := range []string{"/me", "/passive"} {
		var me struct{ Subject, Class string }
		p.json(p.Fetch(http.MethodGet, p.s.app+path), &me)
		if want := map[string]string{"/me": "active", "/passive": "passive"}[path]; me.Subject != "ada" ||
			me.Class != want {
			p.t.Errorf("%s: %+v, want ada, %s", path, me, want)
		}
	}
	page := p.Fetch(http.MethodGet, p.s.app+"/call-api")
	if name == "notoken" {
		if page.Status != http.StatusConflict || !strings.Contains(page.Body, "no_access_token") {
			p.t.Errorf("/call-api of an app without tokens: %s", page)
		}
		return
	}
	var who struct{ Subject, Client string }
	p.json(page, &who)
	if who.Subject != "ada" || who.Client != name {
		p.t.Errorf("/call-api: %+v, want ada by %s", who, name)
	}
}

// logsOut leaves the app and the provider (RP-Initiated Logout 1.0).
func (p visitor) logsOut() {
	p.t.Helper()
	page := p.through(p.Post(p.s.app+"/auth/logout", url.Values{}))
	if page.Status != http.StatusOK || page.URL.Path != "/auth/logged-out" {
		p.t.Fatalf("after the log-out: %s", page)
	}
	if got := p.status(); got.State != "ended" || got.Reason != "user_logout" {
		p.t.Errorf("after the log-out: %+v", got)
	}
	// signIn, which follows, proves that the provider asks for the password again.
}

// leavesTheIdP logs out at the provider itself: the app is told on the back
// channel, before the provider's own page is there, and its open streams tell the
// pages.
func (p visitor) leavesTheIdP() {
	p.t.Helper()
	events := p.stream()
	page := p.Open(p.s.issuer + "/session/end").Submit()
	if page.Status != http.StatusOK {
		p.t.Fatalf("the provider does not log out: %s", page)
	}
	if got := p.status(); got.State != "ended" || got.Reason != "backchannel_logout" {
		p.t.Errorf("after the back-channel logout: %+v\n%s", got, p.s.process.Output())
	}
	if all, err := io.ReadAll(events); err != nil || !strings.Contains(string(all), "event: session") ||
		!strings.Contains(string(all), "event: ended") ||
		!strings.Contains(string(all), `"reason":"backchannel_logout"`) {
		p.t.Errorf("the stream (%v):\n%s", err, all)
	}
	if page := p.Fetch(http.MethodGet, p.s.app+"/me"); page.Status != http.StatusUnauthorized ||
		!strings.Contains(page.Body, `"backchannel_logout"`) {
		p.t.Errorf("/me after the back-channel logout: %s", page)
	}
}

// stream opens the app's event stream, which ends with the session.
func (p visitor) stream() io.Reader {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	p.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.s.app+"/auth/events", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := p.Do(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		p.t.Fatalf("the event stream: %v %v", resp, err)
	}
	p.t.Cleanup(func() { resp.Body.Close() })
	return resp.Body
}
