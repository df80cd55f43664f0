package site

import (
	"net/http"
	"strings"
	"sync"

	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// strangers are host names that browsers use and that are not configured. Anybody can make up such
// names, so only the first few are logged.
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

// Stranger returns the host name that a request uses, fit for a log line, if that name is not
// configured and was not logged yet. A log-in under it cannot be finished: the browser keeps the
// cookie for that name, but the IdP sends the browser to a configured name.
func (a *App) Stranger(r *http.Request) (host string, ok bool) {
	scheme, _, _ := strings.Cut(a.main.own, "://")
	if _, known := a.named(r.Host); known || weburl.Origin(scheme+"://"+r.Host) == a.main.own ||
		!a.strangers.isNew(r.Host) {
		return "", false
	}
	return hostName(r.Host), true
}

// hostName makes a host name from outside fit for a log line.
func hostName(host string) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]"
	if len(host) > 260 || strings.Trim(host, letters) != "" {
		return "(no host name)"
	}
	return host
}
