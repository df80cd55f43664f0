package authrequest

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// NotPushedError means that the IdP has refused a pushed request (RFC 9126 §2.3).
type NotPushedError struct{ Out idp.Outcome }

func (e *NotPushedError) Error() string { return e.Out.Err.Error() }
func (e *NotPushedError) Unwrap() error { return e.Out.Err }

// Send returns the address to which the browser goes with an authorization request. It has the
// whole request, perhaps signed, or it names a request that was pushed before (RFC 9126 §4). If a
// push fails, the request is not sent in the address instead, because others can read and change
// addresses (PAR-01). A request that the IdP is to fetch goes in the address if its name is too long.
// ctx bounds the push. Errors: *NotPushedError, and *reason.UnavailableError if no key can sign now.
func (q *Requests) Send(ctx context.Context, whole string) (string, error) {
	at := q.IdP.At()
	if !at.Pushes && !at.Signs && q.References == nil {
		return whole, nil
	}
	params, err := url.ParseQuery(strings.TrimLeft(strings.TrimPrefix(whole, at.AuthURL), "?&"))
	if err != nil {
		return "", err
	}
	if q.References != nil && !at.Pushes {
		name, fits := q.References.Name(params)
		if fits || at.Signs && !at.TakesByValue() {
			named := idp.Beside(params)
			named.Set("request_uri", name)
			return at.AuthURL + joint(at.AuthURL) + named.Encode(), nil
		}
		if !at.Signs {
			return whole, nil
		}
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
