package apps_test

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// An IdP that cannot be reached: a clear error, or with Wait a recovery; healthz
// says when it serves.
func TestWaitForTheIdP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	issuer := "http://" + l.Addr().String()
	l.Close() // nobody is there yet
	quiet := slog.New(slog.DiscardHandler)
	for name, start := range starters {
		_, err := start(t.Context(), apps.Config{Issuer: issuer, ClientID: "x", Listen: "127.0.0.1:0", Logger: quiet})
		if err == nil || !strings.Contains(err.Error(), "discovery of "+issuer+" failed") ||
			!strings.Contains(err.Error(), "-wait") {
			t.Errorf("%s: %v", name, err)
		}
	}

	idp, err := idpmock.New(idpmock.Config{Issuer: issuer,
		Clients: []idpmock.Client{{ID: "x", RedirectURIs: []string{"http://x.localhost/auth/callback"}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer idp.Close()
	mine, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	health := func() int {
		resp, err := http.Get("http://" + mine.Addr().String() + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	var progress progress
	waiting := make(chan struct{})
	progress.first = sync.OnceFunc(func() { close(waiting) })
	var server *http.Server
	go func() {
		<-waiting
		if status := health(); status != 503 {
			t.Errorf("healthz while waiting: %d", status)
		}
		l, err := net.Listen("tcp", strings.TrimPrefix(issuer, "http://"))
		if err != nil {
			t.Error(err)
			return
		}
		server = &http.Server{Handler: idp.Handler()}
		_ = server.Serve(l)
	}()
	a, err := apps.StartRefreshToken(t.Context(), apps.Config{Issuer: issuer, ClientID: "x", Listener: mine,
		Wait: 20 * time.Second, Progress: &progress, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	if status := health(); status != 200 {
		t.Errorf("healthz: %d", status)
	}
	if err := errors.Join(a.Close(), a.Close(), server.Close()); err != nil {
		t.Error(err)
	}
	if text := progress.String(); !strings.Contains(text, "waiting for the IdP at "+issuer) ||
		!strings.Contains(text, "refreshtoken serves on http://") {
		t.Error(text)
	}
}

type progress struct {
	mu    sync.Mutex
	text  strings.Builder
	first func()
}

func (p *progress) Write(b []byte) (int, error) {
	p.first()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *progress) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// Wrong configuration is told at once, with the flag or the field, however long
// -wait is.
func TestWrongConfigurationOfAnApp(t *testing.T) {
	good := apps.Config{Issuer: "http://127.0.0.1:1", ClientID: "x", Listen: "127.0.0.1:0", Wait: time.Hour,
		Logger: slog.New(slog.DiscardHandler)}
	for text, change := range map[string]func(*apps.Config){
		"-issuer is missing":                       func(c *apps.Config) { c.Issuer = "" },
		"-client-id is missing":                    func(c *apps.Config) { c.ClientID = "" },
		"Config.Issuer: is \"ftp://x\"":            func(c *apps.Config) { c.Issuer = "ftp://x" },
		"-seal-key is not 64 hexadecimal":          func(c *apps.Config) { c.SealKey = "abc" },
		"-store is of the unknown kind \"sqlite\"": func(c *apps.Config) { c.Store = "sqlite:x" },
		"-store names no file":                     func(c *apps.Config) { c.Store = "bolt:" },
		"-store: ":                                 func(c *apps.Config) { c.Store = "bolt:/nowhere/x.db" },
		"-api-url is \"nowhere\"":                  func(c *apps.Config) { c.APIURL = "nowhere" },
		"-like is \"x\"":                           func(c *apps.Config) { c.Like = "x" },
		"Config.IDTokenAlg: is \"HS256\"":          func(c *apps.Config) { c.IDTokenAlg = "HS256" },
		"Config.BaseURL: is \"http://x.com\"":      func(c *apps.Config) { c.BaseURL = "http://x.com" },
		"-listen 127.0.0.1:x":                      func(c *apps.Config) { c.Listen = "127.0.0.1:x" },
		"Config.TrustFor: is negative":             func(c *apps.Config) { c.TrustFor = -1 },
	} {
		c := good
		change(&c)
		if a, err := apps.StartRefreshToken(t.Context(), c); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", text, err)
			if a != nil {
				a.Close()
			}
		}
	}
}
