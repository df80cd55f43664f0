package idpmock

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Always is a [Fault.Times] without end.
const Always = -1

// Fault makes the provider answer badly, late or not at all. By default it applies to one request,
// of any client, at any endpoint.
type Fault struct {
	Client   string   `json:"client,omitempty"`   // "": every client
	Endpoint Endpoint `json:"endpoint,omitempty"` // "": every endpoint
	Skip     int      `json:"skip,omitempty"`     // how many matching requests pass first
	Times    int      `json:"times,omitempty"`    // 0: once; Always: until removed

	// Status, Error and Body: the provider sends this answer and does nothing else. Error is
	// the OAuth error code. The default of Status is 400 with Error and 200 with Body.
	Status      int               `json:"status,omitempty"`
	Error       string            `json:"error,omitempty"`
	Body        string            `json:"body,omitempty"`
	ContentType string            `json:"content_type,omitempty"` // of Body; default application/json
	RetryAfter  string            `json:"retry_after,omitempty"`  // seconds or an HTTP date
	Header      map[string]string `json:"header,omitempty"`       // for example Location, WWW-Authenticate, DPoP-Nonce

	Delay      time.Duration `json:"delay,omitempty"`       // before the provider carries out the request
	DelayAfter time.Duration `json:"delay_after,omitempty"` // after that, before the answer: slow rotation
	// Gate and GateAfter do the same, but the request waits until the test closes the
	// channel.
	Gate      <-chan struct{} `json:"-"`
	GateAfter <-chan struct{} `json:"-"`

	// ReadsLate: a request that waits by Delay or Gate is carried out although the client has
	// gone, as by a server whose queue outlives its callers.
	ReadsLate bool `json:"reads_late,omitempty"`

	DropBefore      bool `json:"drop_before,omitempty"`       // close the connection; the request is not carried out
	DropAfterCommit bool `json:"drop_after_commit,omitempty"` // close it after the request was carried out

	// Response changes the answer to a request that was carried out. At EndpointCallback only
	// Response and Error have an effect.
	Response ResponseFault `json:"response,omitempty"`
	// IDToken changes the ID token in the answer.
	IDToken IDTokenFault `json:"id_token,omitempty"`
}

func (f *Fault) refuses() bool { return f.Status != 0 || f.Error != "" || f.Body != "" }

// String describes the fault.
func (f *Fault) String() string {
	var parts []string
	add := func(yes bool, format string, a ...any) {
		if yes {
			parts = append(parts, fmt.Sprintf(format, a...))
		}
	}
	add(f.Delay > 0, "delay %v", f.Delay)
	add(f.Gate != nil, "gate")
	add(f.ReadsLate, "read late")
	add(f.DropBefore, "drop before")
	add(f.Status != 0, "status %d", f.Status)
	add(f.Error != "", "error %s", f.Error)
	add(f.Body != "", "body of %d bytes", len(f.Body))
	add(f.Response != "", "response %s", f.Response)
	add(f.IDToken != "", "ID token %s", f.IDToken)
	add(f.DelayAfter > 0, "delay %v after", f.DelayAfter)
	add(f.GateAfter != nil, "gate after")
	add(f.DropAfterCommit, "drop after commit")
	return strings.Join(parts, ", ")
}

func (f *Fault) waitBefore(ctx context.Context) bool { return pause(ctx, f.Delay, f.Gate) }
func (f *Fault) waitAfter(ctx context.Context) bool  { return pause(ctx, f.DelayAfter, f.GateAfter) }

func pause(ctx context.Context, d time.Duration, gate <-chan struct{}) bool {
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return false
		}
	}
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

func (f *Fault) write(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	status, body := f.Status, f.Body
	w.Header().Set("Content-Type", or(f.ContentType, "application/json"))
	if f.Error != "" {
		status = or(status, http.StatusBadRequest)
		if body == "" {
			b, _ := json.Marshal(oauthError{Code: f.Error, Desc: "a fault of the test"}) // cannot fail
			body = string(b)
		}
		if status == http.StatusUnauthorized {
			scheme := "Bearer"
			if f.Error == "invalid_client" { // RFC 6749 §5.2
				scheme = "Basic"
			}
			w.Header().Set("WWW-Authenticate", scheme+` error="`+f.Error+`"`)
		}
	}
	for k, v := range f.Header {
		w.Header().Set(k, v)
	}
	w.WriteHeader(or(status, http.StatusOK))
	w.Write([]byte(body))
}

// ActiveFault is a fault that is active.
type ActiveFault struct {
	set     *faults
	fault   Fault
	skip    int
	left    int
	hits    int
	arrived chan struct{}
}

// Hits returns to how many requests the fault has applied.
func (a *ActiveFault) Hits() int {
	a.set.mu.Lock()
	defer a.set.mu.Unlock()
	return a.hits
}

// Arrived returns a channel that is closed when the fault applies to the first request.
func (a *ActiveFault) Arrived() <-chan struct{} { return a.arrived }

// Remove ends the fault. Requests that wait already continue to wait.
func (a *ActiveFault) Remove() {
	a.set.mu.Lock()
	defer a.set.mu.Unlock()
	a.set.list = slices.DeleteFunc(a.set.list, func(o *ActiveFault) bool { return o == a })
}

type faults struct {
	mu   sync.Mutex
	list []*ActiveFault
}

// Fault activates a fault. If several match a request, the oldest applies. Fault panics with the
// error of [IDP.AddFault] if the fault can never apply.
func (p *IDP) Fault(f Fault) *ActiveFault {
	a, err := p.AddFault(f)
	if err != nil {
		panic(err)
	}
	return a
}

func (p *IDP) putFault(f Fault) *ActiveFault {
	a := &ActiveFault{set: &p.faults, fault: f, skip: f.Skip, left: or(f.Times, 1), arrived: make(chan struct{})}
	p.faults.mu.Lock()
	defer p.faults.mu.Unlock()
	p.faults.list = append(p.faults.list, a)
	return a
}

// ClearFaults ends all faults, also those of deliveries.
func (p *IDP) ClearFaults() {
	p.faults.mu.Lock()
	defer p.faults.mu.Unlock()
	p.faults.list = nil
}

// ActiveFaults lists the active faults.
func (p *IDP) ActiveFaults() []Fault {
	p.faults.mu.Lock()
	defer p.faults.mu.Unlock()
	out := make([]Fault, 0, len(p.faults.list))
	for _, a := range p.faults.list {
		f := a.fault
		f.Times, f.Skip = a.left, a.skip
		out = append(out, f)
	}
	return out
}

func (fs *faults) take(ep Endpoint, client string) *Fault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for i, a := range fs.list {
		if !a.fault.Endpoint.Covers(ep) || a.fault.Client != "" && a.fault.Client != client {
			continue
		}
		if a.fault.Endpoint == "" && ep == EndpointCallback {
			continue // it applied before, or let the request pass
		}
		if a.skip > 0 {
			a.skip--
			continue
		}
		if a.hits++; a.hits == 1 {
			close(a.arrived)
		}
		if a.left > 0 {
			if a.left--; a.left == 0 {
				fs.list = slices.Delete(fs.list, i, i+1)
			}
		}
		return &a.fault
	}
	return nil
}
