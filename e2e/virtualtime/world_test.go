package virtualtime

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tandem-sso/tandem/echoadapter"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/resourceserver"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

const (
	window = 15 * time.Minute // W
	day    = 12 * time.Hour
)

const apiURL = "https://api.example"

// The three kinds of client, one app each.
var (
	notes  = app{"notes", rp.RefreshToken}
	photos = app{"photos", rp.ReferenceToken} // on echo
	news   = app{"news", rp.NoToken}
	all    = []app{notes, photos, news}
)

type app struct {
	name string
	kind rp.Kind
}

func (a app) url(path string) string { return "https://" + a.name + ".example" + path }

// told is which apps the IdP sends logout tokens to.
type told []app

func (l told) uri(a app) string {
	for _, b := range l {
		if a == b {
			return a.url("/auth/backchannel-logout")
		}
	}
	return ""
}

// world is an IdP with the apps around it.
type world struct {
	*testing.T
	idp *idptest.Server

	mu   sync.Mutex
	ends map[string][]event.End
}

// newWorld starts everything inside a bubble.
func newWorld(t *testing.T, told told, tune func(*idpmock.Client)) *world {
	w := &world{T: t, ends: map[string][]event.End{}}
	var clients []idpmock.Client
	for _, a := range all {
		c := idpmock.Client{ID: a.name, Secret: a.name + "-secret", RedirectURIs: []string{a.url("/auth/callback")},
			PostLogoutRedirectURIs: []string{a.url("/auth/logged-out")}, BackchannelLogoutURI: told.uri(a),
			RefreshTokens: a.kind == rp.RefreshToken}
		if a.kind == rp.ReferenceToken {
			c.AccessTokenType, c.AccessTokenLifetime = idpmock.Reference, day
		}
		if tune != nil {
			tune(&c)
		}
		clients = append(clients, c)
	}
	clients = append(clients, idpmock.Client{ID: "api", Secret: "api-secret"})
	w.idp = idptest.StartMem(t, idptest.WithClients(clients...), idptest.WithConfig(func(c *idpmock.Config) {
		c.SigningAlg, c.IdleWindow, c.AbsoluteLifetime = "ES256", window, day
	}))
	w.serveAPI()
	for _, a := range all {
		w.serve(a)
	}
	return w
}

// serveAPI starts the API behind notes and photos; it introspects every token.
func (w *world) serveAPI() {
	api, err := resourceserver.New(w.Context(), resourceserver.Config{Issuer: w.idp.URL, ClientID: "api",
		ClientSecret: "api-secret",
		HTTPClient:   w.idp.Net.Client(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.Fatal(err)
	}
	stop, err := w.idp.Net.Serve("api.example",
		api.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "API knows %s", resourceserver.FromContext(r.Context()).Subject)
		})))
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(stop)
}

func (w *world) serve(a app) {
	auth, err := rp.New(w.Context(), rp.Config{
		Issuer: w.idp.URL, ClientID: a.name, ClientSecret: rp.Secret(a.name + "-secret"), BaseURL: a.url(""),
		Kind: a.kind,
		Keys: rp.Keys{rp.NewKey()}, Store: memstore.New(memstore.Options{}), IdPWindow: window, Absolute: day,
		IDTokenAlg: "ES256",
		APIs:       []rp.API{{Origin: apiURL}}, APIIntrospects: a.kind != rp.NoToken,
		HTTPClient: w.idp.Net.Client(), Logger: slog.New(slog.DiscardHandler),
		Events: event.Handlers{End: func(e event.End) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.ends[a.name] = append(w.ends[a.name], e)
		}},
	})
	if err != nil {
		w.Fatal(err)
	}
	handler := netHTTP(auth)
	if a == photos {
		handler = onEcho(auth)
	}
	stop, err := w.idp.Net.Serve(strings.TrimPrefix(a.url(""), "https://"), handler)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		stop()
		if err := auth.Close(); err != nil {
			w.Error(err)
		}
	})
}

func netHTTP(auth *rp.RelyingParty) http.Handler {
	web := nethttpadapter.New(auth)
	private := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "private of %s", rp.FromContext(r.Context()).Subject())
	})
	mux := http.NewServeMux()
	mux.Handle("/auth/", web.Endpoints())
	mux.Handle("GET /private", web.RequireLogin(private))
	mux.Handle("GET /poll", web.RequireLogin(web.Passive(private)))
	mux.Handle("GET /api", web.RequireLogin(callAPI(auth)))
	return mux
}

// callAPI passes the API's answer on.
func callAPI(auth *rp.RelyingParty) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		resp, err := rp.FromContext(r.Context()).Client().Get(apiURL)
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		if err != nil {
			auth.Answer(r, err).Write(w)
			return
		}
		defer resp.Body.Close()
		w.WriteHeader(resp.StatusCode)
		io.Copy(w, resp.Body)
	})
}

func onEcho(auth *rp.RelyingParty) http.Handler {
	web := echoadapter.New(auth)
	private := func(c echo.Context) error {
		return c.String(http.StatusOK, "private of "+echoadapter.Session(c).Subject())
	}
	e := echo.New()
	web.Register(e.Group("/auth"))
	e.GET("/private", private, web.RequireLogin())
	e.GET("/poll", private, web.Passive(), web.RequireLogin())
	e.GET("/api", echo.WrapHandler(callAPI(auth)), web.RequireLogin())
	return e
}

// endsOf returns what the app has told of ends so far.
func (w *world) endsOf(a app) []event.End {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]event.End(nil), w.ends[a.name]...)
}

// ended demands that the app has had exactly one end, for this reason.
func (w *world) ended(a app, reason reason.Reason) {
	w.Helper()
	synctest.Wait() // events follow the answer
	if ends := w.endsOf(a); len(ends) != 1 || ends[0].Reason != reason {
		w.Errorf("ends of %s: %+v, want one for %s", a.name, ends, reason)
	}
}

// ada is the person of the stories.
type ada struct {
	*idptest.Browser
	w *world
}

func (w *world) ada() *ada {
	return &ada{w.idp.NewBrowser("ada"), w}
}

// signIn opens a private page and fills in the IdP's form.
func (p *ada) signIn(a app) {
	p.w.Helper()
	form := p.Open(a.url("/private"))
	if form.URL.Host != "idp.example" || form.Status != http.StatusOK {
		p.w.Fatalf("no sign-in page: %s", form)
	}
	p.isIn(a, form.Submit())
}

// visit opens a private page, which must show without a question.
func (p *ada) visit(a app) {
	p.w.Helper()
	p.isIn(a, p.Open(a.url("/private")))
}

func (p *ada) isIn(a app, page *idptest.Page) {
	p.w.Helper()
	if page.Status != http.StatusOK || page.URL.String() != a.url("/private") || page.Body != "private of ada" {
		p.w.Fatalf("not in %s at %v: %s", a.name, time.Now(), page)
	}
}

// isOut opens a private page, which must ask to sign in.
func (p *ada) isOut(a app) {
	p.w.Helper()
	page := p.Open(a.url("/private"))
	if page.URL.Host != "idp.example" || !strings.Contains(page.Body, "Sign in") ||
		strings.Contains(page.Body, "private of") {
		p.w.Fatalf("not signed out of %s: %s", a.name, page)
	}
}

func (p *ada) status(a app) rp.Status {
	p.w.Helper()
	page := p.Fetch(http.MethodGet, a.url("/auth/session"))
	var s rp.Status
	if err := json.Unmarshal([]byte(page.Body), &s); err != nil || page.Status != http.StatusOK {
		p.w.Fatalf("status of %s: %v: %s", a.name, err, page)
	}
	return s
}

func (p *ada) hasState(a app, state string, reason reason.Reason) {
	p.w.Helper()
	if s := p.status(a); s.State != state || s.Reason != reason {
		p.w.Errorf("%s at %v: %+v, want %s %s", a.name, time.Now(), s, state, reason)
	}
}
