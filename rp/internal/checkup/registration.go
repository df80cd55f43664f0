package checkup

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/outside"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
	"github.com/tandem-sso/tandem/rp/store"
)

// Only a request shows what is registered at the IdP. Diagnose makes two before the first person
// logs in: one with an authorization code that was never issued, and an authorization request that
// nobody sees. It reports only clear refusals, because IdPs check things in different orders.

// Registration is what the IdP has to know of a client.
type Registration struct {
	At       *idp.Endpoints
	HTTP     *http.Client
	Timeout  time.Duration // of all requests together
	ClientID string
	Callback string // the redirect URI
	Scopes   []string
}

// Ask asks the IdP whether it knows this client, its secret and its redirect URI.
func (c *Registration) Ask(ctx context.Context) []store.Finding {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	return append(c.askToken(ctx), c.askAuthorization(ctx)...)
}

// askToken sends a code that was never issued. If the IdP accepts the client, it answers
// invalid_grant (RFC 6749 §5.2).
func (c *Registration) askToken(ctx context.Context) []store.Finding {
	_, out := c.At.Client.Exchange(ctx, "tandem-diagnose-"+rand.Text(), oauth2.GenerateVerifier(), c.Callback)
	switch {
	case out.Fault != verdict.None:
	case out.Code == "invalid_client",
		// Keycloak 26 calls a wrong secret unauthorized_client, with a 401 as RFC 6749 §5.2 has it.
		out.Status == http.StatusUnauthorized && (out.Code == "" || out.Code == "unauthorized_client"):
		return []store.Finding{{Code: "client_refused", Serious: true,
			Text: fmt.Sprintf("The IdP does not take this client: %s. "+
				"Nobody can log in. Look at Config.ClientID (%q), Config.ClientSecret and how it is sent "+
				"(Config.ClientAuth).",
				outside.Text(out.Err.Error(), 300), c.ClientID)}}
	case out.Code == "unauthorized_client", out.Code == "unsupported_grant_type":
		return []store.Finding{{Code: "grant_refused", Serious: true,
			Text: fmt.Sprintf("The IdP does not let this client log "+
				"people in: %s. Allow the grant type authorization_code for client %q there.",
				outside.Text(out.Err.Error(), 300), c.ClientID)}}
	}
	return nil
}

// askAuthorization sends an authorization request with prompt=none and without a cookie. An IdP
// that knows the client and the redirect URI redirects there with login_required (OpenID Connect
// Core 1.0 §3.1.2.6). Otherwise it must not redirect there (RFC 6749 §4.1.2.1).
func (c *Registration) askAuthorization(ctx context.Context) []store.Finding {
	if c.At.Pushes {
		return nil // the request would have to be pushed, and the token endpoint's answer is enough
	}
	to := (&oauth2.Config{ClientID: c.ClientID, RedirectURL: c.Callback, Scopes: c.Scopes,
		Endpoint: oauth2.Endpoint{AuthURL: c.At.AuthURL}}).
		AuthCodeURL(rand.Text(), oauth2.S256ChallengeOption(oauth2.GenerateVerifier()),
			oauth2.SetAuthURLParam("nonce", rand.Text()),
			oauth2.SetAuthURLParam("prompt", "none"))
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, to, http.NoBody)
	if err != nil {
		return nil
	}
	r.Close = true // there is no second request
	r.Header.Set("Accept", "text/html")
	resp, err := idp.PlainClient(c.HTTP, nil).Do(r)
	if err != nil {
		return nil // discovery has just worked, so the cause may be this machine
	}
	_ = resp.Body.Close()
	why := ""
	switch location, _ := resp.Location(); {
	case location == nil && resp.StatusCode >= 400 && resp.StatusCode < 500 &&
		resp.StatusCode != http.StatusTooManyRequests:
		why = fmt.Sprintf("it answers %d and does not come back", resp.StatusCode)
	case location == nil:
	case strings.HasPrefix(location.String(), c.Callback+"?"), strings.HasPrefix(location.String(), c.Callback+"#"):
		return refusedThere(location)
	case location.Query().Get("error") != "":
		why = fmt.Sprintf("it leads to an error page of its own (%s)", outside.Code(location.Query().Get("error")))
	}
	if why == "" {
		return nil
	}
	return []store.Finding{{Code: "redirect_uri_refused", Serious: true,
		Text: fmt.Sprintf("The IdP refuses a log-in of this client: "+
			"%s. Nobody can log in. Register exactly %s as redirect URI of client %q there; if it is, look at "+
			"Config.ClientID "+
			"and at Config.Scopes.", why, c.Callback, c.ClientID)}}
}

// refusedThere reads an error at the redirect URI. The IdP knows that URI, since it redirects there.
func refusedThere(location *url.URL) []store.Finding {
	q := location.Query()
	switch code := q.Get("error"); code {
	case "unauthorized_client", "invalid_scope", "invalid_request", "unsupported_response_type":
		return []store.Finding{{Code: "request_refused", Serious: true,
			Text: fmt.Sprintf("The IdP refuses the log-in that this "+
				"client asks for: %s (%s). Look at what the client may do there, and at Config.Scopes.",
				outside.Code(code),
				outside.Text(q.Get("error_description"), 200))}}
	}
	return nil
}
