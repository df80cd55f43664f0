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

// What stands around the endpoints may keep requests from them: a middleware against CSRF
// answers the IdP's logout tokens, which have no cookie and no token of its kind, and the
// page's reports of activity. Tandem sees nothing of that. So it asks itself, from outside.

const (
	// header marks a request by which the app looks at itself, and the answer of who got it.
	header = "Tandem-Check"
	wait   = 5 * time.Second
)

// Reach looks whether POST requests reach the endpoints of an app.
type Reach struct {
	HTTP        *http.Client
	BaseURL     string
	Prefix      string
	Owner       store.Key
	Backchannel bool // the IdP sends logout tokens
}

// mark tells this client's endpoints from those of any other. It is no secret.
func mark(owner store.Key) string {
	h := names.Hash("check", string(owner[:]))
	return base64.RawURLEncoding.EncodeToString(h[:9])
}

// Mark answers whose endpoint it is, to who asks by the header.
func Mark(w http.ResponseWriter, r *http.Request, owner store.Key) {
	if len(r.Header[header]) > 0 {
		w.Header().Set(header, mark(owner))
	}
}

// IsOwn reports whether a request is a look of the app's own: an empty form is no logout token,
// so nothing is kept from the log that belongs there.
func IsOwn(r *http.Request) bool { return len(r.Header[header]) > 0 && r.ContentLength == 0 }

// Look posts what changes nothing to two addresses of this app, once as the IdP does
// and once as a page does. It follows no redirect, as IdPs follow none.
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
			"the IdP's logout tokens do not arrive, so a logout elsewhere does not end sessions here", http.Header{},
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
	r.Close = true // once: no connection is kept
	resp, err := idp.PlainClient(c.HTTP, nil).Do(r)
	if err != nil {
		if e := (*url.Error)(nil); errors.As(err, &e) {
			err = e.Err // without the address, which is told beside
		}
		return 0, false, err
	}
	_ = resp.Body.Close()
	return resp.StatusCode, resp.Header.Get(header) == mark(c.Owner), nil
}
