package trial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/demo/apps"
)

const (
	maxDocument     = 1 << 20 // bytes
	discoverTimeout = 10 * time.Second
)

// discover looks at the discovery document before the library does, to say in
// plain words what is wrong. It repeats nothing of what the other side sent, but
// the issuer that it calls itself.
func discover(ctx context.Context, issuer string) error {
	fault := func(text string, args ...any) error { return &FieldError{"issuer", fmt.Sprintf(text, args...)} }
	u, err := url.Parse(issuer)
	switch {
	case issuer == "":
		return fault("The issuer is missing, such as https://login.example.com.")
	case len(issuer) > 500 || err != nil || u.Host == "" || u.Opaque != "":
		return fault("This is no web address. It begins with https://.")
	case u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return fault("An issuer has no query, no fragment and no user in it.")
	}
	if bad := badScheme(u); bad != "" {
		return fault("%s", bad)
	}
	ctx, cancel := context.WithTimeout(ctx, discoverTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet,
		strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration", nil)
	if err != nil {
		return fault("This is no web address. It begins with https://.")
	}
	req.Header.Set("Accept", "application/json")
	transport := apps.LocalTransport()
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	resp, err := client.Do(req)
	if err != nil {
		return fault("Nobody answers there: %s.", why(ctx, err))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		switch {
		case resp.StatusCode >= 300 && resp.StatusCode < 400:
			return fault("It sends us elsewhere (%d). Give the issuer exactly as the IdP's own discovery document "+
				"names it.", resp.StatusCode)
		default:
			return fault("It has no discovery document: /.well-known/openid-configuration is answered with %d %s.",
				resp.StatusCode, http.StatusText(resp.StatusCode))
		}
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	if err != nil {
		return fault("Its discovery document does not come to an end: %s.", why(ctx, err))
	}
	if len(body) > maxDocument {
		return fault("Its discovery document is larger than 1 MB.")
	}
	var doc struct {
		Issuer string `json:"issuer"`
	}
	if json.Unmarshal(body, &doc) != nil {
		kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
		if strings.Contains(kind, "html") {
			return fault("It answers with a web page where its discovery document should be.")
		}
		return fault("What it gives for its discovery document is no JSON.")
	}
	if doc.Issuer != issuer {
		if len(doc.Issuer) > 200 || doc.Issuer == "" {
			return fault("Its discovery document names no issuer that could be this one.")
		}
		return fault("It calls itself %q. Give exactly that.", doc.Issuer)
	}
	return nil
}

// why says it without the address and the internals of Go.
func why(ctx context.Context, err error) string {
	var dns *net.DNSError
	var op *net.OpError
	var inner *url.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil:
		return fmt.Sprintf("it took longer than %v", discoverTimeout)
	case errors.As(err, &dns):
		return "there is no such name"
	case errors.As(err, &op) && op.Op == "dial":
		return "the connection was refused"
	case errors.As(err, &inner):
		return cut(inner.Err.Error())
	}
	return cut(err.Error())
}
