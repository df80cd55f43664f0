package idpmock

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// keepRequests is how many requests the record keeps; counts go on beyond it.
const keepRequests = 10_000

// Request is one recorded request, its secrets masked: long random ones by a
// fingerprint ("#1f2e3d4c"), so that the same token can be recognised, the
// others entirely.
type Request struct {
	Time     time.Time         `json:"time"`
	Endpoint Endpoint          `json:"endpoint"`
	Method   string            `json:"method"`
	Client   string            `json:"client,omitempty"`
	Params   map[string]string `json:"params,omitempty"`
	Status   int               `json:"status"` // 0: the connection was cut
	Error    string            `json:"error,omitempty"`
	Fault    string            `json:"fault,omitempty"` // the fault that was applied
	Duration time.Duration     `json:"duration"`
}

// String is one line for a log or a failure text.
func (r Request) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %-13s %-12s %d", r.Time.Format("15:04:05.000"), r.Endpoint, or(r.Client, "-"), r.Status)
	if r.Error != "" {
		b.WriteString(" " + r.Error)
	}
	if r.Fault != "" {
		b.WriteString(" [fault: " + r.Fault + "]")
	}
	names := make([]string, 0, len(r.Params))
	for name := range r.Params {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		b.WriteString(" " + name + "=" + r.Params[name])
	}
	return b.String()
}

type counter struct {
	endpoint Endpoint
	client   string
}

// journal records requests. Its zero value is ready.
type journal struct {
	mu     sync.Mutex
	recent []Request // a ring once it is full
	next   int
	counts map[counter]int
}

func (j *journal) add(r Request) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.recent) < keepRequests {
		j.recent = append(j.recent, r)
	} else {
		j.recent[j.next] = r
		j.next = (j.next + 1) % keepRequests
	}
	if j.counts == nil {
		j.counts = map[counter]int{}
	}
	j.counts[counter{r.Endpoint, r.Client}]++
}

// Requests returns the last requests (at most 10,000), oldest first.
func (p *IDP) Requests() []Request {
	j := &p.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	out := make([]Request, 0, len(j.recent))
	return append(append(out, j.recent[j.next:]...), j.recent[:j.next]...)
}

// Count says how many requests of a client ("" for all) an endpoint ("" for
// all) has seen, those spoilt by a fault included.
func (p *IDP) Count(endpoint Endpoint, client string) int {
	j := &p.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for c, k := range j.counts {
		if (client == "" || client == c.client) && endpoint.Covers(c.endpoint) {
			n += k
		}
	}
	return n
}

// ResetRequests forgets the record and the counts.
func (p *IDP) ResetRequests() {
	j := &p.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	j.recent, j.next, j.counts = nil, 0, nil
}

// Covers reports whether e, as a filter, includes the endpoint of a request.
func (e Endpoint) Covers(of Endpoint) bool {
	return e == "" || e == of || e == EndpointToken && strings.HasPrefix(string(of), "token/")
}

func masked(form url.Values) map[string]string {
	out := make(map[string]string, len(form))
	for name, values := range form {
		v := strings.Join(values, " ")
		switch name {
		case "client_secret", "password":
			v = "[redacted]"
		case "code", "code_verifier", "refresh_token", "access_token", "token", "id_token_hint", "client_assertion",
			"request_uri", "state", "nonce", "tx", "subject_token", "actor_token":
			v = fingerprint(v)
		}
		if len(v) > 200 {
			v = v[:200] + "…"
		}
		out[name] = v
	}
	return out
}

func fingerprint(secret string) string {
	if secret == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(secret))
	return "#" + hex.EncodeToString(sum[:4])
}
