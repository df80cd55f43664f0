package site

import (
	"net/http"
	"strings"
	"sync"

	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// strangers are names that browsers use and that nobody has configured. Anybody can make up
// as many as they like, so only the first few are told.
type strangers struct {
	mu   sync.Mutex
	told map[string]bool
}

const strangersTold = 8

func (s *strangers) isNew(host string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told[host] || len(s.told) == strangersTold {
		return false
	}
	if s.told == nil {
		s.told = map[string]bool{}
	}
	s.told[host] = true
	return true
}

// Stranger is the name that a request uses, fit for a log line, if the app has no such name
// and nobody was told of it yet. A log-in under it cannot be finished: its cookie is kept for
// the name that the browser uses, and the IdP sends the browser to one that is configured.
func (a *App) Stranger(r *http.Request) (host string, ok bool) {
	scheme, _, _ := strings.Cut(a.main.own, "://")
	if _, known := a.named(r.Host); known || weburl.Origin(scheme+"://"+r.Host) == a.main.own ||
		!a.strangers.isNew(r.Host) {
		return "", false
	}
	return hostName(r.Host), true
}

// hostName is what came from outside, as a line in the log may show it.
func hostName(host string) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]"
	if len(host) > 260 || strings.Trim(host, letters) != "" {
		return "(no host name)"
	}
	return host
}
