// Package idp is the client of an OpenID Provider: discovery, code and refresh exchange,
// userinfo, revocation, introspection, client authentication, and whether the IdP answers.
// It knows no session and no store, and it judges no answer: a call returns the answer, or an
// [Outcome] that package verdict judges.
//
// golang.org/x/oauth2 makes the authorization URL and PKCE. It does not make these calls,
// because a detail must not make an answer useless: it refuses JSON of another content type,
// an expires_in that is text, and an answer without token_type. Then the new refresh token is
// lost, and the old one is used up. It also hides how far a call came, which decides whether
// a token may be sent again.
package idp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/dpop"
	"github.com/tandem-sso/tandem/rp/internal/outside"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
)

const (
	maxAnswer     = 1 << 20         // bytes of an answer that are read
	maxRetryAfter = 5 * time.Minute // one wrong header must not silence a client for a day
)

// Client calls the endpoints. HTTP must follow no redirect: a token is shown to the
// endpoint that was discovered, and to nobody that it names (RT-15).
type Client struct {
	HTTP *http.Client
	Auth Auth
	// RevocationAuth is that of the revocation endpoint, if it is another one.
	RevocationAuth Auth
	Now            func() time.Time

	// Slots bounds the calls under way: one takes a place by sending. Nil: no bound.
	Slots chan struct{}
	// Nonces are those that servers want in proofs; needed by Bound.
	Nonces *dpop.Nonces
	// SignedAnswers reads introspection answers that are signed; nil: they are not asked for.
	SignedAnswers func(ctx context.Context, raw string) ([]byte, error)
	// UserinfoByPost puts the access token for userinfo into a form.
	UserinfoByPost bool
	// signed reads userinfo that came as a token; nil: it is not read.
	signed func(ctx context.Context, raw string) ([]byte, error)
	key    *dpop.Key // nil: tokens are not bound
	keyErr error
	// ahead is by how much Now is ahead of the IdP's clock; nil: not at all.
	ahead func() time.Duration

	TokenURL, UserinfoURL, RevocationURL, IntrospectionURL, PARURL string
}

var errBusy = errors.New("Config.MaxCalls calls of the IdP are already under way, and none has ended in time")

// Outcome is what became of a call. Err is nil if the answer is a good one; its text
// contains no token, and nothing of an answer but its error code and description.
type Outcome struct {
	verdict.Answer
	RetryAfter time.Duration // as the server asks, at most 5 min
	Date       time.Time     // the server's clock, zero if it does not say
	Unread     error         // why a good answer of userinfo is not read; nil: it is
	Err        error
}

// send makes one call and reads its answer. what names the endpoint in errors.
func (c *Client) send(req *http.Request, what string) (*http.Response, []byte, Outcome) {
	if c.Slots != nil {
		select {
		case c.Slots <- struct{}{}:
			defer func() { <-c.Slots }()
		case <-req.Context().Done():
			// Not the server's fault: it must not look like its time-out.
			return nil, nil, Outcome{Answer: verdict.Answer{Fault: verdict.NotSent}, Err: errBusy}
		}
	}
	var written atomic.Bool
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		WroteHeaders: func() { written.Store(true) },
	}))
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return nil, nil, broken(what, err, written.Load())
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, nil, broken(what, err, true)
	case len(body) > maxAnswer:
		return nil, nil, Outcome{Answer: verdict.Answer{Fault: verdict.Malformed},
			Err: fmt.Errorf("%s answered more than %d bytes", what, maxAnswer)}
	}
	out := Outcome{Answer: verdict.Answer{Status: resp.StatusCode}, RetryAfter: verdict.RetryAfter(resp.Header, c.Now(),
		maxRetryAfter)}
	out.Date, _ = http.ParseTime(resp.Header.Get("Date"))
	return resp, body, out
}

// post sends a form as this client.
func (c *Client) post(ctx context.Context, what, to string, by Auth,
	form url.Values) (*http.Response, []byte, Outcome) {
	return c.postFor(ctx, "application/json", what, to, by, form)
}

// postFor is post for an answer of that type.
func (c *Client) postFor(ctx context.Context, accept, what, to string, by Auth,
	form url.Values) (*http.Response, []byte, Outcome) {
	return c.sendBound(func() (*http.Request, error) {
		header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {accept}}
		if err := by.Apply(form, header); err != nil {
			return nil, err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(form.Encode()))
		if err == nil {
			req.Header = header
		}
		return req, err
	}, what, "", codeInBody)
}

// refused describes an answer that is an error of the server's.
func (o *Outcome) refused(what, code, description string) {
	o.Code = code
	if o.Status < 300 { // an error in a 200
		o.Status = http.StatusBadRequest
	}
	text := fmt.Sprintf("%s answered %d", what, o.Status)
	if code != "" {
		text += " " + outside.Code(code)
	}
	if description = outside.Text(description, 200); description != "" {
		text += " (" + description + ")"
	}
	o.Err = errors.New(text)
}
