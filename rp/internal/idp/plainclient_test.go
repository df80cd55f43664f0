package idp

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
)

// As many connections are kept as there may be calls under way: so the next calls, as many at
// once, open none. http.DefaultTransport would open almost all of them again.
func TestConnectionsAreKept(t *testing.T) {
	const most = 16
	var opened atomic.Int32
	var all sync.WaitGroup // who is under way
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		all.Done()
		all.Wait()
		w.WriteHeader(http.StatusNoContent)
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	rt := pooled(nil, most)
	defer rt.(*http.Transport).CloseIdleConnections()
	client := PlainClient(&http.Client{}, rt)
	for range 3 {
		all.Add(most)
		var calls sync.WaitGroup
		for range most {
			calls.Go(func() {
				resp, err := client.Get(server.URL)
				if err != nil {
					t.Error(err)
					all.Done()
					return
				}
				_ = resp.Body.Close()
			})
		}
		calls.Wait()
	}
	if n := opened.Load(); n != most {
		t.Errorf("%d connections for %d calls at once, three times", n, most)
	}
}

// Whoever brings a transport decides how many connections it keeps.
func TestOwnTransportIsLeftAlone(t *testing.T) {
	own := &http.Transport{}
	if pooled(own, 16) != http.RoundTripper(own) || own.MaxIdleConnsPerHost != 0 {
		t.Error("the application's transport was replaced or changed")
	}
}
