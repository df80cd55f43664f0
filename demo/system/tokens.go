package system

import (
	"sync"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// tokens remembers when access tokens were issued, as the IdP reports it.
type tokens struct {
	mu    sync.Mutex
	known map[tokenOf]life
}

type tokenOf struct{ client, sid string }

type life struct{ began, ends time.Time }

const maxTokens = 1000

func (t *tokens) note(e idpmock.Event, lives time.Duration) {
	// The code of a log-in is exchanged the moment after the app has joined, or the person has
	// passed by again.
	if e.Kind != idpmock.EventJoin && (e.Kind != idpmock.EventSignal || e.Endpoint != idpmock.EndpointRefresh &&
		e.Endpoint != idpmock.EndpointAuthorize) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known == nil || len(t.known) >= maxTokens {
		t.known = map[tokenOf]life{}
	}
	t.known[tokenOf{e.Client, e.SID}] = life{e.Time, e.Time.Add(lives)}
}

func (t *tokens) of(client, sid string) (began, ends time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.known[tokenOf{client, sid}]
	return l.began, l.ends
}
