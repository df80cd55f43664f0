package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/idtoken"
	"github.com/tandem-sso/tandem/rp/internal/keyset"
	"github.com/tandem-sso/tandem/rp/internal/record"
)

const maxWindow = 24 * time.Hour // a longer refresh_expires_in is no idle window

// Tokens are an answer of the token endpoint, as far as it can be used.
type Tokens struct {
	Access, Kind, refresh, scope string
	Key                          string    // that the request was signed with (package dpop)
	ends                         time.Time // of the access token
	life                         time.Duration
	refreshEnds                  time.Time // as announced; zero: not
	window                       time.Duration
	ceiling                      time.Time
	rawID                        string
	ID                           *idtoken.Claims // nil: none, or one of no use
	fault                        error           // why the ID token of a refresh is left out
	forget                       bool            // what its ID token leaves out (Config.ForgetClaims)
}

// Read takes over what needs no check. key is the one that the request was signed with.
func (p *Engine) Read(t *idp.Tokens, key string) *Tokens {
	now := p.Now()
	got := &Tokens{Access: t.Access, Kind: t.Type, Key: key, refresh: t.Refresh, scope: t.Scope, rawID: t.ID,
		life: t.AccessLife, forget: p.cfg.ForgetClaims}
	if got.life > 0 {
		got.ends = now.Add(got.life)
	}
	if !got.IsAsked() {
		got.ends = now.Add(otherTypeAgain)
	}
	if t.RefreshLife > 0 {
		got.refreshEnds = now.Add(t.RefreshLife)
	}
	if p.cfg.Capabilities.AnnouncesWindow && t.Window <= maxWindow {
		got.window = t.Window
	}
	if t.GrantLife > 0 {
		got.ceiling = now.Add(t.GrantLife)
	}
	return got
}

// verify checks the ID token. Errors are those of package idtoken.
func (p *Engine) verify(ctx context.Context, got *Tokens, want idtoken.Want) error {
	c := &p.cfg
	signed, err := p.idp.Opened(got.rawID)
	if err != nil {
		p.judgeRead("an ID token", true, err)
		return fmt.Errorf("the ID token: %w", err)
	}
	got.rawID = signed // as a hint, too: the IdP wants it decrypted (Core §3.1.2.1)
	want.Issuer, want.ClientID, want.Alg, want.Keys = c.Issuer, c.ClientID, c.IDTokenAlg,
		p.idp.Keys.Trusted(c.IDTokenAlg)
	want.Now, want.Skew, want.TrustedAudiences, want.AccessToken = c.Now(), c.Skew, c.TrustedAudiences, got.Access
	id, err := idtoken.Verify(ctx, got.rawID, want)
	p.judgeRead("an ID token", true, err)
	if err != nil {
		return err
	}
	got.ID = id
	if e := id.SessionExpiry; !e.IsZero() && (got.ceiling.IsZero() || e.Before(got.ceiling)) {
		got.ceiling = e
	}
	return nil
}

// VerifyLogin checks the answer to a code.
func (p *Engine) VerifyLogin(ctx context.Context, got *Tokens, want idtoken.Want) error {
	switch {
	case got.rawID == "":
		return errors.New("the token endpoint answered without an ID token: is the scope openid granted?")
	case got.Access == "" && p.cfg.Kind != NoToken:
		return errors.New("the token endpoint answered without an access token: some IdPs issue one only for a scope " +
			"of an API")
	}
	return p.verify(ctx, got, want)
}

// idTokenWait bounds how long fresh tokens wait for the keys of the IdP before they are stored. If
// the process died meanwhile, they would be lost.
const idTokenWait = 5 * time.Second

// verifyRefresh checks the answer to a refresh token, which is now used up: only the new
// refresh token works, so it is kept even if the rest of the answer is faulty (CORE-10,
// RT-10). A faulty ID token is left out. The access token is left out too if tokens may have
// been mixed up. Only another subject is an error.
func (p *Engine) verifyRefresh(ctx context.Context, got *Tokens, d *record.Data) error {
	if got.rawID == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, idTokenWait)
	defer cancel()
	err := p.verify(ctx, got, idtoken.Want{Refresh: true, Subject: d.Subject, Nonce: d.Nonce})
	var (
		mixed *idtoken.MixedUpError
		down  *keyset.UnavailableError
	)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, idtoken.ErrOtherUser):
		return err
	case errors.As(err, &mixed):
		got.Access = ""
	}
	got.rawID = ""
	if errors.As(err, &down) {
		p.log.Warn("the ID token of a refresh cannot be checked now, so it is not used", "error", err)
		return nil
	}
	got.fault = err
	p.log.Error("the ID token of a refresh is not valid, so it is not used; the session goes on with the other "+
		"tokens of that refresh", "error",
		err, "access_token_used", got.Access != "")
	return nil
}

// Apply puts the tokens into a session. What the answer leaves out stays (RT-11,
// CORE-10). An access token of a type that was not asked for is not even kept.
func (t *Tokens) Apply(d *record.Data) {
	d.DPoPKey = t.Key
	if t.Access != "" {
		d.AccessToken, d.TokenType, d.TokenEnds, d.TokenLife = t.Access, t.Kind, t.ends, t.life
		if !t.IsAsked() {
			d.AccessToken, d.TokenType = "", Quoted(t.Kind)
		}
	}
	d.Renew = false
	if t.scope != "" {
		d.Scope = t.scope
	}
	t.applyGrant(d, !t.forget)
}

// applyGrant puts into a session what the answer says beside its access token, which may
// be for one API only: keep the claims that such an ID token leaves out.
func (t *Tokens) applyGrant(d *record.Data, keep bool) {
	if t.refresh != "" {
		d.RefreshToken, d.RefreshEnds = t.refresh, t.refreshEnds
	} else if !t.refreshEnds.IsZero() {
		d.RefreshEnds = t.refreshEnds // the IdP speaks of the one that stays (RT-11)
	}
	if t.ID != nil {
		d.Subject = t.ID.Subject
		t.say(d, keep)
		if t.ID.Nonce != "" {
			d.Nonce = t.ID.Nonce
		}
	}
	t.Learn(d)
}

// Learn notes what the answer says of the IdP's session. The ID token goes along with
// the sid that it names: as a hint it would speak of another session than the IdP has.
func (t *Tokens) Learn(d *record.Data) {
	if t.window > 0 {
		d.Window = t.window
	}
	if !t.ceiling.IsZero() {
		d.Ceiling = t.ceiling
	}
	if t.ID == nil {
		return
	}
	if t.ID.SID != "" && t.ID.SID != d.SID {
		d.OldSID, d.SID = d.SID, t.ID.SID
		if d.IDToken != t.rawID {
			t.say(d, true) // a check has asked for openid alone
		}
	}
	if said := AcrOf(string(t.ID.Raw)); said != "" {
		d.ACR = said
	}
	if !t.ID.AuthTime.IsZero() {
		d.AuthTime = t.ID.AuthTime
	}
}
