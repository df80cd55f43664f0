package idp

import (
	"errors"
	"io"
	"net/http"
)

const maxDocument = 2 << 20 // bytes that are read of any answer of the IdP

// PlainClient makes one request at a time, over by, or the base's Transport if that is nil:
// it follows no redirect (RT-15), keeps no cookie, and leaves time to the contexts.
func PlainClient(base *http.Client, by http.RoundTripper) *http.Client {
	client := *base
	client.Timeout = 0
	client.Jar = nil
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if by != nil {
		client.Transport = by
	}
	return &client
}

// pooled keeps as many connections as there may be calls: http.DefaultTransport keeps
// two for each host, and opens a new one for almost every call under load.
func pooled(rt http.RoundTripper, most int) http.RoundTripper {
	if rt == nil {
		rt = http.DefaultTransport
	}
	shared, ok := rt.(*http.Transport)
	if !ok || shared != http.DefaultTransport {
		return rt
	}
	own := shared.Clone()
	own.MaxIdleConnsPerHost, own.MaxIdleConns = most, most
	return own
}

type limitBody struct{ next http.RoundTripper }

func (l limitBody) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &limitedBody{ReadCloser: resp.Body, left: maxDocument}
	return resp, nil
}

var errTooLarge = errors.New("the IdP's answer is too large")

type limitedBody struct {
	io.ReadCloser
	left int
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
