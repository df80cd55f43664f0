package authrequest

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// NotPushedError says: the IdP has not taken a request that was pushed (RFC 9126 §2.3).
type NotPushedError struct{ Out idp.Outcome }

func (e *NotPushedError) Error() string { return e.Out.Err.Error() }
func (e *NotPushedError) Unwrap() error { return e.Out.Err }

// Send is where the browser goes with an authorization request: to the URL that has all
// of it, perhaps signed, or, once it is pushed, to one that names it (RFC 9126 §4). There is
// no way back from the second to the first: what is in addresses can be read and changed
// (PAR-01). ctx bounds the push. Its errors are *NotPushedError and, if no key signs now,
// *reason.UnavailableError.
func (q *Requests) Send(ctx context.Context, whole string) (string, error) {
	at := q.IdP.At()
	if !at.Pushes && !at.Signs {
		return whole, nil
	}
	params, err := url.ParseQuery(strings.TrimLeft(strings.TrimPrefix(whole, at.AuthURL), "?&"))
	if err != nil {
		return "", err
	}
	if at.Signs {
		if params, err = q.IdP.SignedRequest(params); err != nil {
			return "", &reason.UnavailableError{RetryAfter: time.Second, Cause: reason.Busy, Err: err}
		}
	}
	if !at.Pushes {
		return at.AuthURL + joint(at.AuthURL) + params.Encode(), nil
	}
	name, out := at.Client.Push(ctx, params)
	if out.Err != nil {
		return "", &NotPushedError{out}
	}
	short := url.Values{"client_id": {q.ClientID}, "request_uri": {name}}
	return at.AuthURL + joint(at.AuthURL) + short.Encode(), nil
}

func joint(address string) string {
	if strings.Contains(address, "?") {
		return "&"
	}
	return "?"
}
