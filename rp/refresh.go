package rp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"

	"github.com/tandem-sso/tandem/rp/internal/idtoken"
	"github.com/tandem-sso/tandem/rp/internal/keyset"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
)

const (
	maxRetryAfter = 5 * time.Minute
	maxWindow     = 24 * time.Hour // a longer refresh_expires_in is no idle window
)

// refresh shows the current refresh token. The caller holds the lease.
func (p *RelyingParty) refresh(ctx context.Context, st *state) (*state, error) {
	sent := p.now()
	got, answer, asked, cause := p.callRefresh(ctx, st.data)
	v := verdict.Token(answer)
	if v == verdict.Unknown {
		// RT-08: the IdP may have rotated without our hearing of it. One more try
		// with the same token; an IdP with a grace period answers, another one
		// ends the session, which is then truly lost.
		p.log.Warn("the outcome of a refresh is unknown; one more try", "session", st.rec.Key.name(), "error", cause)
		got, answer, asked, cause = p.callRefresh(ctx, st.data)
		if v = verdict.Token(answer); v == verdict.Unknown {
			v = verdict.Retry
		}
	}
	v = p.believed(v)
	p.signalled(st.rec.Key, "refresh", v, cause)
	switch v {
	case verdict.OK:
		p.flights.succeeded(st.rec.Key)
		p.observe(got)
		can := p.cfg.Capabilities
		next, err := p.commitTokens(ctx, st, func(d *record.Data) {
			got.apply(d)
			// Where activity is told by a silent log-in only, trust has to run out for that.
			heard(d, sent, can.Extends.Refresh, can.Proves.Refresh && p.means(d) != bySilentLogin)
		})
		var ended *EndedError
		if errors.As(err, &ended) {
			p.orphaned(got, *st.data, ended.Reason) // BCL-19
		} else if errors.Is(err, ErrAnonymous) {
			p.orphaned(got, *st.data, "")
		}
		return next, err
	case verdict.Ended:
		return p.rejected(ctx, st, RefreshRejected)
	}
	if verdict.ClientWide(answer) {
		p.flights.failed(Key{}, v, asked, p.now(), cause)
	}
	return nil, p.postponed(st, v, asked, cause)
}

// tokens are a successful answer of the token endpoint, checked.
type tokens struct {
	access, kind, refresh, scope string
	ends                         time.Time
	life                         time.Duration
	window                       time.Duration
	ceiling                      time.Time
	rawID                        string
	id                           *idtoken.Claims // nil: a refresh without an ID token
}

// apply puts the tokens into a session. What the answer leaves out stays (RT-11,
// CORE-10). An access token that must not be sent as Bearer is not even kept.
func (t *tokens) apply(d *record.Data) {
	d.AccessToken, d.TokenType, d.TokenEnds, d.TokenLife = t.access, t.kind, t.ends, t.life
	if !isBearer(t.kind) {
		d.AccessToken = ""
	}
	if t.refresh != "" {
		d.RefreshToken = t.refresh
	}
	if t.scope != "" {
		d.Scope = t.scope
	}
	if t.id != nil {
		d.IDToken, d.Claims, d.Subject = t.rawID, string(t.id.Raw), t.id.Subject
	}
	t.learn(d)
}

// learn notes what the answer says of the IdP's session. The ID token goes along with
// the sid that it names: as a hint it would speak of another session than the IdP has.
func (t *tokens) learn(d *record.Data) {
	if t.window > 0 {
		d.Window = t.window
	}
	if !t.ceiling.IsZero() {
		d.Ceiling = t.ceiling
	}
	if t.id == nil {
		return
	}
	if t.id.SID != "" && t.id.SID != d.SID {
		d.OldSID, d.SID, d.IDToken = d.SID, t.id.SID, t.rawID
	}
	if !t.id.AuthTime.IsZero() {
		d.AuthTime = t.id.AuthTime
	}
}

func (p *RelyingParty) callRefresh(ctx context.Context, d *record.Data) (*tokens, verdict.Answer, time.Duration, error) {
	ctx, cancel := p.detached(ctx)
	defer cancel()
	ctx, written := traced(ctx)
	token, err := p.idp.oauth.TokenSource(ctx, &oauth2.Token{RefreshToken: d.RefreshToken}).Token()
	if err != nil {
		a, asked, err := p.tokenFault(err, written)
		return nil, a, asked, err
	}
	got, err := p.checkTokens(ctx, token, idtoken.Want{Refresh: true, Subject: d.Subject, Nonce: nonceOf(d)})
	switch {
	case errors.Is(err, idtoken.ErrOtherUser):
		return nil, verdict.Answer{Fault: verdict.OtherUser}, 0, err
	case errors.Is(err, errNoToken):
		return nil, verdict.Answer{Fault: verdict.Malformed}, 0, err
	case err != nil:
		return nil, verdict.Answer{Fault: verdict.BadID}, 0, err
	}
	return got, verdict.Answer{Status: http.StatusOK}, 0, nil
}

// nonceOf is the nonce of the log-in, while the ID token that has it is kept.
func nonceOf(d *record.Data) string {
	var claims struct {
		Nonce string `json:"nonce"`
	}
	_ = json.Unmarshal([]byte(d.Claims), &claims) // it was valid when it was stored
	return claims.Nonce
}

var errNoToken = errors.New("the token endpoint answered without access_token or token_type")

// checkTokens verifies an answer of the token endpoint and reads what it says
// about lifetimes.
func (p *RelyingParty) checkTokens(ctx context.Context, t *oauth2.Token, want idtoken.Want) (*tokens, error) {
	if t.AccessToken == "" || t.TokenType == "" {
		return nil, errNoToken
	}
	now := p.now()
	got := &tokens{access: t.AccessToken, kind: t.TokenType, refresh: t.RefreshToken}
	got.scope, _ = t.Extra("scope").(string)
	if t.ExpiresIn > 0 {
		got.life = time.Duration(min(t.ExpiresIn, 1<<31)) * time.Second
		got.ends = now.Add(got.life)
	}
	if !isBearer(got.kind) {
		got.ends = now.Add(otherTypeAgain)
	}
	for _, name := range []string{"refresh_expires_in", "refresh_token_timeout"} {
		if w := seconds(t.Extra(name)); p.cfg.Capabilities.AnnouncesWindow && w > 0 && w <= maxWindow && (got.window == 0 || w < got.window) {
			got.window = w
		}
	}
	if d := seconds(t.Extra("authorization_expires_in")); d > 0 {
		got.ceiling = now.Add(d)
	}
	got.rawID, _ = t.Extra("id_token").(string)
	if got.rawID == "" {
		if want.Refresh {
			return got, nil
		}
		return nil, errors.New("the token endpoint answered without an ID token: is the scope openid granted?")
	}
	c := &p.cfg
	want.Issuer, want.ClientID, want.Alg, want.Keys = c.Issuer, c.ClientID, c.IDTokenAlg, p.idp.keys.Trusted(c.IDTokenAlg)
	want.Now, want.Skew, want.TrustedAudiences, want.AccessToken = c.Now(), c.Skew, c.TrustedAudiences, t.AccessToken
	var err error
	got.id, err = idtoken.Verify(ctx, got.rawID, want)
	if down := (*keyset.UnavailableError)(nil); want.Refresh && errors.As(err, &down) {
		// The tokens are here and the refresh token before them is spent: they are
		// taken as an answer without an ID token, which CORE-10 allows.
		p.log.Warn("the ID token of a refresh cannot be checked now and is left out", "error", down)
		got.rawID = ""
		return got, nil
	}
	if err != nil {
		return nil, err
	}
	if e := got.id.SessionExpiry; !e.IsZero() && (got.ceiling.IsZero() || e.Before(got.ceiling)) {
		got.ceiling = e
	}
	return got, nil
}

// tokenFault describes a failed call of the token endpoint without repeating
// anything that might be a token.
func (p *RelyingParty) tokenFault(err error, written *atomic.Bool) (verdict.Answer, time.Duration, error) {
	var bad *oauth2.RetrieveError
	if errors.As(err, &bad) && bad.Response != nil {
		a := verdict.Answer{Status: bad.Response.StatusCode, Code: bad.ErrorCode}
		if a.Code == "" {
			a.Code = errorCode(bad.Body)
		}
		if a.Status < 300 && a.Code != "" {
			a.Status = http.StatusBadRequest // an error in a 200
		}
		return a, verdict.RetryAfter(bad.Response.Header, p.now(), maxRetryAfter), fmt.Errorf("the token endpoint answered %d %s", a.Status, clean(a.Code))
	}
	fault := netFault(err, written.Load())
	if strings.Contains(err.Error(), "cannot fetch token") { // oauth2 hides the cause of a torn body
		fault = verdict.Sent
	}
	if fault != verdict.None {
		return verdict.Answer{Fault: fault}, 0, quiet("the token endpoint", err)
	}
	return verdict.Answer{Fault: verdict.Malformed}, 0, errors.New("the token endpoint's answer is malformed")
}

func errorCode(body []byte) string {
	var e struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal(body, &e) // not JSON: no code
	return e.Error
}

// netFault says how far a request came; None means that it was answered.
func netFault(err error, written bool) verdict.Fault {
	var (
		verify    *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		netErr    interface{ Timeout() bool }
	)
	switch {
	case errors.As(err, &verify), errors.As(err, &authority), errors.As(err, &host):
		return verdict.TLS
	case errors.Is(err, errTooLarge):
		return verdict.Malformed
	case errors.As(err, &netErr), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), isUnexpectedEOF(err):
		if written {
			return verdict.Sent
		}
		return verdict.NotSent
	}
	return verdict.None
}

func isUnexpectedEOF(err error) bool {
	return strings.Contains(err.Error(), "EOF") || strings.Contains(err.Error(), "connection reset")
}

// traced notes whether the request was written to the connection.
func traced(ctx context.Context) (context.Context, *atomic.Bool) {
	var written atomic.Bool
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaders: func() { written.Store(true) },
	}), &written
}

// quiet keeps the kind of a network error and drops the rest: a *url.Error
// carries the whole URL.
func quiet(what string, err error) error {
	var u interface{ Unwrap() error }
	if errors.As(err, &u) && u.Unwrap() != nil {
		err = u.Unwrap()
	}
	return fmt.Errorf("%s did not answer: %w", what, err)
}

// clean makes an error code from outside fit for a log line.
func clean(code string) string {
	if len(code) > 64 {
		code = code[:64]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, code)
}

func seconds(v any) time.Duration {
	var n float64
	switch v := v.(type) {
	case float64:
		n = v
	case json.Number:
		n, _ = v.Float64()
	case string:
		n, _ = strconv.ParseFloat(v, 64)
	}
	if !(n > 0 && n < 1<<31) {
		return 0
	}
	return time.Duration(n * float64(time.Second)).Truncate(time.Millisecond)
}

func contentType(h http.Header) string {
	t, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}
