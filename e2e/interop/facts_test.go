package interop

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/e2e/driver/foreign"
)

// facts are what a bare client of OpenID Connect has seen at an IdP. Nothing of the library
// is in it: what the library, its guides and its demo say is held against them.
type facts struct {
	refreshExtends, userinfoExtends bool
	refreshRefused, userinfoRefused bool // after the session has run out
	tokenAtExpiry, tokenAtLogOut    bool
	sid, rotates                    bool
}

// bare is that client. It takes logout tokens down and lets a browser come back.
type bare struct {
	*app
	scope string

	mu     sync.Mutex
	logout map[string]time.Time // by sid
}

func newBare(t *testing.T, a *app, scope string) *bare {
	t.Helper()
	b := &bare{app: a, scope: scope, logout: map[string]time.Time{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /auth/backchannel-logout", func(_ http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(nil, r.Body, 1<<16)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.logout[claim(r.PostFormValue("logout_token"), "sid")] = time.Now()
	})
	mux.HandleFunc("GET /auth/", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "back") })
	l, err := net.Listen("tcp", strings.TrimPrefix(a.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}}
	s.Start()
	t.Cleanup(s.Close)
	return b
}

// told reports when a logout token of a session has come, the zero time if none has.
func (b *bare) told(sid string) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.logout[sid]
}

// claim reads a string of a JWT whose signature does not matter here.
func claim(token, name string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	text, _ := base64.RawURLEncoding.DecodeString(parts[1]) // what is no JWT has no claims
	var claims map[string]any
	_ = json.Unmarshal(text, &claims)
	s, _ := claims[name].(string)
	return s
}

type tokens struct {
	ID      string `json:"id_token"`
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

type endpoints struct {
	Authorization string `json:"authorization_endpoint"`
	Token         string `json:"token_endpoint"`
	Userinfo      string `json:"userinfo_endpoint"`
}

func (w *world) endpoints() (e endpoints) {
	w.t.Helper()
	w.json(w.idp.Issuer+"/.well-known/openid-configuration", &e)
	return e
}

const verifier = "a-verifier-of-more-than-forty-three-characters-for-pkce"

// authorize is a visit at the IdP; page is where it has led.
func (w *world) authorize(b *bare, prompt, scope string) url.Values {
	w.t.Helper()
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{"client_id": {b.id}, "response_type": {"code"}, "scope": {scope},
		"redirect_uri": {b.base + "/auth/callback"},
		"state":        {"a-state-of-some-length"}, "nonce": {"a-nonce-of-some-length"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}
	if prompt != "" {
		q.Set("prompt", prompt)
	}
	page := w.Open(w.endpoints().Authorization + "?" + q.Encode())
	if prompt == "" {
		page = w.through(b.app, page)
	}
	if !b.at(page) {
		w.t.Fatalf("the IdP does not come back: %s", page)
	}
	return page.URL.Query()
}

// enter logs in, and returns the tokens.
func (w *world) enter(b *bare) (got tokens) {
	w.t.Helper()
	back := w.authorize(b, "", b.scope)
	status, text := b.post(w.t, w.endpoints().Token, url.Values{"grant_type": {"authorization_code"},
		"code":         {back.Get("code")},
		"redirect_uri": {b.base + "/auth/callback"}, "code_verifier": {verifier}})
	if err := json.Unmarshal(text, &got); err != nil || got.ID == "" || got.Access == "" || got.Refresh == "" {
		w.t.Fatalf("tokens for the code: %d %.200s %v", status, text, err)
	}
	return got
}

// lives asks by prompt=none.
func (w *world) lives(b *bare) bool {
	w.t.Helper()
	back := w.authorize(b, "none", "openid")
	if got := back.Get("error"); got != "" && got != "login_required" {
		w.t.Fatalf("prompt=none: %s", got)
	}
	return back.Get("error") == ""
}

func (b *bare) post(t *testing.T, to string, form url.Values) (int, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(url.QueryEscape(b.id), url.QueryEscape(foreign.Client{ID: b.id}.Secret()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(t, r)
}

func (b *bare) do(t *testing.T, r *http.Request) (int, []byte) {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, text
}

// refresh takes what comes; ok is false where the token is refused.
func (b *bare) refresh(t *testing.T, at endpoints, got *tokens) (ok bool) {
	t.Helper()
	status, text := b.post(t, at.Token, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.Refresh}})
	switch {
	case status == http.StatusOK:
		var next tokens
		if err := json.Unmarshal(text, &next); err != nil {
			t.Fatal(err)
		}
		if next.Refresh != "" {
			got.Refresh = next.Refresh
		}
		got.Access = next.Access
		return true
	case strings.Contains(string(text), "invalid_grant"):
		return false
	}
	t.Fatalf("a refresh: %d %.300s", status, text)
	return false
}

func (b *bare) userinfo(t *testing.T, at endpoints, got *tokens) (ok bool) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at.Userinfo, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+got.Access)
	switch status, text := b.do(t, r); status {
	case http.StatusOK:
		return true
	case http.StatusUnauthorized:
		return false
	default:
		t.Fatalf("userinfo: %d %.300s", status, text)
	}
	return false
}

// extends calls every third of W, and asks after more than W whether the session lives.
func extends(w *world, b *bare, call func(*testing.T, endpoints, *tokens) bool) bool {
	w.t.Helper()
	got, at := w.enter(b), w.endpoints()
	begun := time.Now()
	for n := time.Duration(1); n <= 4; n++ {
		after(begun, n*window/3)
		if !call(w.t, at, &got) {
			if n < 3 {
				w.t.Errorf("refused %v after the visit already", time.Since(begun))
			}
			return false // the session has ended meanwhile
		}
	}
	return w.lives(b)
}

func measureRefresh(_ *testing.T, w *world) string {
	w.facts.refreshExtends = extends(w, w.bare, w.bare.refresh)
	return yes(w.facts.refreshExtends)
}

func measureUserinfo(_ *testing.T, w *world) string {
	w.facts.userinfoExtends = extends(w, w.bare, w.bare.userinfo)
	return yes(w.facts.userinfoExtends)
}

// late is when an IdP that counts W has ended the session for tokens, too: to 3 s at Keycloak,
// and oidc-provider lets them live on for its clockTolerance, 15 s.
const late = window + 20*time.Second

// The session runs out, and nobody has asked: are tokens refused, and is anybody told?
func measureEnd(t *testing.T, w *world) string {
	got, at := w.enter(w.bare), w.endpoints()
	begun := time.Now()
	sid := claim(got.ID, "sid")
	w.facts.sid = sid != ""
	after(begun, late)
	w.facts.userinfoRefused = !w.bare.userinfo(t, at, &got)
	w.facts.refreshRefused = !w.bare.refresh(t, at, &got)
	if w.lives(w.bare) {
		t.Errorf("the session lives %v after the last visit", late)
	}
	_, w.facts.tokenAtExpiry = until(begun, late+5*time.Second, func() bool { return !w.bare.told(sid).IsZero() })
	how := map[bool]string{true: "refused", false: "succeeds"}
	return fmt.Sprintf("refresh %s, userinfo %s; logout token: %s", how[w.facts.refreshRefused],
		how[w.facts.userinfoRefused],
		yes(w.facts.tokenAtExpiry))
}

// exactly brackets the end: a visit a little before W is let in, one a little after is not.
func exactly(t *testing.T, w *world) string {
	const about = 5 * time.Second
	var all sync.WaitGroup
	early, later := w.person(t), w.person(t)
	all.Go(func() {
		begun := time.Now() // the IdP's visit is between this and the end of the log-in
		early.enter(w.bare)
		after(begun, window-about)
		if !early.lives(w.bare) {
			t.Errorf("the session has ended %v after the last visit", window-about)
		}
	})
	all.Go(func() {
		later.enter(w.bare)
		after(time.Now(), window+about)
		if later.lives(w.bare) {
			t.Errorf("the session lives %v after the last visit", window+about)
		}
	})
	all.Wait()
	return fmt.Sprintf("W ± %v", about)
}

// leaveThere logs out at the IdP, without an app.
func (w *world) leaveThere() {
	w.t.Helper()
	page := w.Open(w.idp.LogOut)
	for range 3 {
		if !strings.Contains(page.Body, "<form") || w.asks(page) {
			break
		}
		page = page.Submit()
	}
}

// A log-out at the IdP itself: who is told of it?
func measureLogOut(t *testing.T, w *world) string {
	got := w.enter(w.bare)
	sid := claim(got.ID, "sid")
	since := time.Now()
	w.leaveThere()
	d, told := until(since, 10*time.Second, func() bool { return !w.bare.told(sid).IsZero() })
	w.facts.tokenAtLogOut = told
	if w.lives(w.bare) {
		t.Error("the session lives after the log-out at the IdP")
	}
	if !told {
		return "no logout token"
	}
	return "logout token, " + d.Round(10*time.Millisecond).String()
}

func measureRotation(t *testing.T, w *world) string {
	got, at := w.enter(w.bare), w.endpoints()
	begun, was := time.Now(), got.Refresh
	if !w.bare.refresh(t, at, &got) {
		t.Error("the first refresh is refused")
	}
	if got.Refresh != was {
		w.facts.rotates = true
		return "yes"
	}
	after(begun, window*2/3) // Dex gives a new one only if the last one is older than its reuseInterval
	if !w.bare.refresh(t, at, &got) {
		t.Error("the second refresh is refused")
	}
	w.facts.rotates = got.Refresh != was
	if w.facts.rotates {
		return "yes, but not at once"
	}
	return "no"
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}
