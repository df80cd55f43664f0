package controlroom_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/controlroom"
	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/e2e/driver/axe"
	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

// world is the clock of everything outside the demo.
type world struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.ahead)
}

func (w *world) wait(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead += d
}

// ledger is a log that can be read while it is written.
type ledger struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *ledger) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *ledger) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const (
	secret    = "t0p-secret-of-their-idp"
	ownWindow = time.Minute
)

// ownScene is a control room and somebody else's IdP.
type ownScene struct {
	*testing.T
	room *controlroom.Room
	idp  *idptest.Server
	time *world
	log  *ledger
	b    *browser.Browser
	tab  *browser.Tab // the control room
	base string
}

func theirIdP(t *testing.T, change func(*idpmock.Config, *idpmock.Client)) *ownScene {
	s := &ownScene{T: t, time: &world{}, log: &ledger{}}
	var err error
	s.room, err = controlroom.Start(t.Context(),
		system.Config{Now: s.time.now, Logger: slog.New(slog.NewTextHandler(s.log,
			&slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.room.Close(); err != nil {
			t.Error(err)
		}
		if strings.Contains(s.log.String(), secret) {
			t.Error("the secret is in the log")
		}
	})
	s.b = chromium.New(t)
	s.tab = s.b.Open("room", s.room.URL())
	s.tab.WaitText("#own-uris", "/auth/callback")
	s.base = strings.TrimSuffix(s.tab.Text("#own-uris dd code"), "/auth/callback")
	s.idp = idptest.Start(t, idptest.WithConfig(func(c *idpmock.Config) {
		client := idpmock.Client{ID: "theirs", Secret: secret, RedirectURIs: []string{s.base + "/auth/callback"},
			PostLogoutRedirectURIs: []string{s.base + "/auth/logged-out"}, RefreshTokens: true}
		c.Now, c.IdleWindow, c.SweepEvery = s.time.now, ownWindow, 50*time.Millisecond
		change(c, &client)
		c.Clients = []idpmock.Client{client}
	}))
	return s
}

// begin fills in the form.
func (s *ownScene) begin(issuer, kind string) {
	s.Helper()
	browser.Eval[bool](s.tab, fmt.Sprintf(
		`(() => { const f = document.getElementById("own-form").elements; for (const e of f) if (e.name) e.value = ""; f.kind.value = %q; return true })()`, kind))
	s.tab.Type("#own-issuer", issuer)
	s.tab.Type("#own-client_id", "theirs")
	s.tab.Type("#own-client_secret", secret)
	s.tab.Type("#own-window", "1m")
	s.tab.Click("#own-begin")
}

// said waits for an answer.
func (s *ownScene) said(id, want, text string) {
	s.Helper()
	s.tab.Wait(fmt.Sprintf(`document.querySelector("[data-answer=%s]")?.dataset.said === %q`, id, want))
	s.tab.WaitText("[data-answer="+id+"]", text)
}

// passed waits for the n-th line of a kind.
func (s *ownScene) passed(n int, text string) {
	s.Helper()
	s.tab.Wait(fmt.Sprintf(`[...document.querySelectorAll("#own-lines li")].filter(l => l.innerText.includes(%q)).length >= %d`, text, n))
}

func (s *ownScene) logIn(app *browser.Tab) {
	s.Helper()
	app.Go(s.base + "/private")
	app.WaitURL(s.idp.URL)
	app.Type("#username", "ada")
	app.Click("#signin")
	app.WaitURL(s.base + "/private")
}

// busy is active for longer than the window.
func (s *ownScene) busy(app *browser.Tab, call string) {
	s.Helper()
	for n := 1; n <= 3; n++ {
		s.time.wait(25 * time.Second)
		app.Go(s.base + "/private")
		s.passed(n, call)
	}
}

// Somebody else's IdP that honours little: its refresh extends nothing, and it
// calls nobody back.
func TestYourOwnIdPThatHonoursLittle(t *testing.T) {
	s := theirIdP(t, func(c *idpmock.Config, client *idpmock.Client) {
		c.CoordinateClientLifetimes, c.ExpiredSessionsTriggerBackchannelLogout = false, false
	})
	s.begin(s.idp.URL, "refresh-token")
	s.tab.WaitText("#own-findings", "This app treats the IdP as")
	for _, id := range []string{"refresh", "userinfo", "refused", "expiry", "logout", "after", "sid", "revocation"} {
		s.said(id, "unseen", "")
	}
	if got := browser.Eval[string](s.tab, `document.getElementById("own-client_secret").value`); got != "" {
		t.Error("the secret stays in the form")
	}
	app := s.b.Open("own", s.base+"/")
	s.logIn(app)
	s.said("sid", "yes", "this very session")
	s.busy(app, "Refresh: 200")
	s.said("rotation", "yes", "")
	s.said("refresh", "unseen", "ask by prompt=none")
	app.Go(browser.Eval[string](s.tab, `document.getElementById("own-ask").href`))
	// The session, or its cookie alone? It shows when nobody tells the IdP anything.
	s.said("refresh", "unseen", "Perhaps only the browser's cookie had run out")
	s.said("refused", "unseen", "A refresh succeeded after login_required")
	s.said("expiry", "unseen", "")
	s.said("after", "yes", "prompt=none: login_required")
	s.logIn(app)
	s.time.wait(ownWindow + 5*time.Second)
	app.Go(s.base + "/private")
	s.passed(4, "Refresh: 200")
	app.Go(browser.Eval[string](s.tab, `document.getElementById("own-ask").href`))
	s.said("refused", "no", "the tokens live on without it")
	s.said("refresh", "no", "though a refresh had succeeded")
	s.said("expiry", "no", "no logout token had come")
	s.said("userinfo", "unseen", "")
	s.said("logout", "unseen", "")
	s.said("revocation", "yes", "")
	axe.Check(t, s.tab)
	shotOf(s.tab, "own-idp", "#own")

	// The secret is in no answer of the room, on no page and in no address.
	for _, path := range []string{"/", "/snapshot", "/export.json"} {
		if a := s.tab.Fetch(http.MethodGet, path); a.Status != 200 || strings.Contains(a.Body, secret) {
			t.Errorf("%s: %d, or the secret is in it", path, a.Status)
		}
	}
	if browser.Eval[bool](s.tab, fmt.Sprintf(
		`[document.documentElement.outerHTML, location.href, JSON.stringify(sessionStorage), JSON.stringify(localStorage)].join().includes(%q)`, secret)) {
		t.Error("the secret is on the page")
	}
	s.tab.Reload() // what was seen survives
	s.said("refresh", "no", "")
	s.tab.Click("#own-end")
	s.tab.Wait(`document.getElementById("own-running").hidden && !document.getElementById("own-setup").hidden`)
}

// One that honours everything: what is seen is the opposite, and each end has its
// logout token.
func TestYourOwnIdPThatHonoursAll(t *testing.T) {
	s := theirIdP(t, func(c *idpmock.Config, client *idpmock.Client) {
		at := client.PostLogoutRedirectURIs[0]
		client.BackchannelLogoutURI = at[:strings.LastIndexByte(at, '/')] + "/backchannel-logout"
		client.BackchannelSessionRequired = true
	})
	s.begin(s.idp.URL, "refresh-token")
	s.tab.WaitText("#own-findings", "This app treats the IdP as")
	app := s.b.Open("own", s.base+"/")
	s.logIn(app)
	s.busy(app, "Refresh: 200")
	app.Go(browser.Eval[string](s.tab, `document.getElementById("own-ask").href`))
	s.said("refresh", "yes", "only refreshes told the IdP")
	s.said("expiry", "unseen", "leave everything alone")
	s.time.wait(ownWindow + 2*time.Second)
	s.said("expiry", "yes", "after the last activity")
	s.said("logout", "unseen", "")
	s.logIn(app)
	for _, one := range s.idp.Sessions() {
		if err := s.idp.EndSession(one.SID); err != nil {
			t.Fatal(err)
		}
	}
	s.said("logout", "yes", "ended elsewhere")

	// The same address serves the next kind of client.
	s.tab.Click("#own-end")
	s.tab.Wait(`!document.getElementById("own-setup").hidden`)
	s.begin(s.idp.URL, "reference-token")
	s.tab.WaitText("#own-facts", "reference-token")
	s.said("refresh", "unseen", "")
	s.logIn(app)
	s.busy(app, "Userinfo: 200")
	app.Go(browser.Eval[string](s.tab, `document.getElementById("own-ask").href`))
	s.said("userinfo", "yes", "only userinfo calls told the IdP")
}

// What is wrong stands at its field, in words; the other side's answer is not
// repeated.
func TestYourOwnIdPThatIsNone(t *testing.T) {
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!doctype html><title>none</title><script>alert("of theirs")</script>`)
	}))
	defer page.Close()
	s := theirIdP(t, func(*idpmock.Config, *idpmock.Client) {})
	for issuer, want := range map[string]string{
		"":                       "missing",
		"somewhere":              "no web address",
		"http://idp.example.com": "Use https",
		"http://127.0.0.1:1":     "connection was refused",
		page.URL:                 "a web page where",
		s.idp.URL + "/":          "It calls itself",
	} {
		s.begin(issuer, "refresh-token")
		s.tab.WaitText("#own-issuer-error", want)
		if !browser.Eval[bool](s.tab, `document.activeElement.id === "own-issuer" && document.activeElement.ariaInvalid === "true"`) {
			t.Errorf("%q: the field is not marked", issuer)
		}
		if text := s.tab.Text("#own"); strings.Contains(text, "of theirs") {
			t.Errorf("%q: the page repeats %q", issuer, text)
		}
		if strings.Contains(s.tab.URL(), "?") {
			t.Errorf("the form is in the address: %s", s.tab.URL())
		}
	}
	axe.Check(t, s.tab)
	s.begin(s.idp.URL, "refresh-token")
	s.tab.WaitText("#own-findings", "This app treats the IdP as")
}
