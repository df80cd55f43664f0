package engine

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/rp/idps"
	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/names"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// offline reports whether a session's refresh token outlives the end of the IdP's
// session: it was granted offline_access, and it is the IdP that has ended the
// session. Then it is not revoked (OpenID Connect Back-Channel Logout 1.0 §2.7,
// Front-Channel Logout 1.0 §2, BCL-20): the person has left the IdP, not taken
// the grant back, and to many IdPs one token stands for the grant of all that this
// client does for the person. Nor is it used any more: with the session it is
// forgotten.
func (p *Engine) offline(d *record.Data, cause reason.Reason) bool {
	if cause != reason.BackchannelLogout && cause != reason.FrontchannelLogout {
		return false
	}
	granted := strings.Fields(d.Scope)
	if d.Scope == "" { // as asked for (RFC 6749 §5.1)
		granted = p.cfg.Scopes
	}
	return slices.Contains(granted, "offline_access")
}

// neighbour is the live session nearest to an ended one that a revocation could hit.
type neighbour uint8

const (
	nobody         neighbour = iota
	samePerson               // in another session of the IdP
	sameIdPSession           // or nobody can tell
)

// spares reports whether revoking the tokens of a session that has ended for reason
// ends nothing else that is to go on. This app's own limits end this app's session
// and not the IdP's. Another session of the same person goes on, be it the log-in
// that has replaced this one or one that began before a revocation was tried again.
func spares(s idps.RevocationScope, reason reason.Reason, next neighbour) bool {
	switch s {
	case idps.RevokesToken, idps.RevokesFamily:
		return true
	case idps.RevokesClientSession:
		return !ownLimit(reason) && next != sameIdPSession
	}
	return !ownLimit(reason) && next == nobody
}

// ownLimit reports whether this app's own limits ended a session, and neither the person nor
// the IdP nor the app's code.
func ownLimit(cause reason.Reason) bool {
	switch cause {
	case reason.Idle, reason.Absolute, reason.IdPCeiling, reason.SessionLimit, neverBegun:
		return true
	}
	return false
}

// besides finds the neighbour of an ended session.
func (p *Engine) besides(ctx context.Context, d *record.Data) (neighbour, error) {
	known, err := p.List(ctx, p.party.Under(names.BySubject, d.Subject))
	near, nearest := p.nearTo(d), nobody
	for i := range known {
		nearest = max(nearest, near(&known[i]))
	}
	return nearest, err
}

// nearTo tells how near a live session of the same person is to an ended one.
func (p *Engine) nearTo(ended *record.Data) func(*store.Record) neighbour {
	same := slices.Concat(p.party.Under(names.BySubjectAlone, ended.Subject), p.party.Under(names.BySID, ended.SID))
	if ended.OldSID != "" {
		same = append(same, p.party.Under(names.BySID, ended.OldSID)...)
	}
	return func(live *store.Record) neighbour {
		if ended.SID == "" ||
			slices.ContainsFunc(live.Refs, func(ref store.Key) bool { return slices.Contains(same, ref) }) {
			return sameIdPSession
		}
		return samePerson
	}
}

// Orphaned revokes tokens that came too late for the session of d, which has ended
// for reason; empty: it never began, or nobody knows. Where the person or the app has
// ended it they follow its own tokens. Elsewhere a later log-in may already have been
// given what a revocation would take along.
func (p *Engine) Orphaned(t *Tokens, d record.Data, cause reason.Reason) {
	if cause != reason.UserLogout && cause != reason.Admin {
		cause = neverBegun
	}
	p.revokeAlso(t, d, cause)
}

// revokeAlso revokes tokens that belong to a session which has ended for reason, and which
// it has not stored.
func (p *Engine) revokeAlso(t *Tokens, d record.Data, reason reason.Reason) {
	if !spares(p.cfg.Capabilities.Revocation, reason, nobody) {
		return
	}
	d.AccessToken, d.RefreshToken, d.Scope = t.Access, t.refresh, t.scope
	p.Go(func(context.Context) {
		ctx := p.ctx
		for n := uint64(1); n <= 6; n++ {
			again, asked, err := p.revoke(ctx, &d, reason)
			if err != nil || !again {
				return
			}
			sleep(ctx, max(asked, verdict.RevokeAgain(n)))
		}
	})
}

// revoke revokes the tokens of d, whose session has ended for reason: the refresh token and then the
// access token (RFC 7009); what was revoked is emptied. It reports whether to try again, and after
// what time the IdP has asked for that at the earliest. A token whose revocation would end what is to
// go on is left to run out. Its error is the store's, which could not say what goes on.
func (p *Engine) revoke(ctx context.Context, d *record.Data, reason reason.Reason) (again bool,
	asked time.Duration, err error) {
	scope := p.cfg.Capabilities.Revocation
	if p.idp.At().RevocationURL == "" {
		return false, 0, nil
	}
	var far *reach
	if !spares(scope, reason, sameIdPSession) {
		look, cancel := context.WithTimeout(ctx, p.cfg.RequestTimeout)
		other, err := p.besides(look, d)
		cancel()
		if err != nil || !spares(scope, reason, other) {
			return false, 0, err
		}
		far = &reach{ended: record.Data{Subject: d.Subject, SID: d.SID, OldSID: d.OldSID}, cause: reason}
		defer p.doubtLater(far)
	}
	for _, t := range []struct {
		hint  string
		token *string
	}{{"refresh_token", &d.RefreshToken}, {"access_token", &d.AccessToken}} {
		if *t.token == "" {
			continue
		}
		out := p.callRevocation(ctx, *t.token, t.hint)
		others, err := p.reached(ctx, far, out)
		if alive(out.Answer) {
			return true, out.RetryAfter, nil
		}
		if *t.token = ""; others > 0 || err != nil {
			return false, 0, err
		}
	}
	return false, 0, nil
}

// alive reports whether a token may live still after the answer to its revocation (RFC 7009 §2.2.1).
func alive(a verdict.Answer) bool {
	return a.Fault != verdict.None || a.Status == http.StatusTooManyRequests || a.Status >= 500
}

func (p *Engine) callRevocation(ctx context.Context, token, hint string) idp.Outcome {
	ctx, cancel := p.Detached(ctx)
	defer cancel()
	out := p.idp.At().Client.Revoke(ctx, token, hint)
	switch {
	case out.Err == nil:
	case alive(out.Answer):
		p.log.Warn("a token could not be revoked; trying again", "error", out.Err)
	default:
		p.log.Warn("the IdP refused to revoke a token", "hint", hint, "error", out.Err)
	}
	return out
}
