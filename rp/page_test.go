package rp_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// pageWorld is one app and its IdP on a network in memory, in virtual time.
type pageWorld struct {
	testing.TB
	idp   *idptest.Server
	auth  *rp.RelyingParty
	store *flakyStore
}

const pageApp = "https://notes.example"

// flakyStore is a store that can be away.
type flakyStore struct {
	store.Store
	away atomic.Bool
}

func (s *flakyStore) Load(ctx context.Context, key store.Key) (store.Record, error) {
	if s.away.Load() {
		return store.Record{}, io.ErrUnexpectedEOF
	}
	return s.Store.Load(ctx, key)
}

func newPageWorld(t testing.TB, tuneIDP func(*idpmock.Config), tune func(*rp.Config)) *pageWorld {
	w := &pageWorld{TB: t, store: &flakyStore{Store: memstore.New(memstore.Options{})}}
	w.idp = idptest.StartMem(t, idptest.WithClients(idpmock.Client{
		ID: "notes", Secret: "s3cret", RefreshTokens: true, RedirectURIs: []string{pageApp + "/auth/callback"},
		BackchannelLogoutURI: pageApp + "/auth/backchannel-logout",
	}), idptest.WithConfig(func(c *idpmock.Config) {
		c.SigningAlg, c.IdleWindow, c.AbsoluteLifetime = "ES256", time.Hour, 24*time.Hour
		if tuneIDP != nil {
			tuneIDP(c)
		}
	}))
	cfg := rp.Config{
		Issuer: w.idp.URL, ClientID: "notes", ClientSecret: "s3cret", BaseURL: pageApp,
		Keys: rp.Keys{rp.NewKey()}, Store: w.store, IDTokenAlg: "ES256", IdPWindow: time.Hour,
		HTTPClient: w.idp.Net.Client(), Logger: slog.New(slog.DiscardHandler),
	}
	if tune != nil {
		tune(&cfg)
	}
	var err error
	if w.auth, err = rp.New(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if _, bench := t.(*testing.B); !bench { // a benchmark is in no bubble
		synctest.Wait() // the store's first report makes streams say the same twice
	}
	stop, err := w.idp.Net.Serve("notes.example", nethttpadapter.New(w.auth).Endpoints())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		if err := w.auth.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// tab is a page of one browser. Its streams are read while the test goes on, which
// idptest.Browser does not do.
type tab struct {
	w      *pageWorld
	client *http.Client
}

func (w *pageWorld) login(who string) *tab {
	w.Helper()
	jar, _ := cookiejar.New(nil)
	client := w.idp.Net.Client()
	client.Jar = jar
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	p := &tab{w, client}
	start := p.do(http.MethodGet, "/auth/login", nil)
	callback, err := w.idp.Browser(who).Authorize(w.Context(), start.Header.Get("Location"))
	if err != nil {
		w.Fatal(err)
	}
	u, err := url.Parse(callback)
	if err != nil {
		w.Fatal(err)
	}
	if done := p.do(http.MethodGet, u.RequestURI(), nil); done.StatusCode != http.StatusSeeOther {
		w.Fatalf("log-in: %d", done.StatusCode)
	}
	return p
}

// send makes a request as the page's own script would; header overrides.
func (p *tab) send(ctx context.Context, method, path string, header http.Header) *http.Response {
	p.w.Helper()
	req, err := http.NewRequestWithContext(ctx, method, pageApp+path, nil)
	if err != nil {
		p.w.Fatal(err)
	}
	req.Header = http.Header{"Sec-Fetch-Site": {"same-origin"}, "Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Dest": {"empty"},
		"Accept": {"*/*"}}
	for name, v := range header {
		req.Header[name] = v
	}
	resp, err := p.client.Do(req)
	if err != nil {
		p.w.Fatal(err)
	}
	return resp
}

type answer struct {
	*http.Response
	body string
}

func (p *tab) do(method, path string, header http.Header) answer {
	p.w.Helper()
	resp := p.send(p.w.Context(), method, path, header)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.w.Fatal(err)
	}
	return answer{resp, string(body)}
}

func (a answer) status(t testing.TB) status {
	t.Helper()
	var s status
	if err := json.Unmarshal([]byte(a.body), &s); err != nil || a.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	return s
}

// status is what session.js gets.
type status struct {
	rp.Status
	Limits []struct {
		Kind   string        `json:"kind"`
		Reason reason.Reason `json:"reason"`
		EndMS  int64         `json:"end_ms"`
		WarnMS int64         `json:"warn_ms"`
	} `json:"limits"`
	ReportMS int64  `json:"report_ms"`
	Confirm  string `json:"confirm"`
}

// streamed is one server-sent event; name is empty for a comment, "closed" at the
// end of the stream.
type streamed struct {
	name, id string
	status   status
	at       time.Time
}

// stream opens the event stream and reads it on a goroutine that ends with it.
func (p *tab) stream(header http.Header) (<-chan streamed, func()) {
	p.w.Helper()
	ctx, cancel := context.WithCancel(p.w.Context())
	h := http.Header{"Accept": {"text/event-stream"}}
	for name, v := range header {
		h[name] = v
	}
	resp := p.send(ctx, http.MethodGet, "/auth/events", h)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		p.w.Fatalf("stream: %d %v", resp.StatusCode, resp.Header)
	}
	events := make(chan streamed, 10_000) // nobody has to read them
	go func() {
		defer close(events)
		defer resp.Body.Close()
		readEvents(resp.Body, events)
		events <- streamed{name: "closed", at: time.Now()}
	}()
	return events, cancel
}

func readEvents(r io.Reader, to chan<- streamed) {
	var e streamed
	for in := bufio.NewScanner(r); in.Scan(); {
		name, value, _ := strings.Cut(in.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case in.Text() == "":
			e.at = time.Now()
			to <- e
			e = streamed{}
		case name == "event":
			e.name = value
		case name == "id":
			e.id = value
		case name == "data":
			_ = json.Unmarshal([]byte(value), &e.status) // the caller looks at what has come
		}
	}
}

func expect(t testing.TB, events <-chan streamed, name string, reason reason.Reason) streamed {
	t.Helper()
	e, ok := <-events
	if !ok || e.name != name || e.status.Reason != reason {
		t.Fatalf("event %+v (%v), want %q with reason %q", e, ok, name, reason)
	}
	return e
}

func (w *pageWorld) silent(events <-chan streamed) {
	w.Helper()
	synctest.Wait()
	select {
	case e := <-events:
		w.Errorf("unexpected event %+v", e)
	default:
	}
}

// limit finds a limit in a status; -1 if there is none.
func limit(s status, kind string) time.Duration {
	for _, l := range s.Limits {
		if l.Kind == kind {
			return time.Duration(l.EndMS) * time.Millisecond
		}
	}
	return -1
}
