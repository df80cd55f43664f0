package deploy

import (
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// proxy is a kind of proxy and how its file of docs/deploy is run.
type proxy struct {
	name, file string
	// below are the changes for an app below a path that the proxy takes away. docs/deploy.md
	// shows them.
	below []string
	start func(s *site, changes []string)
}

var proxies = []proxy{
	{"nginx", "nginx.conf", []string{"location / {", "location /notes/ {", "proxy_pass http://notes;",
		"proxy_pass http://notes/;"},
		func(s *site, changes []string) {
			dir := s.TempDir()
			text := document(s.T, "nginx.conf", append(changes, "10.0.0.11:8080", s.addr(0), "10.0.0.12:8080",
				s.addr(1),
				"listen 443 ssl", "listen "+s.front+" ssl", "/etc/ssl", s.dir)...)
			conf := write(s.T, filepath.Join(dir, "nginx.conf"), fmt.Sprintf(`
daemon off;
master_process off; # so that one process is all there is to end
pid nginx.pid;
error_log stderr warn;
events {}
http {
	access_log off;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
%s}`, text))
			serve(s.T, s.front, exec.Command(program(s.T, "nginx", "nginx-light"), "-p", dir, "-c", conf, "-e",
				"stderr"))
		}},
	{"HAProxy", "haproxy.cfg", []string{"	default_backend notes",
		"	use_backend notes if { path_beg /notes/ }", "	balance leastconn",
		"	balance leastconn\n	http-request replace-path /notes(/.*) \\1"},
		func(s *site, changes []string) {
			dir := s.TempDir()
			conf := write(s.T, filepath.Join(dir, "haproxy.cfg"), document(s.T, "haproxy.cfg", append(changes,
				"10.0.0.11:8080", s.addr(0), "10.0.0.12:8080", s.addr(1), "bind :443", "bind "+s.front, "/etc/ssl",
				s.dir,
				"/run/haproxy", dir)...))
			serve(s.T, s.front, exec.Command(program(s.T, "haproxy", "haproxy"), "-db", "-f", conf))
		}},
	{"Caddy", "Caddyfile", []string{"	reverse_proxy", "	handle_path /notes/*\n	reverse_proxy"},
		func(s *site, changes []string) {
			dir := s.TempDir()
			_, port, _ := strings.Cut(s.front, ":")
			conf := write(s.T, filepath.Join(dir, "Caddyfile"), fmt.Sprintf(`{
	admin off
	https_port %s
	auto_https disable_redirects
	default_bind 127.0.0.1
}
%s`, port, document(s.T, "Caddyfile", append(changes, "10.0.0.11:8080", s.addr(0), "10.0.0.12:8080", s.addr(1), "/etc/ssl", s.dir)...)))
			cmd := exec.Command(program(s.T, "caddy", "caddy"), "run", "--config", conf, "--adapter", "caddyfile")
			cmd.Env = append(cmd.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
			serve(s.T, s.front, cmd)
		}},
	{"Traefik", "traefik.yml", []string{"middlewares: [next-instance]", "middlewares: [strip, next-instance]",
		"  middlewares:\n", "  middlewares:\n    strip: {stripPrefix: {prefixes: [/notes]}}\n"},
		func(s *site, changes []string) {
			long(s.T)
			dir := s.TempDir()
			conf := write(s.T, filepath.Join(dir, "traefik.yml"), fmt.Sprintf(`%s
tls:
  certificates:
    - {certFile: %s, keyFile: %s}
`, document(s.T, "traefik.yml", append(changes, "10.0.0.11:8080", s.addr(0), "10.0.0.12:8080", s.addr(1))...),
				s.file("notes.crt"), s.file("notes.key")))
			serve(s.T, s.front, exec.Command(traefik(s.T), "--entryPoints.websecure.address="+s.front,
				"--providers.file.filename="+conf, "--log.level=WARN", "--global.checkNewVersion=false"))
			eventually(s.T, "Traefik has read its file", func() bool { // it listens before
				resp, err := s.request(nil, http.MethodGet, "/readyz", nil, "")
				if err != nil {
					return false
				}
				_ = resp.Body.Close()
				return resp.StatusCode == http.StatusOK
			})
		}},
}

// Each proxy with its file: a log-in by form_post, cookies and redirects of some size,
// streams that are not held back, headers that are not believed, an instance that is gone.
func TestProxies(t *testing.T) {
	for _, kind := range proxies {
		t.Run(kind.name, func(t *testing.T) {
			s := newSite(t, "")
			kind.start(s, nil)
			p := s.signIn()
			t.Run("cookie", func(t *testing.T) {
				for _, c := range p.Cookies(s.base + "/") {
					if !strings.HasPrefix(c.Name, "__Host-") {
						t.Errorf("cookie %s", c.Name)
					}
				}
			})
			t.Run("many cookies", func(t *testing.T) {
				if status := manyCookies(s, p); status != http.StatusOK {
					t.Errorf("24 KB of cookies: %d", status)
				}
			})
			t.Run("forged headers", func(t *testing.T) { forgedHeaders(t, s) })
			t.Run("posted form", func(t *testing.T) { postedForm(t, s) })
			t.Run("stream", func(t *testing.T) {
				e := s.stream(p)
				e.says(t, "live")
				if err := s.idp.EndSession(s.idp.Sessions()[0].SID); err != nil {
					t.Fatal(err)
				}
				s.idp.Settle()
				e.says(t, "backchannel_logout")
			})
			t.Run("log-out", func(t *testing.T) {
				if status, long := logOut(s, s.signIn()); status != http.StatusSeeOther || long < 8<<10 {
					t.Errorf("status %d, a Location of %d bytes", status, long)
				}
			})
			t.Run("instance gone", func(t *testing.T) {
				p := s.signIn()
				s.instances[0].Config.SetKeepAlivesEnabled(false)
				s.instances[0].Close()
				for range 20 {
					if page := p.Open(s.base + "/"); page.Body != "ada by 2" {
						t.Errorf("with one instance: %s", page)
					}
				}
			})
		})
	}
}

// The lines about sizes are needed: without one of them what it is for fails.
func TestSizesAreNeeded(t *testing.T) {
	for _, need := range []struct {
		name   string
		kind   proxy
		change []string
		fails  func(*site) bool
	}{
		{"nginx cookies", proxies[0], []string{"large_client_header_buffers 4 32k;", ""}, func(s *site) bool {
			return manyCookies(s, s.signIn()) == http.StatusBadRequest
		}},
		{"nginx redirects", proxies[0], []string{"proxy_buffer_size 16k;", "", "proxy_buffers 8 16k;", "",
			"proxy_busy_buffers_size 32k;", ""}, func(s *site) bool {
			status, _ := logOut(s, s.signIn())
			return status == http.StatusBadGateway
		}},
		{"HAProxy cookies", proxies[1], []string{"	tune.bufsize 32768\n", ""}, func(s *site) bool {
			return manyCookies(s, s.signIn()) != http.StatusOK // over HTTP/2 it cuts the connection
		}},
	} {
		t.Run(need.name, func(t *testing.T) {
			s := newSite(t, "")
			need.kind.start(s, need.change)
			if !need.fails(s) {
				t.Error("nothing fails")
			}
		})
	}
}

// The app below a path that the proxy takes away.
func TestProxiesBelowAPath(t *testing.T) {
	page := page(t)
	for _, kind := range proxies {
		t.Run(kind.name, func(t *testing.T) {
			for i := 1; i < len(kind.below); i += 2 {
				for line := range strings.Lines(kind.below[i]) {
					if line = strings.TrimSpace(line); !strings.Contains(kind.below[i-1], line) &&
						!strings.Contains(page, line) {
						t.Errorf("docs/deploy.md does not show %q", line)
					}
				}
			}
			s := newSite(t, "/notes")
			kind.start(s, kind.below)
			p := s.signIn()
			e := s.stream(p)
			e.says(t, "live")
			if err := s.idp.EndSession(s.idp.Sessions()[0].SID); err != nil {
				t.Fatal(err)
			}
			s.idp.Settle()
			e.says(t, "backchannel_logout")
		})
	}
}

func manyCookies(s *site, p interface{ Cookies(string) []*http.Cookie }) int {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), http.MethodGet, s.base+"/", nil)
	if err != nil {
		s.Fatal(err)
	}
	r.Header = http.Header{"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}, "Sec-Fetch-Site": {"none"},
		"Accept": {"text/html"}}
	for i := range 6 {
		r.AddCookie(&http.Cookie{Name: fmt.Sprintf("other%d", i), Value: strings.Repeat("x", 4000)})
	}
	for _, c := range p.Cookies(s.base + "/") {
		r.AddCookie(c)
	}
	resp, err := s.transport.RoundTrip(r)
	if err != nil {
		s.Log(err)
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// forgedHeaders: who we are is configured. What a request says of that is not read.
func forgedHeaders(t *testing.T, s *site) {
	resp, err := s.request(nil, http.MethodGet, "/auth/login", http.Header{"Sec-Fetch-Mode": {"navigate"},
		"Sec-Fetch-Dest":   {"document"},
		"X-Forwarded-Host": {"evil.example"}, "X-Forwarded-Proto": {"http"}, "X-Forwarded-Prefix": {"/evil"},
		"X-Forwarded-Port": {"81"},
		"X-Original-Url":   {"/evil"}, "Forwarded": {"host=evil.example;proto=http"}}, "")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	to, err := resp.Location()
	if err != nil {
		t.Fatal(err)
	}
	if got := to.Query().Get("redirect_uri"); got != s.base+"/auth/callback" || strings.Contains(to.String(), "evil") {
		t.Errorf("the log-in goes to %s", to)
	}
	for _, c := range resp.Cookies() {
		if !c.Secure || !strings.HasPrefix(c.Name, "__Host-") {
			t.Errorf("cookie %s is not Secure", c.Name)
		}
	}
}

// postedForm: what the IdP posts may be long (form_post with claims, a logout token). The
// library says what is too long, not the proxy.
func postedForm(t *testing.T, s *site) {
	body := "state=unknown&code=" + strings.Repeat("c", 60<<10)
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Sec-Fetch-Site": {"cross-site"},
		"Origin": {s.idp.URL}}
	resp, err := s.request(nil, http.MethodPost, "/auth/callback", form, body)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.addr(0)+"/auth/callback",
		strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header, r.Host = form, host
	direct, err := s.transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = direct.Body.Close()
	if resp.StatusCode != direct.StatusCode || resp.StatusCode >= 500 {
		t.Errorf("by the proxy %s, directly %s", resp.Status, direct.Status)
	}
}

// logOut returns what the browser gets, and how long the redirect to the IdP is.
func logOut(s *site, p interface{ Cookies(string) []*http.Cookie }) (status, long int) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), http.MethodPost, s.base+"/auth/logout", nil)
	if err != nil {
		s.Fatal(err)
	}
	r.Header = http.Header{"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"},
		"Sec-Fetch-Site": {"same-origin"}, "Accept": {"text/html"},
		"Origin": {"https://" + host}}
	for _, c := range p.Cookies(s.base + "/") {
		r.AddCookie(c)
	}
	resp, err := s.transport.RoundTrip(r)
	if err != nil {
		s.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode, len(resp.Header.Get("Location"))
}
