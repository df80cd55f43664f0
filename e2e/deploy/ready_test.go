package deploy

import (
	"net/http"
	"testing"

	"github.com/tandem-sso/tandem/internal/servertest"
)

// What the probes of docs/deploy ask: a store that is away makes the instance not ready, and
// is no reason to restart it. It is ready again by itself.
func TestProbes(t *testing.T) {
	server, err := servertest.StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	a := newApp(t, "redis://"+server.Addr+"/0", 1, "")
	a.start(0, sealKey)
	status := func(path string) int {
		t.Helper()
		resp, err := http.Get(a.base + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	server.Stop()
	eventually(t, "not ready", func() bool { return status("/readyz") == http.StatusServiceUnavailable })
	if is := status("/healthz"); is != http.StatusOK {
		t.Errorf("healthz without a store: %d", is)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "ready again", func() bool { return status("/readyz") == http.StatusOK })
}
