package adaptertest

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
)

// A handler's stream is flushed through the adapter, and its session's end reaches
// it (C8).
func testStream(t *testing.T, a *app) {
	b := a.browser()
	b.login("/auth")
	resp := b.send("GET", "/stream", fetch, nil)
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	if line, err := lines.ReadString('\n'); line != "first\n" || err != nil {
		t.Fatalf("%q, %v", line, err)
	}
	a.endAtIdP()
	if line, err := lines.ReadString('\n'); line != "last\n" || err != nil {
		t.Errorf("after the end: %q, %v", line, err)
	}
	<-a.gone
}

func (a *app) endAtIdP() {
	a.Helper()
	for _, s := range a.idp.Sessions() {
		if err := a.idp.EndSession(s.SID); err != nil {
			a.Fatal(err)
		}
	}
	a.idp.Settle()
}

// The library's own stream: the state at once, the literal reason at the end.
func testEvents(t *testing.T, a *app) {
	b := a.browser()
	b.login("/auth")
	resp := b.send("GET", "/auth/events", http.Header{"Accept": {"text/event-stream"}}, nil)
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || !strings.HasPrefix(got, "text/event-stream") {
		t.Fatalf("%d %s", resp.StatusCode, got)
	}
	if h := resp.Header; h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", h)
	}
	lines := bufio.NewScanner(resp.Body)
	seen := func(text string) bool {
		for lines.Scan() {
			if strings.Contains(lines.Text(), text) {
				return true
			}
		}
		return false
	}
	if !seen(`"live"`) {
		t.Fatal("the state was not sent")
	}
	a.endAtIdP()
	if !seen("backchannel_logout") {
		t.Error("the reason was not sent")
	}
	for lines.Scan() { // and the stream ends
	}
}
