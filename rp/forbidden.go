package rp

import (
	"bytes"
	"net/http"
)

// forbidden is the answer to ErrForbidden: the app's own (Config.Forbidden), else a page
// that offers another account, or JSON.
func (p *RelyingParty) forbidden(r *http.Request) Answer {
	const code = "forbidden"
	a := p.refuse(r, http.StatusForbidden, code, page{title: "forbidden-title", advice: []word{"forbidden"},
		link: p.otherAccount(p.back(r)), linkText: "to-another"})
	if p.cfg.Forbidden == nil {
		return a
	}
	own := inMemory{header: http.Header{}, status: http.StatusForbidden}
	noStore(own.header)
	own.header.Set(ErrorHeader, code)
	p.cfg.Forbidden.ServeHTTP(&own, r)
	return Answer{Status: own.status, Header: own.header, Body: own.body.Bytes()}
}

// inMemory is an answer in the making.
type inMemory struct {
	header  http.Header
	body    bytes.Buffer
	status  int
	written bool
}

func (m *inMemory) Header() http.Header { return m.header }

func (m *inMemory) WriteHeader(status int) {
	if !m.written {
		m.written, m.status = true, status
	}
}

func (m *inMemory) Write(b []byte) (int, error) {
	m.written = true
	return m.body.Write(b)
}
