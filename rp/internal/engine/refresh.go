package engine

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/idtoken"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// refresh shows the current refresh token. The caller holds the lease. With an audience
// it fetches the access token of that, else the session's own.
//
// Before the token is sent, the record notes that: if this instance dies before it has stored
// the answer, the token may be used up, and the next instance must not believe the
// invalid_grant. If there was no answer to that token, the note is removed.
func (p *Engine) refresh(ctx context.Context, st *State, to *Audience, held *lease) (*State, error) {
	sent := p.Now()
	lost := doubted(st.Data) // it was shown before, by whoever, and nobody knows the answer
	pending := lost && st.Data.Showing != record.NonePending
	seen := st.Data.Generation
	st, err := p.doubt(ctx, st)
	if err != nil || st.Data.Generation != seen { // somebody else has refreshed: the lease was lost
		return st, err
	}
	if p.ctx.Err() != nil { // what comes might not be stored any more: Close waits for 15 s at most
		p.undoubt(ctx, st, lost, pending)
		return nil, Busy(time.Second, "this instance is shutting down")
	}
	got, out := p.callRefresh(ctx, st.Data, to)
	v := judged(out.Answer, to)
	if v == verdict.Unknown {
		lost, pending = true, true
		if now := p.newer(ctx, st); now != nil {
			return now, nil
		}
		if p.mayShowAgain(ctx, st, held, out.Err) {
			got, out = p.callRefresh(ctx, st.Data, to)
			v = judged(out.Answer, to)
		}
		if v == verdict.Unknown {
			v = verdict.Retry
		}
	}
	lost = lost || verdict.Doubtful(out.Answer)
	other := out.Fault == verdict.OtherUser
	if v == verdict.Ended && !other && lost {
		v = verdict.Interact // no verdict on the session: the token may be spent
	} else if v == verdict.Ended && !other && !p.refreshGood(st.Data, sent) {
		v = verdict.Ask // RT-17: by another instance's clock it has run out
	}
	if to != nil && !other {
		switch {
		case v == verdict.Ended:
			return p.secondLook(ctx, st, to, held, out)
		case v == verdict.Denied, v == verdict.Retry && (out.Fault == verdict.Malformed || out.Fault == verdict.None &&
			out.Status >= http.StatusInternalServerError):
			p.Signalled(st.Rec.Key, st.Rec.Active, "refresh", v, out.Err)
			p.undoubt(ctx, st, lost, pending)
			return nil, p.denied(st, to, out, out.Err)
		}
	}
	v = p.believed(v)
	if v == verdict.Interact || v == verdict.Ask {
		if now := p.newer(ctx, st); now != nil {
			return now, nil
		}
	}
	p.Signalled(st.Rec.Key, st.Rec.Active, "refresh", v, out.Err)
	switch {
	case v == verdict.OK:
		return p.refreshed(ctx, st, got, sent, pending, to, out)
	case v == verdict.Ended && other:
		next, err := p.Rejected(ctx, st, reason.OtherSubject)
		p.revokeAlso(got, *st.Data, reason.OtherSubject) // the only ones that work, and nobody's
		return next, err
	case v == verdict.Ended:
		p.NoteEnd(st.Data)
		next, err := p.Rejected(ctx, st, reason.RefreshRejected)
		if down := (*reason.UnavailableError)(nil); errors.As(err, &down) {
			p.undoubt(ctx, st, false, false) // the answer is known; the next one may be believed, too
		}
		return next, err
	case v == verdict.Ask:
		return nil, p.RenewSilently(ctx, st)
	}
	p.undoubt(ctx, st, lost, pending)
	return nil, p.postponed(st, v, out)
}

// newer is the session if another instance, or a silent log-in, has stored newer tokens meanwhile
// (RT-01), else nil.
func (p *Engine) newer(ctx context.Context, st *State) *State {
	now, err := p.Load(ctx, st.Rec.Key)
	if err != nil || now.Data.Generation == st.Data.Generation {
		return nil
	}
	return now
}

// mayShowAgain reports whether a token is shown a second time after an unknown outcome (RT-08):
// the IdP may have rotated without our hearing of it, and an IdP with a grace period answers the
// same token again. It is not shown if the lease ran out meanwhile or the store fails: another
// instance may show the token, too, and this one could not store the answer.
func (p *Engine) mayShowAgain(ctx context.Context, st *State, held *lease, cause error) bool {
	ctx, cancel := p.Detached(ctx)
	defer cancel()
	if !held.unbroken(ctx) {
		p.log.Warn("the outcome of a refresh is unknown; no second try, because the lease on the session is lost",
			"session", st.Rec.Key.Short(), "error", cause)
		return false
	}
	p.log.Warn("the outcome of a refresh is unknown; one more try", "session", st.Rec.Key.Short(), "error", cause)
	return true
}

func judged(a verdict.Answer, to *Audience) verdict.Verdict {
	if to != nil {
		return verdict.APIToken(a)
	}
	return verdict.Token(a)
}

// secondLook tells whether an invalid_grant is about the session or about the one API for
// which a token was asked: by a refresh that asks for nothing else. The refresh token has
// not been used up by the refusal.
func (p *Engine) secondLook(ctx context.Context, st *State, to *Audience, held *lease,
	out idp.Outcome) (*State, error) {
	if st = p.undoubt(ctx, st, false, false); doubted(st.Data) {
		return nil, p.denied(st, to, out, out.Err) // the store fails: nobody could store the next answer
	}
	next, err := p.refresh(ctx, st, nil, held)
	if err != nil {
		return nil, err
	}
	p.Signalled(st.Rec.Key, st.Rec.Active, "refresh", verdict.Denied, out.Err)
	return nil, p.denied(next, to, out, out.Err)
}

// refreshed stores what a good answer brought. If another request with that refresh token is
// pending, one of before or one that another instance has sent since, an IdP that detects reuse may
// revoke the new tokens as soon as it reads that: then a refusal of the next token proves nothing.
func (p *Engine) refreshed(ctx context.Context, st *State, got *Tokens, sent time.Time, pending bool, to *Audience,
	out idp.Outcome) (*State, error) {
	p.flights.succeeded(st.Rec.Key)
	if to == nil {
		p.Observe(got)
	}
	can := p.cfg.Capabilities
	var fault error // why there is no token for that audience all the same
	next, err := p.CommitTokens(ctx, st, func(d *record.Data) {
		if fault = p.TakeTokens(st.Rec.Key, d, got, to); pending || doubted(d) && d.Showing == record.ShownAgain {
			d.Doubted, d.Showing = d.Generation+2, record.NonePending
		}
		// Where activity is told by a silent log-in only, trust has to run out for that.
		Heard(d, sent, can.Extends.Refresh && !p.hidesNews(to), can.Proves.Refresh && p.Means(d) != BySilentLogin)
	})
	var ended *reason.EndedError
	switch {
	case errors.As(err, &ended):
		p.Orphaned(got, *st.Data, ended.Reason) // BCL-19
	case errors.Is(err, ErrAnonymous):
		p.Orphaned(got, *st.Data, "")
	case err == nil && to != nil && fault == nil && next.Data.Generation == st.Data.Generation+1 &&
		Holds(next.Data, to).None != nil:
		return nil, p.denied(next, to, out, errors.New("the session's record has no room for the access token"))
	case err == nil && fault != nil:
		return nil, p.denied(next, to, out, fault)
	case err == nil && to == nil:
		p.ReadProfile(next)
	}
	return next, err
}

// hidesNews reports whether a refresh returns fewer claims than wanted: the token of one API is
// refused by userinfo, and the ID token that comes with it may have fewer claims. If it counted
// as the signal, APIs with short tokens would postpone the session's own refresh for ever.
func (p *Engine) hidesNews(to *Audience) bool {
	return to != nil && (p.cfg.UserinfoAgain || p.cfg.ForgetClaims)
}

// TakeTokens puts renewed tokens into a session: its own, or that of an audience; fault
// says why that is not kept. What finds no room is left out, first the tokens of APIs, which
// can be fetched again, then an ID token that has grown: without the refresh token that
// came beside it the session would be lost.
func (p *Engine) TakeTokens(key store.Key, d *record.Data, got *Tokens, to *Audience) (fault error) {
	put := func(got *Tokens) {
		if to == nil {
			got.Apply(d)
			d.Renewed = d.Generation + 1
			return
		}
		got.applyGrant(d, true)
		fault = p.keepFor(d, to, got)
	}
	before := *d
	if put(got); d.Fits() {
		return fault
	}
	if d.APITokens = ""; d.Fits() || got.ID == nil {
		return fault
	}
	p.log.Error("a renewed ID token is too large for the session and is not used; the session's claims stay as they "+
		"were",
		"session", key.Short(), "bytes", len(got.rawID))
	*d = before
	thin := *got
	thin.ID = nil
	put(&thin)
	return fault
}

func (p *Engine) callRefresh(ctx context.Context, d *record.Data, to *Audience) (*Tokens, idp.Outcome) {
	ctx, cancel := p.Detached(ctx)
	defer cancel()
	var more url.Values
	if to != nil {
		more = to.Form
	}
	answer, out := p.idp.At().Client.Bound(d.DPoPKey).Refresh(ctx, d.RefreshToken, more)
	p.flights.went(&out)
	p.JudgeAnswer(&out)
	if out.Err != nil {
		return nil, out
	}
	got := p.Read(answer, d.DPoPKey)
	if err := p.verifyRefresh(ctx, got, d); errors.Is(err, idtoken.ErrOtherUser) {
		out.Fault, out.Err = verdict.OtherUser, err
	}
	return got, out
}

// doubt notes, before the refresh token is sent, that it may be used up. From now on an
// invalid_grant for it is not believed (RT-08, RT-09), and no other instance sends it before
// this one has had time to store the outcome. A good answer brings a new generation, which ends
// the doubt. If the store cannot save the note, the token is not sent: the answer could not be
// stored either. If the store saves the note and reports a failure, there is a doubt without a
// cause; it costs what a failure of undoubt costs.
func (p *Engine) doubt(ctx context.Context, st *State) (*State, error) {
	generation := st.Data.Generation
	return p.Commit(ctx, st, func(d *record.Data) bool {
		switch {
		case d.Generation != generation, d.Showing == record.ShownAgain && doubted(d):
			return false
		case mayBeHeld(d):
			d.Showing = record.ShownAgain
		default:
			d.Doubted, d.Showing = generation+1, record.MayBeHeld
		}
		return true
	})
}

// undoubt notes that no instance holds new tokens for the token that was sent. If lost is
// false, the IdP has not acted, and the doubt is over. If pending is true, the IdP may not have
// read a request yet. While others may hold new tokens, nothing changes. If the store does not
// accept the note, a later refusal leads to a log-in instead of an end, and the next refresh waits
// for signOfLife.
func (p *Engine) undoubt(ctx context.Context, st *State, lost, pending bool) *State {
	generation := st.Data.Generation
	next, err := p.Commit(ctx, st, func(d *record.Data) bool {
		if d.Generation != generation || !doubted(d) || d.Showing != record.MayBeHeld {
			return false
		}
		if d.Showing = record.NobodyHolds; !pending {
			d.Showing = record.NonePending
		}
		if !lost {
			d.Doubted = 0
		}
		return true
	})
	if err != nil {
		p.log.Warn("the outcome of a refresh could not be stored", "session", st.Rec.Key.Short(), "error", err)
		return st
	}
	return next
}

func doubted(d *record.Data) bool { return d.Doubted == d.Generation+1 }

// sentByOthers: another instance has sent the same refresh token since d was read. The refusal may
// come from that, and that instance may have the new tokens.
func sentByOthers(d, now *record.Data) bool {
	return d.Showing != record.ShownAgain && now.Showing == record.ShownAgain && doubted(now)
}

// mayBeHeld: somebody may have new tokens for the one that is doubted.
func mayBeHeld(d *record.Data) bool {
	return doubted(d) && (d.Showing == record.MayBeHeld || d.Showing == record.ShownAgain)
}
