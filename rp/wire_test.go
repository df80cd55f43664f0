package rp_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"sync"

	"github.com/tandem-sso/tandem/rp"
)

// wire lies between the app and everybody it calls. It changes JSON answers, and
// remembers what the token endpoint was asked and has answered.
type wire struct {
	next http.RoundTripper

	mu    sync.Mutex
	path  string
	edit  func(map[string]any)
	forms []url.Values
	heard []map[string]any // answers of the token endpoint with status 200
}

// under returns the setup with the wire in it.
func (x *wire) under(s setup) setup {
	change := s.config
	s.config = func(c *rp.Config) {
		if change != nil {
			change(c)
		}
		if x.next == nil { // all instances have the same
			x.next = c.HTTPClient.Transport
		}
		c.HTTPClient = &http.Client{Transport: x}
	}
	return s
}

// edits changes the answers at path from now on; nil leaves them as they are.
func (x *wire) edits(path string, edit func(map[string]any)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.path, x.edit = path, edit
}

func (x *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == "/token" && r.GetBody != nil {
		if body, err := r.GetBody(); err == nil {
			b, _ := io.ReadAll(body)
			form, _ := url.ParseQuery(string(b))
			x.mu.Lock()
			x.forms = append(x.forms, form)
			x.mu.Unlock()
		}
	}
	resp, err := x.next.RoundTrip(r)
	if err != nil || resp.StatusCode != http.StatusOK {
		return resp, err
	}
	x.mu.Lock()
	edit := x.edit
	if r.URL.Path != x.path {
		edit = nil
	}
	x.mu.Unlock()
	if r.URL.Path != "/token" && edit == nil {
		return resp, nil
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	if json.Unmarshal(body, &fields) == nil && edit != nil {
		edit(fields)
		body, _ = json.Marshal(fields)
	}
	if r.URL.Path == "/token" {
		x.mu.Lock()
		x.heard = append(x.heard, fields)
		x.mu.Unlock()
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return resp, nil
}

// refreshTokens that the app was given so far, in order.
func (x *wire) refreshTokens() (all []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, fields := range x.heard {
		if t, ok := fields["refresh_token"].(string); ok {
			all = append(all, t)
		}
	}
	return all
}

// shown are the refresh tokens that the app has sent to the token endpoint, in order.
func (x *wire) shown() (all []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, form := range x.forms {
		if t := form.Get("refresh_token"); t != "" {
			all = append(all, t)
		}
	}
	return all
}
