package program_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/demo/program"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestBadFlags(t *testing.T) {
	for _, c := range []struct {
		args, want string
		env        []string
	}{
		{args: "-app nope", want: `-app is "nope"`},
		{args: "-app refreshtoken", want: "-issuer is missing"},
		{args: "-app refreshtoken -issuer http://127.0.0.1:1", want: "-client-id is missing"},
		{args: "-app api -issuer http://127.0.0.1:1 -client-id x", want: "-client-secret is missing"},
		{args: "-app notoken extra", want: `unexpected argument "extra"`},
		{args: "-no-such-flag", want: "not defined: -no-such-flag"},
		{args: "-app notoken -idle x", want: `invalid value "x" for flag -idle`},
		{args: "-app notoken -idle -3s", want: "-idle is negative"},
		{args: "-instances 0", want: "-instances is 0; use 1 to 16"},
		{args: "-app notoken -auth-params a=1&a=2", want: `-auth-params has "a" 2 times`},
		{args: "-app notoken -auth-params a=%zz", want: "-auth-params is no query"},
		{args: "-app notoken -client-key /nowhere/client.pem", want: "-client-key cannot be read"},
		{args: "-app notoken -issuer http://127.0.0.1:1 -client-id x -listen 127.0.0.1:0 -profile fapi9",
			want: `-profile: is "fapi9"`},
		{args: "-app notoken -issuer http://127.0.0.1:1 -client-id x -listen 127.0.0.1:0 -profile fapi2",
			want: "-client-key: is empty"},
		{args: "-app notoken -issuer http://127.0.0.1:1 -client-id x -listen 127.0.0.1:0 -auth-params state=x",
			want: `-auth-params: has "state"`},
		{args: "-app notoken", env: []string{"TANDEM_INSTANCES", "17"}, want: "-instances is 17; use 1 to 16"},
		{args: "-app notoken", env: []string{"TANDEM_TRUST_FOR", "soon"},
			want: "TANDEM_TRUST_FOR: not a value for -trust-for"},
		{args: "", env: []string{"TANDEM_APP", "nope"}, want: `-app is "nope"`},
		{args: "-app notoken -client-id x -listen 127.0.0.1:0", env: []string{"TANDEM_ISSUER", "http://127.0.0.1:1"},
			want: "discovery of http://127.0.0.1:1 failed"},
	} {
		err := program.Run(t.Context(), strings.Fields(c.args), env(c.env...), io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.args, err)
		}
	}
	var help bytes.Buffer
	if err := program.Run(t.Context(), []string{"-h"}, env(), io.Discard, &help); !errors.Is(err, flag.ErrHelp) ||
		!strings.Contains(help.String(), "-signal-every") {
		t.Error(err, help.String())
	}
}

// A secret in the environment that does not fit its flag is not repeated, and a
// flag beats its twin.
func TestEnvironmentTwins(t *testing.T) {
	idp := idptest.Start(t, idptest.WithClients(idpmock.Client{ID: "api", Secret: "s3cret"}))
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- program.Run(ctx, []string{"-app", "api", "-client-id", "api"}, env(
			"TANDEM_ISSUER", idp.URL, "TANDEM_CLIENT_ID", "other", "TANDEM_CLIENT_SECRET", "s3cret", "TANDEM_LISTEN",
			"127.0.0.1:0"), in, io.Discard)
		in.Close()
	}()
	line := make([]byte, 1000)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err, <-done)
	}
	m := regexp.MustCompile(`^api serves on (http://127\.0\.0\.1:\d+) \(client "api" of `).FindSubmatch(line[:n])
	if m == nil {
		t.Fatalf("%s", line[:n])
	}
	resp, err := http.Get(string(m[1]) + "/healthz")
	if err != nil || resp.StatusCode != 200 {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// The whole demo: prints where it is, serves, ends when told. -idp-idle 0 means the default,
// and that is what it prints. It warns of nothing: who tries it would look for the fault.
func TestEverything(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	out, in := io.Pipe()
	var logged bytes.Buffer
	done := make(chan error, 1)
	go func() {
		done <- program.Run(ctx, []string{"-listen-port-base", "0", "-idp-idle", "0"}, env(), in, &logged)
		in.Close()
	}()
	var text strings.Builder
	part := make([]byte, 4096)
	for !strings.Contains(text.String(), "Ctrl-C") {
		n, err := out.Read(part)
		if err != nil {
			t.Fatal(err, <-done)
		}
		text.Write(part[:n])
	}
	tr := apps.LocalTransport()
	defer tr.CloseIdleConnections()
	urls := regexp.MustCompile(`http://(\w+)\.localhost:\d+`).FindAllString(text.String(), -1)
	if len(urls) != 7 || !strings.Contains(text.String(), "2m0s after the last activity") {
		t.Errorf("%s", text.String())
	}
	for _, u := range urls {
		resp, err := (&http.Client{Transport: tr}).Get(u + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Errorf("%s: %s", u, resp.Status)
		}
	}
	stop()
	if err := <-done; err != nil || logged.Len() > 0 {
		t.Errorf("%v; it said %s", err, &logged)
	}
	if err := program.Run(t.Context(), nil, env("TANDEM_IDP_IDLE", "1ms", "TANDEM_LISTEN_PORT_BASE", "0"), io.Discard,
		io.Discard); err == nil || !strings.Contains(err.Error(), "-idp-idle is 1ms") {
		t.Error(err)
	}
}

// The demo's IdP can be like another; a name that is none names the flag and the others.
func TestLikeAnother(t *testing.T) {
	err := program.Run(t.Context(), []string{"-like", "nobody", "-listen-port-base", "0"}, env(), io.Discard,
		io.Discard)
	if err == nil || !strings.Contains(err.Error(), `-like is "nobody"; use one of`) ||
		!strings.Contains(err.Error(), "keycloak") {
		t.Error(err)
	}
}

// -diagnose says what does not fit, and serves nobody.
func TestDiagnose(t *testing.T) {
	s := idptest.Start(t, idptest.WithClients(idpmock.Client{ID: "notes", Secret: "s3cret",
		RedirectURIs: []string{"http://127.0.0.1:9103/auth/callback"}}))
	// The app itself, behind something that lets no POST through.
	running := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
	}))
	defer running.Close()
	var out bytes.Buffer
	args := strings.Fields("-app notoken -client-id notes -client-secret s3cret -like keycloak -diagnose -issuer " +
		s.URL + " -listen " + running.Listener.Addr().String())
	if err := program.Run(t.Context(), args, env(), &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`treats the IdP as "keycloak"`, "! This kind of IdP sends no logout token",
		"set -idle or -silent-check", "4 marked with !", "Register exactly " + running.URL + "/auth/callback",
		"/auth/backchannel-logout is answered with 403"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "serves on") {
		t.Errorf("it serves, or says so:\n%s", out.String())
	}
}
