package rp

import (
	"net/http"
	"strings"
	"sync"

	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// otherHosts are names that browsers use and that Config.BaseURL and BaseURLs do not have. Strangers
// can make up as many as they like, so only the first few are told.
type otherHosts struct {
	mu   sync.Mutex
	told map[string]bool
}

const otherHostsTold = 8

func (o *otherHosts) isNew(host string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.told[host] || len(o.told) == otherHostsTold {
		return false
	}
	if o.told == nil {
		o.told = map[string]bool{}
	}
	o.told[host] = true
	return true
}

// noteHost tells the operator of a log-in that cannot be finished: its cookie is kept for
// the name that the browser uses, and the IdP sends the browser to Config.BaseURL's.
func (p *RelyingParty) noteHost(r *http.Request) {
	scheme, _, _ := strings.Cut(p.cfg.BaseURL, "://")
	if _, known := p.sites.named(r.Host); known || weburl.Origin(scheme+"://"+r.Host) == p.sites.main.own || !p.otherHosts.isNew(r.Host) {
		return
	}
	p.log.Warn("a log-in was asked for under a name that is not Config.BaseURL's. If a browser uses that name, its log-in fails: lead it to BaseURL, or put that name into Config.BaseURLs. If only a proxy does, all is well",
		"host", hostName(r.Host), "base_url", p.cfg.BaseURL)
}

// hostName is what came from outside, as a line in the log may show it.
func hostName(host string) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]"
	if len(host) > 260 || strings.Trim(host, letters) != "" {
		return "(no host name)"
	}
	return host
}
