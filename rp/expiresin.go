package rp

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"
)

// plainExpiry makes a whole number of an expires_in that is none, or leaves it
// out: golang.org/x/oauth2 refuses the whole answer for it, and with the answer
// the refresh token in it, whose predecessor is spent.
type plainExpiry struct {
	next     http.RoundTripper
	tokenURL string
}

func (p plainExpiry) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := p.next.RoundTrip(r)
	if err != nil || resp.StatusCode != http.StatusOK || r.URL.String() != p.tokenURL {
		return resp, err
	}
	body, err := io.ReadAll(resp.Body) // bounded below
	_ = resp.Body.Close()
	if err != nil { // who reads it hears of it
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), broken{err}))
		return resp, nil
	}
	body = withPlainExpiry(body)
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return resp, nil
}

func withPlainExpiry(body []byte) []byte {
	var doc map[string]json.RawMessage
	if json.Unmarshal(body, &doc) != nil || doc["expires_in"] == nil {
		return body
	}
	var plain int32
	if json.Unmarshal(doc["expires_in"], &plain) == nil {
		return body
	}
	var v any
	_ = json.Unmarshal(doc["expires_in"], &v) // 1e400 is no number to Go: as good as none
	delete(doc, "expires_in")
	if d := seconds(v); d >= time.Second {
		doc["expires_in"] = strconv.AppendInt(nil, int64(min(d/time.Second, math.MaxInt32)), 10)
	}
	if b, err := json.Marshal(doc); err == nil {
		return b
	}
	return body
}

type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }
