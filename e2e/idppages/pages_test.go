// Package idppages tests idp-mock's pages in a real browser: what an HTTP client
// cannot see.
package idppages

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/idp-mock/control"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

var chromium browser.Process

func TestMain(m *testing.M) {
	code := m.Run()
	chromium.Close()
	os.Exit(code)
}

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

// site is a provider at idp.localhost and the pages of two apps, notes.localhost
// and mail.localhost: three sites to a browser.
type site struct {
	*idpmock.IDP
	notes, mail string
	loaded      chan *url.URL // front-channel logout URLs that were loaded
	mute        atomic.Bool   // where the provider sends the browser, it gets 204 and stays
}

func start(t *testing.T) *site { t.Helper(); return startAt(t, "idp.localhost", "notes.localhost") }

func startAt(t *testing.T, idpHost, notesHost string) *site {
	t.Helper()
	s := &site{loaded: make(chan *url.URL, 10)}
	idpListener, appListener := listen(t), listen(t)
	issuer := "http://" + idpHost + ":" + port(idpListener)
	s.notes, s.mail = "http://"+notesHost+":"+port(appListener), "http://mail.localhost:"+port(appListener)
	cfg := idpmock.Config{Issuer: issuer, SigningAlg: "ES256", CoordinateClientLifetimes: true,
		Users: []idpmock.User{{Username: "ada", Name: "Ada Lovelace"}, {Username: "bob", Password: "hunter2"}}}
	for id, base := range map[string]string{"notes": s.notes, "mail": s.mail} {
		cfg.Clients = append(cfg.Clients, idpmock.Client{ID: id, RedirectURIs: []string{base + "/cb"},
			PostLogoutRedirectURIs: []string{base + "/bye"},
			FrontchannelLogoutURI:  base + "/frontchannel?keep=1", FrontchannelSessionRequired: true})
	}
	idp, err := idpmock.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.IDP = idp
	serve(t, idpListener, control.Beside(idp, idp.Handler()))
	serve(t, appListener, http.HandlerFunc(s.app))
	t.Cleanup(idp.Close)
	return s
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func port(l net.Listener) string {
	_, p, _ := net.SplitHostPort(l.Addr().String())
	return p
}

func serve(t *testing.T, l net.Listener, h http.Handler) {
	t.Helper()
	server := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
}

// app shows what came to it.
func (s *site) app(w http.ResponseWriter, r *http.Request) {
	if s.mute.Load() && (r.Method == http.MethodPost || r.URL.Path == "/bye") {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	switch r.URL.Path {
	case "/frontchannel":
		u := *r.URL
		u.Host = r.Host
		s.loaded <- &u
	case "/check":
		// The page of an app that watches the provider's session in an iframe.
		fmt.Fprintf(w, `<!doctype html><title>check</title><iframe id="op" src="%s/check_session"></iframe><script>
			const ready = new Promise(done => op.addEventListener("load", done));
			const ask = async text => { await ready; return new Promise(done => {
				addEventListener("message", e => done(e.data + " from " + e.origin), {once: true});
				op.contentWindow.postMessage(text, %q) }) }
		</script>`, s.Issuer(), s.Issuer())
	case "/silent":
		fmt.Fprintf(w, `<!doctype html><title>silent</title><iframe id="f" src="%s"></iframe>`,
			html.EscapeString(s.authURL("notes", s.notes, "prompt", "none")))
	default:
		r.ParseForm()
		fmt.Fprintf(w, `<!doctype html><title>app</title><p id="method">%s</p><p id="path">%s</p><p id="form">%s</p>`,
			r.Method, r.URL.Path, html.EscapeString(r.Form.Encode()))
	}
}

func (s *site) authURL(client, base string, more ...string) string {
	sum := sha256.Sum256([]byte(verifier))
	v := url.Values{"client_id": {client}, "redirect_uri": {base + "/cb"}, "response_type": {"code"},
		"scope": {"openid"}, "state": {"st"}, "nonce": {"n"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}
	for i := 0; i+1 < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return s.Issuer() + idpmock.PathAuthorize + "?" + v.Encode()
}

// arrived waits for the app's page and returns the parameters that came.
func arrived(t *testing.T, tab *browser.Tab, to string) url.Values {
	t.Helper()
	tab.WaitURL(to)
	v, err := url.ParseQuery(tab.Text("#form"))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// signIn signs ada in for notes by the keyboard alone.
func (s *site) signIn(t *testing.T, tab *browser.Tab, more ...string) url.Values {
	t.Helper()
	tab.Go(s.authURL("notes", s.notes, more...))
	tab.Type(":focus", "ada\r") // the field has the focus, Enter sends
	return arrived(t, tab, s.notes+"/cb")
}

func TestSignInPage(t *testing.T) {
	s := start(t)
	b := chromium.New(t)
	tab := b.Open("sign-in", s.authURL("notes", s.notes, "login_hint", "bob"))

	t.Run("every field has a label", func(t *testing.T) {
		if n := browser.Eval[int](tab, `[...document.querySelectorAll("input:not([type=hidden])")].filter(i => !i.labels.length).length`); n != 0 {
			t.Errorf("%d fields without label", n)
		}
		if lang := browser.Eval[string](tab,
			`document.documentElement.lang + document.querySelectorAll("h1").length`); lang != "en1" {
			t.Error(lang)
		}
	})
	t.Run("a wrong password is told", func(t *testing.T) {
		tab.Type("#password", "nonsense\r")
		tab.WaitText("[role=alert]", "do not fit")
		if got := browser.Eval[string](tab,
			`username.value + " " + username.getAttribute("aria-describedby") + " " + password.value`); got != "bob error " {
			t.Error(got)
		}
	})
	t.Run("the right one leads on", func(t *testing.T) {
		tab.Type("#password", "hunter2\r")
		if v := arrived(t, tab, s.notes+"/cb"); v.Get("code") == "" || v.Get("iss") != s.Issuer() ||
			v.Get("state") != "st" {
			t.Error(v)
		}
	})
	t.Run("the next app needs nothing", func(t *testing.T) {
		tab.Go(s.authURL("mail", s.mail))
		if v := arrived(t, tab, s.mail+"/cb"); v.Get("code") == "" {
			t.Error(v)
		}
	})
	t.Run("choose an account", func(t *testing.T) {
		tab.Go(s.authURL("mail", s.mail, "prompt", "select_account"))
		tab.WaitText("button[value=continue]", "Continue as bob")
		tab.Click("button[value=continue]")
		if v := arrived(t, tab, s.mail+"/cb"); v.Get("code") == "" {
			t.Error(v)
		}
	})
	t.Run("cancel", func(t *testing.T) {
		tab.Go(s.authURL("mail", s.mail, "prompt", "login"))
		tab.Click("button[value=cancel]")
		if v := arrived(t, tab, s.mail+"/cb"); v.Get("error") != "access_denied" {
			t.Error(v)
		}
	})
}

func TestFormPost(t *testing.T) {
	s := start(t)
	tab := chromium.New(t).Tab("form_post")
	if v := s.signIn(t, tab, "response_mode", "form_post"); v.Get("code") == "" || v.Get("iss") == "" {
		t.Error(v)
	}
	if m := tab.Text("#method"); m != "POST" || strings.Contains(tab.URL(), "code=") {
		t.Errorf("%s %s", m, tab.URL())
	}
}

// A sign-in page is good in the browser that got it only.
func TestSignInPageIsBoundToItsBrowser(t *testing.T) {
	s := start(t)
	tab := chromium.New(t).Open("victim", s.authURL("notes", s.notes))
	tx := browser.Eval[string](tab, `document.querySelector("[name=tx]").value`)
	resp, err := http.PostForm(strings.Replace(s.Issuer(), "idp.localhost", "127.0.0.1", 1)+idpmock.PathLogin,
		url.Values{"tx": {tx}, "username": {"ada"}, "action": {"signin"}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest || len(s.Sessions()) != 0 {
		t.Errorf("status %d, %d sessions", resp.StatusCode, len(s.Sessions()))
	}
}

// FCL-01 to FCL-03: every app's page is loaded with iss and sid beside its own
// query, then the person goes on. Suite: oidcc-frontchannel-rp-initiated-logout.
func TestFrontchannelLogout(t *testing.T) {
	s := start(t)
	tab := chromium.New(t).Tab("front-channel")
	s.signIn(t, tab)
	tab.Go(s.authURL("mail", s.mail))
	arrived(t, tab, s.mail+"/cb")
	sid := s.Sessions()[0].SID
	tab.Go(s.Issuer() + idpmock.PathEndSession + "?" +
		url.Values{"client_id": {"notes"}, "post_logout_redirect_uri": {s.notes + "/bye"}, "state": {"x"}}.Encode())
	tab.WaitText("main", "signed in as ada") // RIL-04
	tab.Click("button[value=signout]")
	if v := arrived(t, tab, s.notes+"/bye"); v.Get("state") != "x" {
		t.Error(v)
	}
	hosts := map[string]bool{}
	for range 2 {
		u := <-s.loaded
		q := u.Query()
		hosts[u.Host] = true
		if q.Get("iss") != s.Issuer() || q.Get("sid") != sid || q.Get("keep") != "1" {
			t.Errorf("%s", u)
		}
	}
	if len(hosts) != 2 || len(s.Sessions()) != 0 {
		t.Errorf("%v", hosts)
	}
}

// The browser's profile is off the record, where chromium keeps cookies from
// frames of other sites, as some browsers always do. So what needs them is tested
// within one site (localhost, two ports), and its failure across sites.

// SM-01, SM-02: unchanged while the session lives, changed after it, error for
// nonsense. Suite: oidcc-session-management-rp-initiated-logout.
func TestCheckSession(t *testing.T) {
	s := startAt(t, "localhost", "localhost")
	b := chromium.New(t)
	tab := b.Tab("notes")
	state := s.signIn(t, tab).Get("session_state")
	if state == "" || strings.Contains(state, " ") {
		t.Fatalf("session_state %q", state)
	}
	tab.Go(s.notes + "/check")
	expect := func(what, text, want string) {
		t.Helper()
		if got := browser.Eval[string](tab, fmt.Sprintf("ask(%q)", text)); got != want+" from "+s.Issuer() {
			t.Errorf("%s: %s", what, got)
		}
	}
	expect("signed in", "notes "+state, "unchanged")
	expect("state of another client", "mail "+state, "changed")
	expect("nonsense", "nonsense", "error")
	other := b.Open("logout", s.Issuer()+idpmock.PathEndSession)
	other.Click("button[value=signout]")
	other.WaitText("h1", "Signed out")
	expect("signed out", "notes "+state, "changed")
}

// SM-03: where the browser blocks the frame's storage the answer is always
// changed.
func TestCheckSessionBlocked(t *testing.T) {
	s := start(t)
	tab := chromium.New(t).Tab("notes")
	state := s.signIn(t, tab).Get("session_state")
	tab.Go(s.notes + "/check")
	if got := browser.Eval[string](tab, fmt.Sprintf("ask(%q)", "notes "+state)); got != "changed from "+s.Issuer() {
		t.Error(got)
	}
}

// SM-04: a silent authorization in a frame works where the browser lets the
// provider's cookie through, and is refused politely where not.
func TestSilentFrame(t *testing.T) {
	for name, tt := range map[string]struct{ idp, notes, want string }{
		"same site":  {"localhost", "localhost", "code="},
		"cross site": {"idp.localhost", "notes.localhost", "error=login_required"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startAt(t, tt.idp, tt.notes)
			tab := chromium.New(t).Tab("silent")
			s.signIn(t, tab)
			tab.Go(s.notes + "/silent")
			tab.Wait(fmt.Sprintf(`f.contentDocument?.querySelector("#form")?.textContent.includes(%q)`, tt.want))
		})
	}
}

func TestStatusPage(t *testing.T) {
	s := start(t)
	b := chromium.New(t)
	s.signIn(t, b.Tab("app"))
	tab := b.Open("status", s.Issuer()+control.Path)
	tab.WaitText("#sessions", "ada")
	tab.WaitText("#clients", "mail")
	tab.WaitText("#events", "sign-in")
	tab.WaitText("#requests", "authorize")
	before := s.Now()
	tab.Click(`[data-advance="1m"]`)
	tab.WaitText("#sessions", "7:58:") // until the absolute end
	if s.Now().Sub(before) < 60e9 {
		t.Error("the clock did not move")
	}
	tab.Click(`[aria-label="end the session of ada"]`)
	tab.WaitText("#sessions", "none")
	tab.WaitText("#events", "admin")
	if len(s.Sessions()) != 0 {
		t.Error("the session lives on")
	}
}
