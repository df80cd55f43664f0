package chaos

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/e2e/driver/process"
	"github.com/tandem-sso/tandem/internal/servertest"
)

const (
	secret          = "s3cret"
	endpointRefresh = "token/refresh" // as the IdP's journal and its faults call it
)

// provider is the idp-mock. People and apps reach it through a proxy that can be cut;
// the test's own questions go to it directly.
type provider struct {
	rec    *recorder
	direct string // its own address
	issuer string // the proxy's
	proxy  *servertest.Proxy
	args   []string
	proc   *process.Process

	mu    sync.Mutex
	ended map[string]bool
}

// newProvider prepares an IdP for the apps at their addresses, by client id.
func newProvider(t *testing.T, rec *recorder, fronts map[string]*front) *provider {
	addr := process.FreeAddr(t)
	proxy, err := servertest.StartProxy(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	p := &provider{rec: rec, direct: "http://" + addr, issuer: "http://" + proxy.Addr, proxy: proxy,
		ended: map[string]bool{}}
	var clients []map[string]any
	for id, f := range fronts {
		clients = append(clients, map[string]any{"id": id, "secret": secret, "refresh_tokens": apps[id].tokens,
			"redirect_uris": []string{f.url + "/auth/callback"}, "post_logout_redirect_uris": []string{f.url +
				"/auth/logged-out"},
			"backchannel_logout_uri": f.url + "/auth/backchannel-logout"})
	}
	text, err := json.Marshal(map[string]any{"clients": clients, "signing_alg": "ES256", "idle_window": window.String(),
		"absolute_lifetime": "8h", "coordinate_client_lifetimes": true,
		"expired_sessions_trigger_backchannel_logout": true, "control_api": true})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "idp.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	p.args = []string{"-listen", addr, "-issuer", p.issuer, "-config", file}
	return p
}

func (p *provider) start(t *testing.T) { p.proc = idpProgram.Start(t, nil, p.args...).Ready(p.direct) }

// control makes a call of the control API, and says whether it was answered with 2xx.
func (p *provider) control(ctx context.Context, method, path, body string) bool {
	ctx, cancel := context.WithTimeout(ctx, giveUp)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, p.direct+"/_mock"+path, strings.NewReader(body))
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode/100 == 2
}

// endSession ends a session as an administrator does.
func (p *provider) endSession(ctx context.Context, sid string) bool {
	return p.control(ctx, http.MethodDelete, "/sessions/"+sid, "")
}

// answerLate makes the IdP keep the answers to an app's refreshes back after it has
// rotated the token.
func (p *provider) answerLate(ctx context.Context, app string, by time.Duration) bool {
	return p.control(ctx, http.MethodPost, "/faults",
		fmt.Sprintf(`{"endpoint": %q, "client": %q, "delay_after": %q, "times": -1}`, endpointRefresh, app, by))
}

func (p *provider) answerAtOnce(ctx context.Context) bool {
	return p.control(ctx, http.MethodDelete, "/faults", "")
}

// over says whether the IdP has reported the end of a session.
func (p *provider) over(sid string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended[sid]
}

// listen writes the IdP's journal into ours until ctx ends. After a restart of the IdP
// it begins anew.
func (p *provider) listen(ctx context.Context) {
	for ctx.Err() == nil {
		p.hear(ctx)
		pause(ctx, 50*time.Millisecond)
	}
}

func (p *provider) hear(ctx context.Context) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.direct+"/_mock/events", nil)
	if err != nil {
		return
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return
	}
	defer func() { _ = resp.Body.Close() }()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: "))
		if !ok {
			continue
		}
		var e struct {
			Time                                      time.Time
			Kind, Client, SID, Sub, Endpoint, Outcome string
		}
		if json.Unmarshal(data, &e) != nil {
			continue
		}
		p.rec.write(func(j *journal) {
			j.Words = append(j.Words, word{p.rec.at(e.Time), e.Kind, e.Client, e.SID, e.Sub, e.Endpoint, e.Outcome})
		})
		if e.Kind == "end" && e.Client == "" {
			p.mu.Lock()
			p.ended[e.SID] = true
			p.mu.Unlock()
		}
	}
}

// delivered counts the logout tokens that an app has confirmed.
func delivered(j *journal) (n int) {
	for _, w := range j.Words {
		if w.Kind == "delivery" && w.Outcome == "delivered" {
			n++
		}
	}
	return n
}

// spent counts the refresh tokens that were presented again after their rotation.
func spent(j *journal) (n int) {
	for i := range j.Words {
		if j.Words[i].reuse() {
			n++
		}
	}
	return n
}

func (w *word) reuse() bool { return w.Kind == "revoked" && strings.Contains(w.Outcome, "reuse") }
