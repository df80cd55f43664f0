package deploy

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

// around is what compose.yaml needs from the world: an IdP, and an ACME server where Caddy
// looks for one. Both are reached by their real names, inside. What it adds to the services
// of compose.yaml is the authority that signs here.
const around = `
x-authority: &authority
  environment: {SSL_CERT_FILE: /authority.pem}
  configs: [{source: authority, target: /authority.pem}]
services:
  caddy:
    <<: *authority
    networks: {default: {aliases: [notes.example.com]}}
  one: *authority
  two: *authority
  idp:
    <<: *authority
    build: {context: ../.., dockerfile: docs/deploy/Dockerfile, target: idp-mock}
    environment:
      SSL_CERT_FILE: /authority.pem
      IDP_MOCK_ISSUER: https://login.example.com
      IDP_MOCK_CLIENT: notes,s3cret,https://notes.example.com
  world:
    image: caddy:2
    networks: {default: {aliases: [login.example.com, acme-v02.api.letsencrypt.org]}}
    ports: ["8443:443"]
    volumes: ["CERTIFICATES:/certificates:ro"]
    configs: [{source: world, target: /etc/caddy/Caddyfile}]
configs:
  authority: {file: CERTIFICATES/ca.pem}
  world:
    content: |
      {
        auto_https off
        pki {
          ca local {
            root {
              cert /certificates/ca.pem
              key /certificates/ca.key
            }
          }
        }
      }
      https://login.example.com {
        tls /certificates/notes.crt /certificates/notes.key
        reverse_proxy idp:9000
      }
      https://acme-v02.api.letsencrypt.org {
        tls /certificates/notes.crt /certificates/notes.key
        rewrite /directory /acme/local/directory
        acme_server
      }
`

// compose is docs/deploy/compose.yaml as it stands, with what is around it.
type compose struct {
	*engine
	around    string
	transport *http.Transport
}

func newCompose(t *testing.T) *compose {
	t.Helper()
	long(t)
	e, certificates := newEngine(t), newCertificates(t)
	path := "PATH=/usr/local/go/bin:" + strings.Join([]string{"/usr/local/bin", "/usr/bin", "/bin"}, ":")
	e.image("golang:1.26-bookworm", []string{"sh"}, map[string]string{"/bin/sh": "/bin/sh", "/tmp": t.TempDir(),
		"/usr/local/go": goEnv(t, "GOROOT"), "/go/pkg/mod": modules(t),
		"/etc/ssl/certs/ca-certificates.crt": "/etc/ssl/certs/ca-certificates.crt"},
		"ENV "+path+" GOPATH=/go GOTOOLCHAIN=local")
	e.image("redis:7", []string{program(t, "redis-server", "redis-server")}, nil, "ENV "+path, "WORKDIR /data")
	e.image("caddy:2", []string{program(t, "caddy", "caddy")}, nil,
		"ENV "+path+" HOME=/ XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data",
		`CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]`)
	e.env = append(e.env, "ISSUER=https://"+login, "CLIENT_SECRET=s3cret", "SEAL_KEY="+sealKey,
		"REDIS_PASSWORD=change-me")
	c := &compose{engine: e, around: write(t, filepath.Join(t.TempDir(), "around.yaml"),
		strings.ReplaceAll(around, "CERTIFICATES", certificates.dir))}
	c.transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: certificates.roots},
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			switch addr {
			case host + ":443":
				return e.dial(ctx, "443")
			case login + ":443":
				return e.dial(ctx, "8443")
			}
			return nil, fmt.Errorf("%s is not in this world", addr)
		}}
	t.Cleanup(func() {
		c.transport.CloseIdleConnections()
		if t.Failed() {
			t.Log(c.say("logs", "--tail", "40"))
		}
		c.say("down", "--timeout", "20")
	})
	return c
}

func (c *compose) say(args ...string) string {
	c.Helper()
	return c.docker(append([]string{"compose", "-f", "docs/deploy/compose.yaml", "-f", c.around}, args...)...)
}

// ask calls as a script of no page does, and decodes the answer if it is to be had.
func (c *compose) ask(method, url string, answer any) (status int) {
	c.Helper()
	r, err := http.NewRequestWithContext(c.Context(), method, url, http.NoBody)
	if err != nil {
		c.Fatal(err)
	}
	resp, err := c.transport.RoundTrip(r)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	if answer != nil {
		if err := json.NewDecoder(resp.Body).Decode(answer); err != nil {
			c.Fatalf("%s: %v", url, err)
		}
	}
	return resp.StatusCode
}

// The compose file runs on a Docker engine, with images that the Dockerfile makes there and
// with certificates that Caddy gets by ACME. A log-in goes through it; one instance after the
// other and Redis are stopped, and nobody is logged out; a logout token ends the session.
func TestComposeRuns(t *testing.T) {
	c := newCompose(t)
	c.say("up", "--build", "--detach", "world", "idp") // first: Caddy asks for its certificate at once, then rarely
	eventually(t, "the IdP answers", func() bool {
		return c.ask(http.MethodGet, "https://"+login+"/.well-known/openid-configuration", nil) == http.StatusOK
	})
	c.say("up", "--build", "--detach")
	ready := func() bool { return c.ask(http.MethodGet, "https://"+host+"/readyz", nil) == http.StatusOK }
	eventually(t, "the app is ready behind Caddy's own certificate", ready)

	p := idptest.NewBrowser(t, c.transport)
	p.Fill = url.Values{"username": {"ada"}}
	if page := p.Open("https://" + host + "/private").Submit(); page.Status != http.StatusOK || page.URL.Host != host {
		t.Fatalf("after the log-in: %s", page)
	}
	serves := func() bool {
		page := p.Fetch(http.MethodGet, "https://"+host+"/me")
		return page.Status == http.StatusOK && strings.Contains(page.Body, `"ada"`)
	}
	for _, stopped := range []string{"one", "two"} {
		c.say("stop", stopped)
		eventually(t, "served without "+stopped, serves)
		c.say("start", stopped)
		other := map[string]string{"one": "two", "two": "one"}[stopped]
		c.say("stop", other)
		eventually(t, stopped+" serves after its start", serves)
		c.say("start", other)
	}
	c.say("restart", "redis")
	eventually(t, "the session outlives Redis", serves)

	var sessions []struct{ SID string }
	if c.ask(http.MethodGet, "https://"+login+"/_mock/sessions", &sessions); len(sessions) != 1 {
		t.Fatalf("%d sessions at the IdP", len(sessions))
	}
	c.ask(http.MethodDelete, "https://"+login+"/_mock/sessions/"+sessions[0].SID, nil)
	c.ask(http.MethodPost, "https://"+login+"/_mock/outbox/settle", nil)
	eventually(t, "the logout token has ended the session", func() bool {
		return strings.Contains(p.Fetch(http.MethodGet, "https://"+host+"/auth/session").Body,
			`"reason":"backchannel_logout"`)
	})

	// What keeps an app small is in force, not only written.
	for _, service := range []string{"one", "two"} {
		id := strings.TrimSpace(c.say("ps", "--quiet", service))
		is := strings.TrimSpace(c.docker("inspect", "--format",
			"{{.Config.User}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}}", id))
		if is != "65532:65532 true [ALL] [no-new-privileges:true]" {
			t.Errorf("%s runs as %s", service, is)
		}
	}
	idp := strings.TrimSpace(c.say("ps", "--quiet", "idp"))
	eventually(t, "the image of idp-mock says that it is healthy", func() bool {
		return strings.TrimSpace(c.docker("inspect", "--format", "{{.State.Health.Status}}", idp)) == "healthy"
	})
}
