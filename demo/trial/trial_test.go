package trial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

func start(t *testing.T) *Trial {
	t.Helper()
	own, err := New("127.0.0.1:0", nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := own.Close(); err != nil {
			t.Error(err)
		}
	})
	return own
}

// Whatever is wrong, or hostile, at the other side is said plainly at its field,
// within a bounded time, and repeats neither the secret nor what was sent.
func TestBadOrders(t *testing.T) {
	serve := func(f http.HandlerFunc) string {
		s := httptest.NewServer(f)
		t.Cleanup(s.Close)
		return s.URL
	}
	document := func(change func(map[string]any)) string {
		var url string
		url = serve(func(w http.ResponseWriter, _ *http.Request) {
			doc := map[string]any{"issuer": url, "authorization_endpoint": url + "/a", "token_endpoint": url + "/t",
				"jwks_uri": url + "/k"}
			change(doc)
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(doc)
		})
		return url
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	own := start(t)
	for name, c := range map[string]struct {
		change      func(*Order)
		field, want string
	}{
		"no issuer":  {func(o *Order) { o.Issuer = "" }, "issuer", "missing"},
		"no address": {func(o *Order) { o.Issuer = "my idp" }, "issuer", "no web address"},
		"script":     {func(o *Order) { o.Issuer = "javascript:alert(1)" }, "issuer", "no web address"},
		"file":       {func(o *Order) { o.Issuer = "file:///etc/passwd" }, "issuer", "no web address"},
		"huge": {func(o *Order) {
			o.Issuer = "https://" + strings.Repeat("a", 5000)
		}, "issuer", "no web address"},
		"query":          {func(o *Order) { o.Issuer += "?x=1" }, "issuer", "no query"},
		"password in it": {func(o *Order) { o.Issuer = "https://me:t0psecret@idp.example" }, "issuer", "no user"},
		"plain http":     {func(o *Order) { o.Issuer = "http://idp.example.com" }, "issuer", "Use https"},
		"nobody":         {func(o *Order) { o.Issuer = gone.URL }, "issuer", "connection was refused"},
		"no such name":   {func(o *Order) { o.Issuer = "https://nobody.invalid" }, "issuer", "Nobody answers there"},
		"no document":    {func(o *Order) { o.Issuer = serve(http.NotFound) }, "issuer", "404 Not Found"},
		"a web page": {func(o *Order) {
			o.Issuer = serve(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, "<!doctype html><title>t0psecret</title><script>alert(1)</script>")
			})
		}, "issuer", "a web page where"},
		"no JSON": {func(o *Order) {
			o.Issuer = serve(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "t0psecret") })
		}, "issuer", "no JSON"},
		"without end": {func(o *Order) {
			o.Issuer = serve(func(w http.ResponseWriter, _ *http.Request) {
				for {
					if _, err := w.Write(make([]byte, 64<<10)); err != nil {
						return
					}
				}
			})
		}, "issuer", "larger than 1 MB"},
		"elsewhere": {func(o *Order) {
			o.Issuer = serve(func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "http://169.254.169.254/t0psecret", http.StatusFound)
			})
		}, "issuer", "sends us elsewhere (302)"},
		"another name": {func(o *Order) {
			o.Issuer = document(func(d map[string]any) { d["issuer"] = "https://other.example" })
		}, "issuer", `calls itself "https://other.example"`},
		"a huge name": {func(o *Order) {
			o.Issuer = document(func(d map[string]any) { d["issuer"] = strings.Repeat("t0psecret", 9999) })
		}, "issuer", "names no issuer that could be this one"},
		"no token endpoint": {func(o *Order) {
			o.Issuer = document(func(d map[string]any) { delete(d, "token_endpoint") })
		}, "issuer", "token_endpoint"},
		"endpoint elsewhere": {func(o *Order) {
			o.Issuer = document(func(d map[string]any) { d["token_endpoint"] = "http://evil.example/" })
		}, "issuer", "https"},
		"another algorithm": {func(o *Order) {
			o.Issuer = document(func(d map[string]any) {
				d["id_token_signing_alg_values_supported"] = []string{"ES256"}
			})
		}, "alg", "ES256"},
		"no such algorithm": {func(o *Order) { o.Alg = "none" }, "alg", `"none"`},
		"no client":         {func(o *Order) { o.ClientID = " " }, "client_id", "missing"},
		"no kind":           {func(o *Order) { o.Kind = "" }, "kind", "Choose"},
		"window":            {func(o *Order) { o.Window = -1 }, "window", "Write it as"},
		"tunnel":            {func(o *Order) { o.Base = "http://app.example.com" }, "base_url", "Use https"},
		"tunnel with path": {func(o *Order) {
			o.Base = "https://app.example.com/x"
		}, "base_url", "scheme and host only"},
	} {
		t.Run(name, func(t *testing.T) {
			o := Order{ClientID: "notes", ClientSecret: "t0psecret", Kind: "refresh-token",
				Issuer: document(func(map[string]any) {})}
			c.change(&o)
			begun := time.Now()
			err := own.Begin(t.Context(), o)
			var field *FieldError
			if !errors.As(err, &field) || field.Field != c.field || !strings.Contains(field.Text, c.want) {
				t.Errorf("%#v", err)
			}
			if err != nil && (strings.Contains(err.Error(), "t0psecret") || len(err.Error()) > 500) {
				t.Errorf("it repeats too much: %.1000s", err)
			}
			if d := time.Since(begun); d > discoverTimeout+time.Second {
				t.Errorf("it took %v", d)
			}
			if own.State().Running != nil {
				t.Error("something runs")
			}
		})
	}
}

// An IdP that accepts the connection and says nothing is not waited for for ever.
func TestSlowDiscovery(t *testing.T) {
	held := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-held
	}))
	defer s.Close()
	defer close(held)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err := start(t).Begin(ctx, Order{Issuer: s.URL, ClientID: "x", Kind: "no-token"})
	var field *FieldError
	if !errors.As(err, &field) || field.Field != "issuer" || !strings.Contains(field.Text, "took longer") {
		t.Errorf("%#v", err)
	}
}

// The secret never comes back, and an app can be started anew at the same address.
func TestNoSecretComesBack(t *testing.T) {
	own := start(t)
	base := own.State().Base
	idp := idptest.Start(t, idptest.WithClients(idpmock.Client{ID: "own", Secret: "t0psecret",
		RedirectURIs: []string{base + "/auth/callback"}}))
	for range 2 {
		if err := own.Begin(t.Context(), Order{Issuer: idp.URL, ClientID: "own", ClientSecret: "t0psecret",
			Kind: "refresh-token", Window: time.Minute}); err != nil {
			t.Fatal(err)
		}
		s := own.State()
		text := fmt.Sprintf("%+v", s)
		if b, err := json.Marshal(s); err != nil || strings.Contains(string(b)+text, "t0psecret") {
			t.Errorf("%s %v", b, err)
		}
		if s.Base != base || len(s.URIs) != 4 || s.Running == nil || len(s.Running.Findings) == 0 ||
			len(s.Running.Answers) != 10 {
			t.Errorf("%+v", s)
		}
		resp, err := http.Get(strings.Replace(base, "localhost", "127.0.0.1", 1) + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		for _, a := range s.Running.Answers {
			if a.Answer != "unseen" || a.Text == "" {
				t.Errorf("before anything was seen: %+v", a)
			}
		}
	}
	http.DefaultClient.CloseIdleConnections()
	if err := own.End(); err != nil || own.State().Running != nil {
		t.Error(err, own.State())
	}
}

// After the end is asked by the wire, with the token that is about to be revoked; what that
// brings is revoked, too. Whether the IdP refuses it is its answer.
func TestRefusedAfterTheEnd(t *testing.T) {
	for name, c := range map[string]struct {
		bound       bool
		want, lines string
	}{
		"bound to the session": {true, "yes", "A refresh after that: 400 invalid_grant"},
		"on its own":           {false, "no", "A refresh after that: 200 OK"},
	} {
		t.Run(name, func(t *testing.T) {
			clock := &clock{}
			own, err := New("127.0.0.1:0", clock.now, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = own.Close() })
			base := own.State().Base
			idp := idptest.Start(t, idptest.WithConfig(func(o *idpmock.Config) {
				o.Now, o.IdleWindow, o.CoordinateClientLifetimes = clock.now, time.Minute, c.bound
				o.Clients = []idpmock.Client{{ID: "own", Secret: "t0psecret", RefreshTokens: true,
					RedirectURIs: []string{base + "/auth/callback"}}}
			}))
			if err := own.Begin(t.Context(), Order{Issuer: idp.URL, ClientID: "own", ClientSecret: "t0psecret",
				Kind: "refresh-token", Window: time.Minute}); err != nil {
				t.Fatal(err)
			}
			b := idptest.NewBrowser(t, nil)
			b.Fill = url.Values{"username": {"ada"}}
			if page := b.Open(base + "/private").Submit(); page.Status != http.StatusOK || page.URL.Path != "/private" {
				t.Fatalf("after the log-in: %s", page)
			}
			clock.wait(2 * time.Minute)
			b.Open(base + AskPath)
			until(t, own, func(s State) bool { return strings.Contains(fmt.Sprint(s.Running.Lines), "Revocation") })
			s := own.State()
			if got := answer(s, "refused"); got.Answer != c.want {
				t.Errorf("%+v\n%+v", got, s.Running.Lines)
			}
			if !strings.Contains(fmt.Sprint(s.Running.Lines), c.lines) {
				t.Errorf("%q is not in %+v", c.lines, s.Running.Lines)
			}
			revoked, want := 0, 1
			if !c.bound {
				want = 2 // what the question brought, and what the app had
			}
			for _, r := range idp.Requests() {
				if r.Endpoint == idpmock.EndpointRevoke && r.Params["token_type_hint"] == "refresh_token" {
					revoked++
				}
			}
			if revoked != want {
				t.Errorf("%d refresh tokens revoked, want %d", revoked, want)
			}
		})
	}
}

// clock is a world's that can be moved on.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) wait(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

func answer(s State, id string) (a Answer) {
	for _, a := range s.Running.Answers {
		if a.ID == id {
			return a
		}
	}
	return a
}

// until waits for what the trial shows.
func until(t *testing.T, own *Trial, is func(State) bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		more := own.More()
		if is(own.State()) {
			return
		}
		select {
		case <-more:
		case <-deadline:
			t.Fatalf("never: %+v", own.State().Running)
		}
	}
}
