package rp

import (
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/authrequest"
	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/web"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// judgeRequestURI: each log-in has an address of its own, so none can be registered whole.
func judgeRequestURI(c *Config, m *idp.Endpoints) []store.Finding {
	if !c.RequestURI || !m.RequestURIRegistered {
		return nil
	}
	return []store.Finding{{Code: "request_uri_registered", Text: "The IdP fetches authorization requests from " +
		"registered addresses alone (require_request_uri_registration), and each log-in of this app has an " +
		"address of its own. Register " + requestsAt(c) + "* there. If the IdP takes no address with a *, " +
		"log-ins fail: leave Config.RequestURI unset."}}
}

// requestsAt is where the IdP fetches requests, without the query.
func requestsAt(c *Config) string { return c.BaseURL + c.Prefix + "/request" }

// serveRequests answers the IdP that fetches an authorization request (request_uri, RFC 9101 §5.2.3). Whoever has the
// address may have the request: it is for this IdP alone, and the browser that has begun the log-in keeps the secrets.
func serveRequests(refs *authrequest.References, to *idp.Provider) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		web.NoStore(w.Header())
		params, ok := refs.Open(r.URL.Query().Get("r"))
		if !ok {
			http.NotFound(w, r) // one answer for all that is wrong
			return nil
		}
		object, err := to.RequestObject(params)
		if err != nil {
			return &UnavailableError{RetryAfter: time.Second, Cause: reason.Busy, Err: err}
		}
		w.Header().Set("Content-Type", "application/oauth-authz-req+jwt")
		_, err = w.Write([]byte(object))
		return err
	}
}
