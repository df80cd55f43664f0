package idpmock

import (
	"context"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	maxRequestURI    = 512      // characters (RFC 9101 §5.2)
	maxRequestObject = 64 << 10 // bytes
)

// fetchRequest reads a client's authorization request from the client (OpenID Connect Core 1.0
// §6.2). A browser names the address, so little is called: no other scheme, none that the
// client has not registered, no redirect.
func (p *IDP) fetchRequest(ctx context.Context, cfg *settings, c *Client, uri string) (string, *authError) {
	bad := func(why string) (string, *authError) { return "", refuse(nil, "invalid_request_uri", "%s", why) }
	u, err := url.Parse(uri)
	switch {
	case len(uri) > maxRequestURI:
		return bad("request_uri is longer than 512 characters (RFC 9101 §5.2)")
	case err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())):
		return bad("request_uri must be https")
	case !c.registeredURI(uri, cfg.RequireRequestURIRegistration):
		return bad("request_uri is not registered for this client (request_uris)")
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.DeliveryTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return bad("request_uri is no address")
	}
	req.Header.Set("Accept", "application/oauth-authz-req+jwt")
	resp, err := p.out.Do(req)
	if err != nil {
		return bad("the client does not answer at its request_uri")
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxRequestObject+1))
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case err != nil || len(body) > maxRequestObject:
		return bad("the client's answer at its request_uri is cut off or too long")
	case resp.StatusCode != http.StatusOK:
		return bad("the client answers at its request_uri with " + resp.Status)
	case kind != "application/oauth-authz-req+jwt" && kind != "application/jwt":
		return bad("the client's answer at its request_uri is no application/oauth-authz-req+jwt")
	}
	return strings.TrimSpace(string(body)), nil
}

// registeredURI reports whether the client has named the address before.
func (c *Client) registeredURI(uri string, required bool) bool {
	if len(c.RequestURIs) == 0 {
		return !required
	}
	uri, _, _ = strings.Cut(uri, "#")
	return slices.ContainsFunc(c.RequestURIs, func(known string) bool {
		known, _, _ = strings.Cut(known, "#") // it may be a hash of the content (Registration §2)
		if start, is := strings.CutSuffix(known, "*"); is {
			return strings.HasPrefix(uri, start)
		}
		return uri == known
	})
}

func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
