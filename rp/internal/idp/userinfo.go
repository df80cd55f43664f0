package idp

import (
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/tandem-sso/tandem/rp/internal/verdict"
)

const userinfoEndpoint = "userinfo"

// ErrOtherSubject says: userinfo names another subject (sub) than the ID token (OpenID Connect
// Core 1.0 §5.3.2).
var ErrOtherSubject = errors.New("userinfo names another subject (sub) than the ID token")

// Userinfo asks for the claims of the person whom an access token is about (OpenID Connect Core
// 1.0 §5.3). An answer about another subject is of no use (§5.3.2, CORE-11). One that is signed
// or encrypted and cannot be read is good by its status alone: claims is nil then, and
// Outcome.Unread says why.
func (c *Client) Userinfo(ctx context.Context, access, subject string) (claims []byte, out Outcome) {
	resp, body, out := c.sendBound(func() (*http.Request, error) {
		return c.askUserinfo(ctx, access)
	}, userinfoEndpoint, access, c.codeInChallenge)
	if out.Err != nil {
		return nil, out
	}
	if out.Status != http.StatusOK {
		out.unauthorized(c.challenge(resp.Header))
		return nil, out
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "application/jwt" {
		if c.signed == nil {
			return nil, out
		}
		if body, out.Unread = c.signed(ctx, string(body)); out.Unread != nil {
			return nil, out
		}
	}
	var who struct {
		Subject string `json:"sub"`
	}
	switch err := json.Unmarshal(body, &who); {
	case err != nil || who.Subject == "":
		out.Fault, out.Err = verdict.Malformed, errors.New("userinfo answered 200 without a sub")
		return nil, out
	case who.Subject != subject:
		out.Fault, out.Err = verdict.OtherUser, ErrOtherSubject
		return nil, out
	}
	return body, out
}

// askUserinfo has the token in a header, or in the form (RFC 6750 §2.2) if the IdP wants it there. A bound token never
// is in a form (RFC 9449 §7.1).
func (c *Client) askUserinfo(ctx context.Context, access string) (*http.Request, error) {
	method, form := http.MethodGet, ""
	if c.UserinfoByPost && c.scheme() == "Bearer" {
		method, form = http.MethodPost, url.Values{"access_token": {access}}.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, c.UserinfoURL, strings.NewReader(form))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if form == "" {
		req.Header.Set("Authorization", c.scheme()+" "+access)
	} else {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req, nil
}

func (o *Outcome) unauthorized(code string) {
	status := o.Status
	o.refused(userinfoEndpoint, code, "")
	o.Status = status // a 2xx that is not 200 stays what it is
}
