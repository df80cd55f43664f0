package apps_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

type starter func(context.Context, apps.Config) (*apps.App, error)

var starters = map[string]starter{
	"refreshtoken": apps.StartRefreshToken, "referencetoken": apps.StartReferenceToken, "notoken": apps.StartNoToken,
}

// world is an IdP, the API and one app, over loopback.
type world struct {
	*testing.T
	idp     *idptest.Server
	api     *apps.API
	app     *apps.App
	browser *http.Client
}

func start(t *testing.T, name string, change ...func(*apps.Config)) *world {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + l.Addr().String()
	w := &world{T: t}
	w.idp = idptest.Start(t, idptest.WithClients(
		idpmock.Client{ID: name, Secret: "s3cret", RedirectURIs: []string{base + "/auth/callback"}, PostLogoutRedirectURIs: []string{base + "/auth/logged-out"},
			BackchannelLogoutURI: base + "/auth/backchannel-logout", BackchannelSessionRequired: true,
			RefreshTokens: name == "refreshtoken", AccessTokenType: idpmock.Reference},
		idpmock.Client{ID: "api", Secret: "api-s3cret"},
	), idptest.WithUsers(idpmock.User{Username: "ada", Name: "Ada Lovelace"}))
	quiet := slog.New(slog.DiscardHandler)
	if w.api, err = apps.StartAPI(t.Context(), apps.APIConfig{Issuer: w.idp.URL, ClientID: "api", ClientSecret: "api-s3cret", Listen: "127.0.0.1:0", Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.closed(w.api) })
	c := apps.Config{Issuer: w.idp.URL, ClientID: name, ClientSecret: "s3cret", Listener: l, APIURL: w.api.URL(), Logger: quiet, Now: w.idp.Now}
	for _, f := range change {
		f(&c)
	}
	if w.app, err = starters[name](t.Context(), c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.closed(w.app) })
	w.browser = newBrowser(t)
	return w
}

func (w *world) closed(c io.Closer) {
	if err := c.Close(); err != nil {
		w.Error(err)
	}
}

// newBrowser keeps cookies as browsers do; Go's jar takes Secure ones on
// loopback, too.
func newBrowser(t *testing.T) *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	tr := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: tr, Timeout: 10 * time.Second}
}

func (w *world) do(method, to string, form url.Values, header ...string) (*http.Response, string) {
	w.Helper()
	if strings.HasPrefix(to, "/") {
		to = w.app.URL() + to
	}
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequest(method, to, body)
	if err != nil {
		w.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := w.browser.Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.Fatal(err)
	}
	return resp, string(text)
}

func (w *world) get(path string, header ...string) (*http.Response, string) {
	w.Helper()
	return w.do("GET", path, nil, header...)
}

func (w *world) json(path string) (int, map[string]any) {
	w.Helper()
	resp, text := w.get(path, "Accept", "application/json", "Sec-Fetch-Mode", "cors")
	v := map[string]any{}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		w.Fatalf("%s: %d %q", path, resp.StatusCode, text)
	}
	return resp.StatusCode, v
}

var tx = regexp.MustCompile(`name="tx" value="([^"]*)"`)

// signIn goes to the private page and fills the IdP's form.
func (w *world) signIn() (*http.Response, string) {
	w.Helper()
	resp, text := w.get("/private")
	m := tx.FindStringSubmatch(text)
	if m == nil {
		w.Fatalf("no sign-in page at %s: %s", resp.Request.URL, text)
	}
	return w.do("POST", w.idp.URL+"/login", url.Values{"tx": {m[1]}, "username": {"ada"}, "action": {"signin"}})
}

func each(t *testing.T, f func(t *testing.T, name string)) {
	for name := range starters {
		t.Run(name, func(t *testing.T) { f(t, name) })
	}
}
