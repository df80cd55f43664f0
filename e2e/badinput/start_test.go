package badinput

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/e2e/driver/process"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

var programs = []string{"refreshtoken", "referencetoken", "notoken", "api"}

const secret = "never-to-be-seen-secret"

func command(name, issuer, addr string, more ...string) []string {
	return append([]string{"-app", name, "-issuer", issuer, "-client-id", "app", "-listen", addr}, more...)
}

// Nobody listens at the issuer: the program ends at once, names the issuer and
// the way to wait for it.
func TestIdPUnreachable(t *testing.T) {
	for _, name := range programs {
		t.Run(name, func(t *testing.T) {
			issuer := "http://" + process.FreeAddr(t)
			q := demo.Start(t, process.Env{"TANDEM_CLIENT_SECRET": secret},
				command(name, issuer, process.FreeAddr(t))...)
			if code := q.Exit(); code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			says(t, q, issuer, "-wait", "connection refused")
		})
	}
}

// says demands texts of a program, and that no secret and no crash is among them.
func says(t *testing.T, q *process.Process, texts ...string) {
	t.Helper()
	out := q.Output()
	for _, text := range texts {
		if !strings.Contains(out, text) {
			t.Errorf("the output does not say %q:\n%s", text, out)
		}
	}
	for _, text := range []string{secret, "panic", "goroutine "} {
		if strings.Contains(out, text) {
			t.Errorf("the output says %q:\n%s", text, out)
		}
	}
}

// With -wait the programs answer 503 until the IdP comes up, and then serve.
func TestWaitForTheIdP(t *testing.T) {
	addr := process.FreeAddr(t)
	issuer := "http://" + addr
	base := "http://" + process.FreeAddr(t)
	env := process.Env{"TANDEM_CLIENT_SECRET": "s3cret", "TANDEM_WAIT": "1m"}
	q := demo.Start(t, env, command("refreshtoken", issuer, strings.TrimPrefix(base, "http://"))...)
	q.Says("waiting for the IdP at " + issuer)
	resp, err := http.Get(base + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("/healthz while waiting: %d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
	}

	idp, err := idpmock.New(idpmock.Config{Issuer: issuer, Clients: []idpmock.Client{client(base)},
		CoordinateClientLifetimes: true})
	if err != nil {
		t.Fatal(err)
	}
	defer idp.Close()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(idp.Handler())
	s.Listener.Close()
	s.Listener = l
	s.Start()
	defer s.Close()

	q.Ready(base)
	p := idptest.NewBrowser(t, nil)
	p.Fill = url.Values{"username": {"ada"}}
	if page := p.Open(base + "/private").Submit(); page.Status != http.StatusOK || page.URL.Path != "/private" {
		t.Errorf("no log-in after the wait: %s", page)
	}
}

// The wait has an end.
func TestWaitInVain(t *testing.T) {
	began := time.Now()
	q := demo.Start(t, process.Env{"TANDEM_CLIENT_SECRET": secret},
		command("refreshtoken", "http://"+process.FreeAddr(t), process.FreeAddr(t), "-wait", "1s")...)
	if code := q.Exit(); code != 1 || time.Since(began) < time.Second {
		t.Errorf("exit code %d after %v", code, time.Since(began))
	}
	says(t, q, "gave up after 1s")
}

// What will not pass by itself is not waited for, and is named.
func TestWrongConfiguration(t *testing.T) {
	idp := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/other") {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `{"issuer":"https://login.example","authorization_endpoint":"https://login.example/a","token_endpoint":"https://login.example/t",
				"jwks_uri":"https://login.example/k","introspection_endpoint":"https://login.example/i"}`)
			return
		}
		io.WriteString(w, "<html>not an IdP</html>")
	}))
	defer idp.Close()
	for _, c := range []struct {
		name, app string
		args      []string
		says      []string
		wait      bool
	}{
		{"no issuer", "refreshtoken", []string{"-client-id", "app"}, []string{"-issuer"}, true},
		{"no client", "notoken", []string{"-issuer", idp.URL}, []string{"-client-id"}, true},
		{"http issuer elsewhere", "refreshtoken", []string{"-issuer", "http://login.example", "-client-id", "app"},
			[]string{"-issuer", "https"}, false},
		{"bad seal key", "refreshtoken", []string{"-issuer", idp.URL, "-client-id", "app", "-seal-key", "abc"},
			[]string{"-seal-key", "openssl rand -hex 32"}, true},
		{"bad store", "referencetoken", []string{"-issuer", idp.URL, "-client-id", "app", "-store", "tape:1"},
			[]string{"-store", "memory"}, true},
		{"bad base URL", "notoken", []string{"-issuer", idp.URL, "-client-id", "app", "-base-url",
			"http://127.0.0.1:1/?path"}, []string{"-base-url: "}, false},
		{"bad API URL", "refreshtoken", []string{"-issuer", idp.URL, "-client-id", "app", "-api-url", "nowhere"},
			[]string{"-api-url"}, true},
		{"another issuer", "refreshtoken", []string{"-issuer", idp.URL + "/other", "-client-id", "app"},
			[]string{"-issuer", "https://login.example"}, false},
		{"not an IdP", "refreshtoken", []string{"-issuer", idp.URL, "-client-id", "app"},
			[]string{idp.URL, "exact issuer"}, false},
		{"unknown app", "tea", nil, []string{"-app", "refreshtoken"}, true},
		{"unknown flag", "refreshtoken", []string{"-teapot"}, []string{"-teapot"}, false},
		{"api without a secret", "api", []string{"-issuer", idp.URL, "-client-id", "app"}, []string{"-client-secret"},
			true},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"-app", c.app, "-listen", "127.0.0.1:0"}, c.args...)
			if c.wait {
				args = append(args, "-wait", "10m")
			}
			env := process.Env{"TANDEM_CLIENT_SECRET": secret}
			if c.app == "api" {
				env = nil
			}
			q := demo.Start(t, env, args...)
			if code := q.Exit(); code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			says(t, q, c.says...)
		})
	}
}
