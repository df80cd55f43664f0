package chaos

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strconv"
	"sync/atomic"
	"time"
)

// front is the load balancer of one app. It looks whether the instances are well, takes
// turns between those that are, and goes to the next one where nobody listens. A request
// that an instance has begun to read is never sent again.
type front struct {
	app    string
	url    string
	server *httptest.Server

	addrs []string
	well  []atomic.Bool
	turn  atomic.Uint64
	net   *http.Transport
	stop  context.CancelFunc
}

const (
	lookEvery = 300 * time.Millisecond
	lookWait  = time.Second
)

var errNobody = errors.New("no instance listens")

func newFront(app string, addrs ...string) *front {
	ctx, stop := context.WithCancel(context.Background())
	f := &front{app: app, addrs: addrs, well: make([]atomic.Bool, len(addrs)), stop: stop,
		// A connection of its own for each request: whether somebody listens is then seen
		// before anything was sent.
		net: &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{Timeout: lookWait}).DialContext}}
	f.server = httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", app, r.In.Host
		},
		Transport: f,
		ErrorLog:  log.New(io.Discard, "", 0),
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			w.Header().Set(headerTrouble, err.Error())
			if by := (*brokenOff)(nil); errors.As(err, &by) {
				w.Header().Set(headerInstance, by.instance)
			}
			w.WriteHeader(http.StatusBadGateway)
		},
	})
	f.url = f.server.URL
	for i := range addrs {
		go f.look(ctx, i)
	}
	return f
}

func (f *front) close() {
	f.stop()
	f.server.CloseClientConnections()
	f.server.Close()
}

// look asks an instance again and again how it is.
func (f *front) look(ctx context.Context, i int) {
	for pause(ctx, lookEvery) {
		ask, cancel := context.WithTimeout(ctx, lookWait)
		f.well[i].Store(f.healthy(ask, i))
		cancel()
	}
}

func (f *front) healthy(ctx context.Context, i int) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+f.addrs[i]+"/healthz", nil)
	if err != nil {
		return false
	}
	resp, err := f.net.RoundTrip(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// brokenOff is an instance that took a request and did not answer.
type brokenOff struct {
	instance string
	err      error
}

func (e *brokenOff) Error() string { return "instance " + e.instance + ": " + e.err.Error() }

// RoundTrip tries the instances that are well, then the others.
func (f *front) RoundTrip(r *http.Request) (*http.Response, error) {
	body := []byte{}
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		_ = r.Body.Close()
	}
	for _, i := range f.order() {
		try := r.Clone(r.Context())
		try.URL.Host, try.Body, try.ContentLength = f.addrs[i], http.NoBody, int64(len(body))
		if len(body) > 0 {
			try.Body = io.NopCloser(bytes.NewReader(body))
		}
		number := strconv.Itoa(i + 1)
		resp, err := f.net.RoundTrip(try)
		if dial := (*net.OpError)(nil); errors.As(err, &dial) && dial.Op == "dial" {
			continue
		}
		if err != nil {
			return nil, &brokenOff{number, err}
		}
		resp.Header.Set(headerInstance, number)
		return resp, nil
	}
	return nil, errNobody
}

func (f *front) order() []int {
	n, first := len(f.addrs), int(f.turn.Add(1))
	var well, others []int
	for k := range n {
		if i := (first + k) % n; f.well[i].Load() {
			well = append(well, i)
		} else {
			others = append(others, i)
		}
	}
	return append(well, others...)
}

// anyInstance is the address of one instance, or of the front, in turn.
func (f *front) anyInstance() string {
	if i := int(f.turn.Add(1)) % (len(f.addrs) + 1); i < len(f.addrs) {
		return "http://" + f.addrs[i]
	}
	return f.url
}
