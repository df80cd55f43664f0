package checkup

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/classify"
	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/names"
	"github.com/tandem-sso/tandem/rp/internal/outside"
	"github.com/tandem-sso/tandem/rp/internal/weburl"
	"github.com/tandem-sso/tandem/rp/store"
)

// A middleware around the endpoints may stop requests before they arrive. For example, one against
// CSRF refuses the IdP's logout tokens, which have no CSRF token, and the page's reports of
// activity. Tandem does not see such requests. So it sends requests to its own address.

const (
	// header marks a request by which the app checks itself, and the answer of its endpoint.
	header = "Tandem-Check"
	wait   = 5 * time.Second
)

// Reach checks whether POST requests reach the endpoints of an app.
type Reach struct {
	HTTP        *http.Client
	BaseURL     string
	Prefix      string
	Owner       store.Key
	Backchannel bool // the IdP sends logout tokens
}

// mark distinguishes this client's endpoints from those of other clients. It is not secret.
func mark(owner store.Key) string {
	h := names.Hash("check", string(owner[:]))
	return base64.RawURLEncoding.EncodeToString(h[:9])
}

// Mark adds the mark of this client to the answer, if the request has the header.
func Mark(w http.ResponseWriter, r *http.Request, owner store.Key) {
	if len(r.Header[header]) > 0 {
		w.Header().Set(header, mark(owner))
	}
}

// IsOwn reports whether a request is such a check: it has the header and an empty form. An empty
// form has no logout token, so no refused logout token is left out of the log.
func IsOwn(r *http.Request) bool { return len(r.Header[header]) > 0 && r.ContentLength == 0 }

// Look posts an empty form, which changes nothing, to two addresses of this app: once as the IdP
// does, and once as a page does. It follows no redirect, because IdPs follow none.
func (c *Reach) Look(ctx context.Context) []store.Finding {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	at := c.BaseURL + c.Prefix
	page := http.Header{"Origin": {weburl.Origin(c.BaseURL)}, "Sec-Fetch-Site": {"same-origin"},
		"Sec-Fetch-Mode": {"cors"}, "Accept": {"application/json"}, classify.Header: {"passive"}}
	var out []store.Finding
	for _, one := range []struct {
		code, url, what string
		header          http.Header
		serious         bool
	}{
		{"backchannel_blocked", at + "/backchannel-logout",
			"the IdP's logout tokens do not arrive, so a log-out elsewhere does not end sessions here", http.Header{},
			c.Backchannel},
		{"activity_blocked", at + "/activity",
			"pages cannot say that a person is active, nor log out by session.js", page, true},
	} {
		status, mine, err := c.post(ctx, one.url, one.header)
		switch {
		case mine:
		case err != nil || status >= http.StatusInternalServerError:
			why := fmt.Sprintf("it answers %d", status)
			if err != nil {
				why = outside.Text(err.Error(), 200)
			}
			return append(out, store.Finding{Code: "self_unreachable",
				Text: fmt.Sprintf("This server cannot reach itself at "+
					"%s (%s), so it cannot tell whether logout tokens arrive there. If the IdP and browsers reach "+
					"it, all is well.",
					one.url, why)})
		default:
			out = append(out, store.Finding{Code: one.code, Serious: one.serious,
				Text: fmt.Sprintf("A POST to %s is answered "+
					"with %d, and not by this app's endpoint: %s. %s See docs/middleware.md.", one.url, status,
					one.what, suspect(status))})
		}
	}
	return out
}

func suspect(status int) string {
	switch {
	case status == http.StatusNotFound || status == http.StatusMethodNotAllowed:
		return "Mount the endpoints at Config.Prefix for every method; if a proxy removes a part of the path, add " +
			"that part to Config.BaseURL."
	case status < http.StatusBadRequest:
		return "Something sends such requests elsewhere: an access gate, another app, or a redirect to another name " +
			"or to https. IdPs do not follow redirects."
	}
	return "A CSRF middleware, an access gate or a proxy does that: let requests below Config.Prefix pass without " +
		"its check."
}

// post posts an empty form; mine says that this client's endpoint has answered.
func (c *Reach) post(ctx context.Context, to string, with http.Header) (status int, mine bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, http.NoBody)
	if err != nil {
		return 0, false, err
	}
	r.Header = with.Clone()
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set(header, "1")
	r.Close = true // there is no second request
	resp, err := idp.PlainClient(c.HTTP, nil).Do(r)
	if err != nil {
		if e := (*url.Error)(nil); errors.As(err, &e) {
			err = e.Err // without the address, which the finding names
		}
		return 0, false, err
	}
	_ = resp.Body.Close()
	return resp.StatusCode, resp.Header.Get(header) == mark(c.Owner), nil
}
