package web

import (
	"bytes"
	"net/http"
)

// Memory is an answer in the making, kept in memory: see NewMemory.
type Memory struct {
	header  http.Header
	body    bytes.Buffer
	status  int
	written bool
}

// NewMemory is an answer whose status is this one until its handler says another.
func NewMemory(status int) *Memory { return &Memory{header: http.Header{}, status: status} }

// Header is the answer's.
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

// Status is what the handler has set, else NewMemory's.
func (m *Memory) Status() int { return m.status }

// Body is what the handler has written.
func (m *Memory) Body() []byte { return m.body.Bytes() }
