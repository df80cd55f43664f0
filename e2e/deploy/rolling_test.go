package deploy

import (
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/e2e/driver/process"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
	"github.com/tandem-sso/tandem/internal/servertest"
)

// A rolling update in the order of docs/deploy.md behind HAProxy: drained, ended, replaced,
// ready, back. While it goes on people work and have a page open; no request fails, nobody
// is logged out, and each page has a stream again.
func TestRollingUpdate(t *testing.T) {
	server, err := servertest.StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	front, dir := process.FreeAddr(t), t.TempDir()
	a := newApp(t, "redis://"+server.Addr+"/0", 2, front) // the proxy's TLS is TestProxies' matter
	running := []*process.Process{a.start(0, sealKey), a.start(1, sealKey)}
	conf := write(t, filepath.Join(dir, "haproxy.cfg"), document(t, "haproxy.cfg", "10.0.0.11:8080", a.addrs[0],
		"10.0.0.12:8080", a.addrs[1],
		"bind :443 ssl crt /etc/ssl/notes.pem alpn h2,http/1.1", "bind "+front, "/run/haproxy", dir))
	serve(t, front, exec.Command(program(t, "haproxy", "haproxy"), "-db", "-f", conf))
	admin := func(command string) string {
		t.Helper()
		c, err := net.Dial("unix", filepath.Join(dir, "admin.sock"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if _, err := io.WriteString(c, command+"\n"); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(c)
		if err != nil {
			t.Fatal(err)
		}
		return string(answer)
	}
	page := page(t)
	order := func(command string) {
		t.Helper()
		if !strings.Contains(page, strings.ReplaceAll(command, "/two", "/one")) {
			t.Errorf("docs/deploy.md does not say %q", command)
		}
		if answer := strings.TrimSpace(admin(command)); answer != "" {
			t.Fatalf("%s: %s", command, answer)
		}
	}

	stop := make(chan struct{})
	var working sync.WaitGroup
	var requests, streams atomic.Int64
	for range 4 {
		p := a.signIn()
		working.Go(func() { work(t, a, p, stop, &requests) })
		working.Go(func() { listen(t, a, p, stop, &streams) })
	}
	eventually(t, "every page has its stream", func() bool { return streams.Load() == 4 })
	for i, name := range []string{"one", "two"} {
		order("set server notes/" + name + " state drain")
		before := requests.Load()
		eventually(t, "requests go to the other instance", func() bool { return requests.Load() > before+20 })
		running[i].Stop() // SIGTERM; it ends cleanly or fails the test
		running[i] = a.start(i, sealKey)
		order("set server notes/" + name + " state ready")
		eventually(t, name+" is up", func() bool {
			return strings.Contains(admin("show servers state notes"),
				" "+name+" "+strings.Split(a.addrs[i], ":")[0]+" 2 0 ")
		})
		before = requests.Load()
		eventually(t, "requests go on", func() bool { return requests.Load() > before+20 })
	}
	close(stop)
	working.Wait()
	if n := streams.Load(); n < 8 {
		t.Errorf("%d streams: those of the old instances did not begin again", n)
	}
	for _, p := range running {
		if text := p.Output(); strings.Contains(text, "level=ERROR") || strings.Contains(text, "level=WARN") {
			t.Errorf("an instance complains:\n%s", text)
		}
	}
	t.Logf("%d requests, %d streams", requests.Load(), streams.Load())
}

// work is a person who does something all the time.
func work(t *testing.T, a *app, p *idptest.Browser, stop chan struct{}, requests *atomic.Int64) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		if page := p.Open(a.base + "/me"); page.Status != http.StatusOK || page.URL.Path != "/me" {
			t.Errorf("during the update: %s", page)
			return
		}
		requests.Add(1)
	}
}

// listen is a page that is open: its stream is begun again when it ends, as session.js does.
func listen(t *testing.T, a *app, p *idptest.Browser, stop chan struct{}, streams *atomic.Int64) {
	for {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.base+"/auth/events", nil)
		if err != nil {
			t.Error(err)
			return
		}
		r.Header = http.Header{"Accept": {"text/event-stream"}, "Sec-Fetch-Site": {"same-origin"},
			"Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Dest": {"empty"}}
		for _, c := range p.Cookies(a.base + "/auth/events") {
			r.AddCookie(c)
		}
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Errorf("a stream: %v", err)
			return
		}
		if resp.StatusCode != http.StatusOK {
			t.Errorf("a stream: %s", resp.Status)
			_ = resp.Body.Close()
			return
		}
		streams.Add(1)
		ended := make(chan string, 1)
		go func() {
			text, _ := io.ReadAll(resp.Body) // how it ends is the proxy's way
			ended <- string(text)
		}()
		select {
		case <-stop:
			_ = resp.Body.Close()
			<-ended
			return
		case text := <-ended:
			_ = resp.Body.Close()
			if strings.Contains(text, `"ended"`) || strings.Contains(text, `"reason":"`) && !strings.Contains(text,
				`"reason":""`) {
				t.Errorf("a page was told of an end: %s", text)
				return
			}
		}
		<-time.After(50 * time.Millisecond) // session.js waits longer
	}
}
