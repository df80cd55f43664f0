package simulation

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// tab is a page with an open event stream.
type tab struct {
	v      *visit
	header http.Header
	status int

	mu    sync.Mutex
	buf   bytes.Buffer
	told  string // the reason in the event "ended"
	ended bool
}

func (t *tab) Header() http.Header { return t.header }
func (t *tab) WriteHeader(status int) {
	if t.status == 0 {
		t.status = status
	}
}
func (t *tab) Flush() {}

func (t *tab) Write(p []byte) (int, error) {
	t.WriteHeader(http.StatusOK)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf.Write(p)
	for {
		event, rest, ok := bytes.Cut(t.buf.Bytes(), []byte("\n\n"))
		if !ok {
			return len(p), nil
		}
		if data, ok := bytes.CutPrefix(event, []byte("event: ended\ndata: ")); ok {
			var s struct {
				State  string `json:"state"`
				Reason string `json:"reason"`
			}
			_ = json.Unmarshal(data, &s)
			t.ended, t.told = true, s.Reason
			if s.State == "ended" {
				t.v.in.app.w.oracle.told(t.v, s.Reason)
			}
		}
		t.buf = *bytes.NewBuffer(bytes.Clone(rest))
	}
}

func (t *tab) over() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ended
}

// streams keeps a tab with a stream open for d. It connects again after a while,
// as browsers do, until it is told the end.
func (b *browser) streams(a *app, inst int, d time.Duration) {
	until := b.w.at() + d
	for b.w.at() < until && b.w.ctx.Err() == nil {
		t := b.connect(a, inst, until-b.w.at())
		if t.over() || t.status == http.StatusUnauthorized || t.status == http.StatusNoContent {
			return
		}
		b.w.sleep(3 * time.Second)
		inst++
	}
}

func (b *browser) connect(a *app, inst int, d time.Duration) *tab {
	ctx, cancel := context.WithTimeout(b.w.ctx, d)
	defer cancel()
	q := requests[stream]
	cookies := b.cookies(a, q)
	in := a.inst[inst%2]
	if in.now.Load() == nil {
		in = a.inst[1-inst%2]
	}
	t := &tab{header: http.Header{}}
	t.v = b.w.oracle.opens(b, in, q, cookies[sessionCookie])
	if !in.serve(t, b.request(ctx, a, q, cookies)) {
		t.status, t.v.down = http.StatusBadGateway, true
	}
	t.v.down = t.v.down || t.header.Get(killedHeader) != ""
	t.v.status, t.v.header = t.status, t.header
	t.v.gaveUp = ctx.Err() != nil
	b.w.oracle.closes(t.v)
	return t
}
