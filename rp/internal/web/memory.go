package web

import (
	"bytes"
	"net/http"
)

// Memory is a ResponseWriter that keeps the answer in memory: see NewMemory.
type Memory struct {
	header  http.Header
	body    bytes.Buffer
	status  int
	written bool
}

// NewMemory returns a Memory with this status, which the handler may change.
func NewMemory(status int) *Memory { return &Memory{header: http.Header{}, status: status} }

// Header returns the header of the answer.
func (m *Memory) Header() http.Header { return m.header }

// WriteHeader sets the status, once.
func (m *Memory) WriteHeader(status int) {
	if !m.written {
		m.written, m.status = true, status
	}
}

func (m *Memory) Write(b []byte) (int, error) {
	m.written = true
	return m.body.Write(b)
}

// Status returns the status that the handler has set, or that of NewMemory.
func (m *Memory) Status() int { return m.status }

// Body returns what the handler has written.
func (m *Memory) Body() []byte { return m.body.Bytes() }
