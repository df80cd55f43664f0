package absent

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/activity"
	"github.com/tandem-sso/tandem/rp/adapter"
)

// answer is what a browser got.
type answer struct {
	what   string // "GET notes /feed?loop=1"
	status int
	header http.Header
	body   string
	class  string // how a request that was served was classified; "" if it was not served
}

func (a answer) String() string {
	return fmt.Sprintf("%s: %d %s %s%s", a.what, a.status, a.class, a.header.Get("Location"),
		a.header.Get(adapter.ErrorHeader))
}

// leads reports whether the answer has an address that a script or a browser follows by
// itself.
func (a answer) leads() bool {
	return a.header.Get("Location") != "" || a.header.Get("HX-Redirect") != "" || strings.Contains(a.body, "login_url")
}

// ledger notes every answer of the apps. It also holds requests back: one whose query
// names a loop waits for a permit, and is looked at by the library only then. So a page
// that does something again and again does it when the test says so.
type ledger struct {
	mu      sync.Mutex
	answers []answer
	permits map[string]int
	more    chan struct{}
}

func newLedger() *ledger { return &ledger{permits: map[string]int{}, more: make(chan struct{})} }

func (l *ledger) changed(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
	close(l.more)
	l.more = make(chan struct{})
}

// until waits until the condition holds, which may change what it looks at.
func (l *ledger) until(ctx context.Context, holds func() bool) error {
	for {
		l.mu.Lock()
		ok, more := holds(), l.more
		l.mu.Unlock()
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

// to returns the answers to one request, by "METHOD app /path", with the query or
// without.
func (l *ledger) to(what string) (found []answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.find(what)
}

func (l *ledger) find(what string) (found []answer) {
	for _, a := range l.answers {
		if path, _, _ := strings.Cut(a.what, "?"); a.what == what || path == what {
			found = append(found, a)
		}
	}
	return found
}

// wait returns the n-th answer to a request.
func (l *ledger) wait(ctx context.Context, what string, n int) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, browser.Patience)
	defer cancel()
	err := l.until(ctx, func() bool { return len(l.find(what)) >= n })
	found := l.to(what)
	if err != nil {
		return answer{}, fmt.Errorf("%s: %d answers, want %d: %w: %v", what, len(found), n, err, found)
	}
	return found[n-1], nil
}

// within waits for a condition, and not longer than d.
func (l *ledger) within(d time.Duration, holds func() bool) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	_ = l.until(ctx, holds)
}

type classKey struct{}

// before stands before an app.
func (l *ledger) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, _, _ := strings.Cut(r.Host, ".")
		what := r.Method + " " + name + " " + r.URL.RequestURI()
		if loop := r.URL.Query().Get("loop"); loop != "" {
			if l.until(r.Context(), func() bool {
				l.permits[loop]--
				return l.permits[loop] >= 0 || l.refund(loop)
			}) != nil {
				return // the page is gone
			}
		}
		if shares(w, r) {
			return
		}
		class := ""
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(rec, r.WithContext(context.WithValue(r.Context(), classKey{}, &class)))
		l.changed(func() {
			l.answers = append(l.answers, answer{what, rec.status, w.Header().Clone(), rec.body.String(), class})
		})
	})
}

// shares lets a page of another origin read what it fetches, as an application may that
// means it well with a neighbour; true if this was a preflight.
func shares(w http.ResponseWriter, r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" {
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Access-Control-Allow-Credentials", "true")
		w.Header().Set("Access-Control-Allow-Headers", activity.Header)
	}
	return r.Method == http.MethodOptions
}

// refund takes a permit back that was not there.
func (l *ledger) refund(loop string) bool { l.permits[loop]++; return false }

// classified notes the class of a request that is served.
func classified(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if class, ok := r.Context().Value(classKey{}).(*string); ok {
			*class = rp.FromContext(r.Context()).Class().String()
		}
		next(w, r)
	}
}

// recorder keeps the status and what an answer says that is no page of the app.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status >= 400 {
		r.body.Write(b)
	}
	return r.ResponseWriter.Write(b)
}
