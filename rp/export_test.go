package rp

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/tandem-sso/tandem/rp/internal/cookie"
	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/names"
	"github.com/tandem-sso/tandem/rp/internal/page"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/internal/seal"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// Plant stores a session of 3 KB as a log-in leaves it, without the log-in, for
// tests that need thousands. It returns the cookie's value.
func (p *RelyingParty) Plant(ctx context.Context, subject, sid string) (value string, err error) {
	id, key := p.gate.browsers.party.NewID()
	now := p.engine.Now()
	d := &record.Data{Subject: subject, SID: sid, Started: now, Signalled: now, Confirmed: now,
		IDToken:     strings.Repeat("i", 1600),
		AccessToken: "access-" + sid + strings.Repeat("a", 900), RefreshToken: "refresh-" + sid, TokenType: "Bearer"}
	p.engine.KeepOnly(d)
	_, err = p.engine.Start(ctx, key, now, now, d)
	return string(id[:]), err
}

// AskWithoutTokens asks the IdP about a session that has lost its tokens since somebody looked at
// it, as one whose latest access token is of another type.
func (p *RelyingParty) AskWithoutTokens(ctx context.Context) error {
	_, key := p.gate.browsers.party.NewID()
	now := p.engine.Now()
	d := &record.Data{Subject: "ada", SID: "s", Started: now, Signalled: now, Confirmed: now, UserinfoFits: true}
	st, err := p.engine.Start(ctx, key, now, now, d)
	if err == nil {
		_, err = p.engine.Tell(ctx, st)
	}
	return err
}

// Abort gives running calls of the IdP up, so that Close does not wait for them.
func (p *RelyingParty) Abort() { p.engine.Abort() }

// The layout of an app's own values.
var (
	EncodeValues = encodeValues
	DecodeValues = decodeValues
)

// Owner is the client in the terms of a Store.
func (p *RelyingParty) Owner() store.Key { return p.gate.browsers.party.Owner }

// KeyOf is where the session with that cookie is stored.
func (p *RelyingParty) KeyOf(value string) store.Key {
	return p.gate.browsers.party.Session((*cookie.ID)([]byte(value)))
}

// Relayout stores a session in the layout of version v of the record.
func (p *RelyingParty) Relayout(ctx context.Context, cookie string, v byte) error {
	rec, err := p.cfg.Store.Load(ctx, p.KeyOf(cookie))
	if err != nil {
		return err
	}
	ring, err := seal.NewRing("record", p.gate.browsers.party.Owner[:], p.cfg.Keys...)
	if err != nil {
		return err
	}
	plain, err := ring.Open(rec.Sealed, p.gate.browsers.party.Bound(&rec.Key))
	if err != nil {
		return err
	}
	plain[0] = v
	rec.Sealed = ring.Seal(plain, p.gate.browsers.party.Bound(&rec.Key))
	return p.cfg.Store.Replace(ctx, rec)
}

// LeaseOf is the lease of who asks the IdP about the session with that cookie.
func (p *RelyingParty) LeaseOf(cookie string) store.Key { return names.LeaseID("ask", p.KeyOf(cookie)) }

// CauseOf reads what an IdP says of an end.
func CauseOf(said string) reason.EndCause { return engine.CauseOf(said) }

// ReasonText is what a page says of an end.
func ReasonText(r reason.Reason, c reason.EndCause) string {
	words, _ := endedWords(&EndedError{Reason: r, Cause: c})
	return page.English(words...)
}

// LogoutAddress is where a browser is sent after a log-out with that form.
func LogoutAddress(c Config, form, claims, token string) string {
	fields, _ := url.ParseQuery(form) // what can be read of it
	d := &record.Data{IDToken: "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + "." + token}
	to := c.endSession()
	return to.Request(c.Logout.URL, c.BaseURL+c.Prefix+"/logged-out", to.Words(fields), personOf(d)).To
}

// The endpoints, for tests that want their errors.

func (p *RelyingParty) FinishLogin(w http.ResponseWriter, r *http.Request) error {
	return p.serve("/callback", w, r)
}

func (p *RelyingParty) Logout(w http.ResponseWriter, r *http.Request) error {
	return p.serve("/logout", w, r)
}

func (p *RelyingParty) BackchannelLogout(w http.ResponseWriter, r *http.Request) error {
	return p.serve("/backchannel-logout", w, r)
}

func (p *RelyingParty) ServeEvents(w http.ResponseWriter, r *http.Request) error {
	return p.streams.serve(w, r)
}

func (p *RelyingParty) serve(path string, w http.ResponseWriter, r *http.Request) error {
	for _, e := range p.endpoints {
		if e.Path == path {
			return e.Handle(w, r)
		}
	}
	panic("no endpoint " + path)
}
