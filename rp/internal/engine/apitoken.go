package engine

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// Held is an access token as a session holds it: that of the log-in, or one of an API's
// own.
type Held struct {
	Token      string
	Generation uint64    // of the refresh that has brought it
	Until      time.Time // when it is not shown any more; zero: no known end
	None       error     // why there is no token
	Key        string    // that it is bound to (package dpop); empty: to nothing
}

// Holds returns the access token of a session for an audience; nil: that of the log-in.
func Holds(d *record.Data, a *Audience) Held {
	if a == nil {
		token, none := shown(d)
		return Held{token, d.Renewed, lifetime.LastUse(d.TokenEnds, d.TokenLife), none, d.DPoPKey}
	}
	for _, t := range apiTokens(d) {
		if t.API == a.ID {
			return Held{t.Token, t.Generation, lifetime.LastUse(t.Ends, t.Life), nil, d.DPoPKey}
		}
	}
	return Held{None: fmt.Errorf("%w for %s", ErrNoAccessToken, a.Name)}
}

func (h *Held) Good(now time.Time) bool { return h.None == nil && !lifetime.Over(h.Until, now) }

// apiTokens are those of a session. What cannot be read is fetched again.
func apiTokens(d *record.Data) []record.APIToken {
	all, _ := record.DecodeAPITokens(d.APITokens)
	return all
}

// keepFor puts the access token of an answer into a session as that of an audience. It first
// drops tokens that have run out and tokens of audiences that Config.APIs no longer has. fault
// says why the token is not kept; the refresh token beside it is kept in any case.
func (p *Engine) keepFor(d *record.Data, a *Audience, got *Tokens) (fault error) {
	now := p.Now()
	all := slices.DeleteFunc(apiTokens(d), func(t record.APIToken) bool {
		return t.API == a.ID || lifetime.Over(lifetime.LastUse(t.Ends, t.Life), now) || !p.asksFor(t.API)
	})
	switch {
	case got.Access == "":
		fault = errors.New("the token endpoint answered without a usable access token")
	case !got.IsAsked():
		fault = ErrOtherType(Quoted(got.Kind), got.Key)
	case a.ignored(d.AccessToken, got.Access):
		fault = errors.New("the IdP has issued a token for the audience of the log-in instead, so this app does not " +
			"use it; allow this client to ask for this API at the IdP (Auth0: the client's refresh token policies)")
	case len(got.Access) > maxAPIToken:
		fault = fmt.Errorf("the access token has %d bytes, but a session keeps at most %d bytes of one token",
			len(got.Access), maxAPIToken)
	default:
		all = append(all, record.APIToken{API: a.ID, Token: got.Access, Ends: got.ends, Life: got.life,
			Generation: d.Generation + 1})
	}
	d.APITokens = record.EncodeAPITokens(all)
	for len(d.APITokens) > maxAPITokens { // the oldest gives way
		all = all[1:]
		d.APITokens = record.EncodeAPITokens(all)
	}
	return fault
}

func (p *Engine) asksFor(id string) bool {
	for _, a := range p.apis {
		if a != nil && a.ID == id {
			return true
		}
	}
	return false
}

// onlyFor is an error that concerns the token of one audience, and neither the session
// nor anybody who asks for another one.
type onlyFor struct {
	to  *Audience
	err error
}

func (e *onlyFor) Error() string { return e.err.Error() }
func (e *onlyFor) Unwrap() error { return e.err }

// DeniedError is the IdP's answer to a request for the token of an audience.
type DeniedError struct {
	Status int
	Code   string
	Err    error
}

func (e *DeniedError) Error() string { return e.Err.Error() }
func (e *DeniedError) Unwrap() error { return e.Err }

// denied is the error of a session that cannot get a token for one audience. It is remembered
// for a while, so that a page with ten calls does not cost ten refreshes.
func (p *Engine) denied(st *State, a *Audience, out idp.Outcome, cause error) error {
	err := error(&DeniedError{out.Status, out.Code, fmt.Errorf("%w for %s: %w", ErrNoAccessToken, a.Name, cause)})
	wait := max(out.RetryAfter, deniedFor)
	if out.Fault != verdict.None || out.Status >= http.StatusInternalServerError { // trouble that passes
		wait = max(out.RetryAfter, troubledFor)
		err = &reason.UnavailableError{RetryAfter: wait, Cause: reason.IdPFails, Err: err}
	}
	p.denials.note(denialKey{st.Rec.Key, a.ID}, p.Now(), wait, err)
	return &onlyFor{a, err}
}

const (
	deniedFor   = time.Minute
	troubledFor = 10 * time.Second
	maxDenials  = 4096 // what comes on top is asked about again
)

// denials remembers which session cannot have a token for which audience.
type denials struct {
	mu sync.Mutex
	of map[denialKey]denial
}

type denialKey struct {
	session store.Key
	to      string
}

type denial struct {
	from, until time.Time
	err         error
}

func (d *denials) note(k denialKey, now time.Time, wait time.Duration, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.of) >= maxDenials {
		for old, n := range d.of {
			if n.until.Before(now) {
				delete(d.of, old)
			}
		}
	}
	if len(d.of) < maxDenials {
		d.of[k] = denial{now, now.Add(wait), err}
	}
}

// said returns the error that was noted; nil: the IdP has to be asked again.
func (d *denials) said(k denialKey, now time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n, ok := d.of[k]; ok && !now.Before(n.from) && now.Before(n.until) {
		return n.err
	}
	return nil
}
