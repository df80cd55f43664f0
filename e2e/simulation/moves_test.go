package simulation

import (
	"bytes"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// An IdP moves its token endpoint, as an update of it may do. Its discovery document says so.

// moved is the way to the new address.
const moved = "/v2"

// mover stands in front of an IdP.
type mover struct {
	issuer string
	next   http.Handler
	to     atomic.Pointer[move]
}

type move struct {
	at  time.Duration
	old int // what the old address answers
}

func (m *mover) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	mv := m.to.Load()
	switch {
	case mv == nil:
		m.next.ServeHTTP(w, r)
	case r.URL.Path == idpmock.PathToken:
		w.WriteHeader(mv.old)
	case r.URL.Path == moved+idpmock.PathToken:
		r.URL.Path, r.RequestURI = idpmock.PathToken, idpmock.PathToken
		m.next.ServeHTTP(w, r)
	case r.URL.Path == idpmock.PathDiscovery:
		out := &response{header: http.Header{}}
		m.next.ServeHTTP(out, r)
		body := bytes.ReplaceAll(out.body.Bytes(), []byte(`"`+m.issuer+idpmock.PathToken+`"`),
			[]byte(`"`+m.issuer+moved+idpmock.PathToken+`"`))
		out.body = *bytes.NewBuffer(body)
		out.header.Del("Content-Length")
		out.copyTo(w)
	default:
		m.next.ServeHTTP(w, r)
	}
}

// followsGone is how long an instance may ask at an address that answers 404 or 410;
// followsElse how long where it answers something else, so that only the look that comes
// anyway tells of the move.
const (
	followsGone = 3 * time.Minute
	followsElse = 65 * time.Minute
)

// moveIdP moves the token endpoint, once in a history.
func (w *world) moveIdP(a act) {
	p := w.apps[a.App].provider
	mv := &move{at: w.at(),
		old: pick(a.V[0], http.StatusNotFound, http.StatusGone, http.StatusServiceUnavailable)}
	if !p.front.to.CompareAndSwap(nil, mv) {
		return
	}
	tail := followsGone
	if mv.old == http.StatusServiceUnavailable {
		tail = followsElse
	}
	t := &trouble{path: pathIdP, of: p.everybody(), tail: tail + feltAfter,
		what: p.issuer + " moves its token endpoint; the old address answers " + http.StatusText(mv.old)}
	w.oracle.trouble(t)
	w.oracle.over(t)
}

// judgeEndpoint holds C6: who asks at the old address has not read the discovery document for
// longer than allowed. At the new one: the operator has been told of the change.
func (o *oracle) judgeEndpoint(c *call) {
	mv := c.in.app.provider.front.to.Load()
	if mv == nil || c.kind != callRefresh && c.kind != callCode {
		return
	}
	limit := followsElse
	if mv.old != http.StatusServiceUnavailable {
		limit = followsGone
		if c.in.gone == 0 { // it has not been there yet
			c.in.gone = c.from
		}
		limit += c.in.gone - mv.at
	}
	switch {
	case c.path != moved+idpmock.PathToken:
		if c.from > mv.at+limit && !o.excused(c.in.app, pathStore|pathRestart, mv.at, c.from) {
			o.breach("C6", "%s asks its IdP at the old address, %v after that has moved", c.in.name, c.from-mv.at)
		}
	case time.Duration(c.in.started.Load()) <= mv.at:
		o.counts["calls to an endpoint that has moved"]++
		if line, _ := c.in.diary.has("The IdP has changed its token_endpoint", mv.at, c.from); !line {
			o.breach("C6", "%s follows its IdP to another address and does not tell its operator", c.in.name)
		}
	}
}

// atHome is a path of an IdP as it was before it moved.
func atHome(path string) string { return strings.TrimPrefix(path, moved) }
