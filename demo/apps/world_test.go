package apps_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"testing"

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
	browser *idptest.Browser
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
		idpmock.Client{ID: name, Secret: "s3cret", RedirectURIs: []string{base + "/auth/callback"},
			PostLogoutRedirectURIs: []string{base + "/auth/logged-out"},
			BackchannelLogoutURI:   base + "/auth/backchannel-logout", BackchannelSessionRequired: true,
			RefreshTokens: name == "refreshtoken", AccessTokenType: idpmock.Reference},
		idpmock.Client{ID: "api", Secret: "api-s3cret"},
	), idptest.WithUsers(idpmock.User{Username: "ada", Name: "Ada Lovelace"}))
	quiet := slog.New(slog.DiscardHandler)
	if w.api, err = apps.StartAPI(t.Context(), apps.APIConfig{Issuer: w.idp.URL, ClientID: "api",
		ClientSecret: "api-s3cret", Listen: "127.0.0.1:0", Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.closed(w.api) })
	c := apps.Config{Issuer: w.idp.URL, ClientID: name, ClientSecret: "s3cret", Listener: l, APIURL: w.api.URL(),
		Logger: quiet, Now: w.idp.Now}
	for _, f := range change {
		f(&c)
	}
	if w.app, err = starters[name](t.Context(), c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.closed(w.app) })
	w.browser = idptest.NewBrowser(t, nil)
	w.browser.Fill = url.Values{"username": {"ada"}}
	return w
}

func (w *world) closed(c io.Closer) {
	if err := c.Close(); err != nil {
		w.Error(err)
	}
}

// url of a path of the app.
func (w *world) url(to string) string {
	if strings.HasPrefix(to, "/") {
		return w.app.URL() + to
	}
	return to
}

func (w *world) get(path string) *idptest.Page {
	w.Helper()
	return w.browser.Open(w.url(path))
}

// logOut presses the button.
func (w *world) logOut() *idptest.Page {
	w.Helper()
	return w.browser.Post(w.url("/auth/logout"), nil)
}

func (w *world) json(path string) (int, map[string]any) {
	w.Helper()
	page := w.browser.Fetch("GET", w.url(path))
	v := map[string]any{}
	if err := json.Unmarshal([]byte(page.Body), &v); err != nil {
		w.Fatalf("%s: %s", path, page)
	}
	return page.Status, v
}

// signIn goes to the private page and fills the IdP's form.
func (w *world) signIn() *idptest.Page {
	w.Helper()
	page := w.get("/private")
	if !strings.HasPrefix(page.URL.String(), w.idp.URL) {
		w.Fatalf("no sign-in page: %s", page)
	}
	return page.Submit()
}

func each(t *testing.T, f func(t *testing.T, name string)) {
	for name := range starters {
		t.Run(name, func(t *testing.T) { f(t, name) })
	}
}
