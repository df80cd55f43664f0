package registration

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/outside"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
)

const (
	maxAnswer     = 256 << 10 // bytes
	maxRetryAfter = 5 * time.Minute
)

// Error is an error answer of the IdP (RFC 7591 §3.2.2, RFC 6750 §3.1).
type Error struct {
	Status int
	// Code is one of invalid_redirect_uri, invalid_client_metadata,
	// invalid_software_statement, unapproved_software_statement, invalid_token and the
	// like; empty if there was none.
	Code        string
	Description string        // by the IdP, bounded, without text that may be a token
	RetryAfter  time.Duration // zero if it did not say

	what string
}

func (e *Error) Error() string {
	s := fmt.Sprintf("registration: the IdP refused to %s: %d", e.what, e.Status)
	if e.Code != "" {
		s += " " + e.Code
	}
	if e.Description != "" {
		s += ": " + e.Description
	}
	if e.Status == http.StatusUnauthorized {
		s += " (the initial access token is missing or has expired, or the client does not exist any more, or its " +
			"registration access token has been replaced)"
	}
	return s
}

// call makes one call and returns its body.
func (p *IDP) call(ctx context.Context, what, method, where string, token rp.Secret, in members, status int) (
	[]byte, error) {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(raw)
	}
	ctx, cancel := context.WithTimeout(ctx, p.cfg.RequestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, where, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+string(token))
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, p.silent(what, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, p.silent(what, err)
	case resp.StatusCode != status && !alsoFine(method, resp.StatusCode):
		return nil, refusal(what, resp, raw, p.cfg.Now())
	case len(raw) > maxAnswer:
		return nil, fmt.Errorf("registration: could not %s: the IdP's answer has more than %d bytes", what, maxAnswer)
	}
	return raw, nil
}

// alsoFine: some IdPs answer 200 to a registration, and to a deletion.
func alsoFine(method string, status int) bool {
	return status == http.StatusOK && (method == http.MethodPost || method == http.MethodDelete)
}

func (p *IDP) silent(what string, err error) error {
	return fmt.Errorf("registration: could not %s: the IdP did not answer: %w", what, outside.Error(err))
}

func refusal(what string, resp *http.Response, raw []byte, now time.Time) *Error {
	e := &Error{Status: resp.StatusCode, RetryAfter: verdict.RetryAfter(resp.Header, now, maxRetryAfter), what: what}
	var said struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}
	if len(raw) <= maxAnswer && json.Unmarshal(raw, &said) == nil {
		if said.Code != "" {
			e.Code = outside.Code(said.Code)
		}
		e.Description = outside.Text(said.Description, 300)
	}
	return e
}

// remote is an HTTP client that follows no redirect, so that a token goes nowhere else.
func remote(given *http.Client) *http.Client {
	if given == nil {
		given = &http.Client{}
	}
	return idp.PlainClient(given, nil)
}

// object reads a JSON object; null is none.
func object(raw []byte) (members, error) {
	var m members
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, err
	}
	if m == nil {
		return nil, errors.New("null")
	}
	return m, nil
}

func quoted(s string) json.RawMessage {
	raw, err := json.Marshal(s)
	if err != nil { // a string can be written
		return nil
	}
	return raw
}
