package rptest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
)

// network is everything that a relying party can call: its IdP and the APIs of the test.
type network struct {
	idp *idp

	mu   sync.Mutex
	apis map[string]http.Handler
}

func newNetwork() *network { return &network{apis: map[string]http.Handler{}} }

func (n *network) serve(origin string, h http.Handler) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.apis[origin] = h
}

// RoundTrip lets the handler answer at once.
func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	origin := r.URL.Scheme + "://" + r.URL.Host
	n.mu.Lock()
	h := n.apis[origin]
	n.mu.Unlock()
	switch {
	case h != nil:
	case origin == n.idp.origin:
		h = n.idp.handler
	default:
		return nil, fmt.Errorf("rptest: nobody answers at %s: a test has no network; let Party.ServeAPI answer", origin)
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	in := r.Clone(r.Context())
	in.RequestURI, in.RemoteAddr = r.URL.RequestURI(), "192.0.2.1:1234"
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, in)
	_ = in.Body.Close() // a RoundTripper's duty
	resp := w.Result()
	resp.Request = r
	return resp, nil
}
