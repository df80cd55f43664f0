package fetchmetadata

import (
	"context"
	_ "embed"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/npm"
)

// Every name under localhost leads to loopback in both browsers and is trustworthy
// although it is plain http, so that they send Fetch Metadata. "localhost" is a public
// suffix by the default rule of the list: shop.localhost is one site.
const (
	own     = "app.shop.localhost"
	sibling = "cdn.shop.localhost"
	other   = "elsewhere.localhost"
	plain   = "app.tandem.test" // not trustworthy over http
)

// server serves the pages of all scenarios on all hosts, and records the requests that
// they are about.
type server struct {
	port      string
	scenarios map[string]*scenario // by id

	mu   sync.Mutex
	seen map[string][]request // by id
	done map[string]bool      // by id, what the file "done" was asked for
	more chan struct{}        // closed at the next of them
}

func serve(t *testing.T, all []*scenario) *server {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	s := &server{port: port, scenarios: map[string]*scenario{}, seen: map[string][]request{}, done: map[string]bool{},
		more: make(chan struct{})}
	for i, sc := range all {
		s.scenarios[id(i)] = sc
	}
	h, done := &http.Server{Handler: s}, make(chan struct{})
	go func() { defer close(done); _ = h.Serve(l) }()
	t.Cleanup(func() { _ = h.Close(); <-done })
	return s
}

func id(i int) string { return fmt.Sprintf("s%d", i) }

// at is the address of a scenario's file on a host.
func (s *server) at(host, id, file string) string {
	return "http://" + host + ":" + s.port + "/" + id + "/" + file
}

// ServeHTTP serves /id/file. The files named target are what a scenario is about.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, file, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	sc := s.scenarios[id]
	if sc == nil { // a favicon
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if strings.HasPrefix(file, "target") {
		defer s.record(id, r) // so that what follows an answer is recorded after it
	}
	w.Header().Set("Cache-Control", "no-store")
	if origin := r.Header.Get("Origin"); origin != "" {
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Access-Control-Allow-Credentials", "true")
		w.Header().Set("Access-Control-Allow-Headers", "Content-Type")
	}
	switch {
	case r.Method == http.MethodOptions:
		w.WriteHeader(http.StatusNoContent)
	case file == "to": // redirects to its query
		w.Header().Set("Location", r.URL.RawQuery)
		w.WriteHeader(http.StatusSeeOther)
	case file == "opener":
		s.send(w, id, "", `<a id="opener" href="page" target="_blank" rel="noopener">go</a>`)
	case file == "wait": // answers when the target has been asked for
		_, _ = s.requests(r.Context(), id, 1)
	case file == "done":
		s.finish(id)
	case strings.HasSuffix(file, ".socket"):
		if c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}); err == nil {
			_ = c.Close(websocket.StatusNormalClosure, "")
		}
	case strings.HasPrefix(file, "htmx"):
		sendHTMX(w, file)
	case sc.files[file] == "" && path.Ext(file) == "":
		s.send(w, id, "", "<!doctype html><title>"+file+"</title>")
	default:
		if sc.files[file] != "" {
			for name, v := range sc.header {
				w.Header().Set(name, v)
			}
		}
		s.send(w, id, path.Ext(file), sc.files[file])
	}
}

func (s *server) send(w http.ResponseWriter, id, ext, body string) {
	w.Header().Set("Content-Type", map[string]string{
		"": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".png": "image/png",
		".woff2": "font/woff2",
		".mp4":   "video/mp4", ".vtt": "text/vtt", ".events": "text/event-stream",
		".webmanifest": "application/manifest+json",
	}[ext])
	if ext == "" {
		body = style + body
	}
	fmt.Fprint(w, s.expand(id, body))
}

// A click in the middle of a link, of a frame or of a button hits it.
const style = `<!doctype html><title>a page</title><style>a, button, iframe, object { display: block; width: 300px; height: 100px; border: 0 } body { margin: 0 }</style>`

func (s *server) expand(id, text string) string {
	return strings.NewReplacer("{own}", strings.TrimSuffix(s.at(own, id, ""), "/"), "{sibling}",
		strings.TrimSuffix(s.at(sibling, id, ""), "/"),
		"{other}", strings.TrimSuffix(s.at(other, id, ""), "/"), "{socket}",
		strings.Replace(s.at(own, id, "target.socket"), "http", "ws", 1)).Replace(text)
}

func sendHTMX(w http.ResponseWriter, file string) {
	name, err := npm.Path(strings.TrimSuffix(file, ".js") + "/dist/htmx.min.js")
	if err == nil {
		var script []byte
		if script, err = os.ReadFile(name); err == nil {
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write(script)
			return
		}
	}
	http.Error(w, err.Error(), http.StatusInternalServerError)
}

func (s *server) record(id string, r *http.Request) {
	s.changed(func() { s.seen[id] = append(s.seen[id], said(r)) })
}

func (s *server) finish(id string) { s.changed(func() { s.done[id] = true }) }

func (s *server) changed(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	close(s.more)
	s.more = make(chan struct{})
}

// requests returns what was recorded, once there are n.
func (s *server) requests(ctx context.Context, id string, n int) ([]request, error) {
	err := s.until(ctx, func() bool { return len(s.seen[id]) >= n })
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("%d requests, want %d: %w: %v", len(s.seen[id]), n, err, s.seen[id])
	}
	return s.seen[id], nil
}

// finished waits until a page has asked for the file "done".
func (s *server) finished(ctx context.Context, id string) error {
	return s.until(ctx, func() bool { return s.done[id] })
}

// within reports whether the target is asked for before d is over.
func (s *server) within(ctx context.Context, id string, d time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	_, err := s.requests(ctx, id, 1)
	return err == nil
}

func (s *server) until(ctx context.Context, holds func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, browser.Patience)
	defer cancel()
	for {
		s.mu.Lock()
		ok, more := holds(), s.more
		s.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// request is what a browser said.
type request struct {
	Method  string            `json:"method"`
	Headers map[string]string `json:"headers"`
}

// The headers that say something about who makes a request.
var telling = [...]string{"Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest", "Sec-Fetch-User", "Sec-Purpose",
	"Purpose", "X-Moz",
	"Accept", "Origin", "Referer", "Upgrade", "Hx-Request", "Upgrade-Insecure-Requests",
	"Service-Worker-Navigation-Preload"}

func said(r *http.Request) request {
	said := request{r.Method, map[string]string{}}
	for _, name := range telling {
		v := r.Header.Get(name)
		switch {
		case v == "":
			continue
		case name == "Accept": // the first range says what is asked for; the rest changes with every version
			v, _, _ = strings.Cut(v, ",")
			v, _, _ = strings.Cut(v, ";")
		case name == "Origin" && v != "null", name == "Referer": // the port is not the same twice
			if u, err := url.Parse(v); err == nil {
				v = u.Scheme + "://" + u.Hostname()
			}
		}
		said.Headers[name] = v
	}
	return said
}
