package rp

import (
	"context"
	"errors"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/idtoken"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
)

// refresh shows the current refresh token. The caller holds the lease.
//
// That it is shown is noted before: if this instance dies before it has stored the
// answer, the token may be spent, and the next one must not believe the invalid_grant.
// What is no answer to that token takes the note back.
func (p *RelyingParty) refresh(ctx context.Context, st *state) (*state, error) {
	sent := p.now()
	lost := doubted(st.data) // it was shown before, by whoever, and nobody knows the answer
	seen := st.data.Generation
	st, err := p.doubt(ctx, st)
	if err != nil || st.data.Generation != seen { // somebody else has refreshed: the lease was lost
		return st, err
	}
	got, out := p.callRefresh(ctx, st.data)
	v := verdict.Token(out.Answer)
	if v == verdict.Unknown {
		// RT-08: the IdP may have rotated without our hearing of it. One more try with
		// the same token: an IdP with a grace period answers.
		p.log.Warn("the outcome of a refresh is unknown; one more try", "session", st.rec.Key.name(), "error", out.Err)
		lost = true
		got, out = p.callRefresh(ctx, st.data)
		if v = verdict.Token(out.Answer); v == verdict.Unknown {
			v = verdict.Retry
		}
	}
	lost = lost || verdict.Doubtful(out.Answer)
	other := out.Fault == verdict.OtherUser
	if v == verdict.Ended && !other && lost {
		v = verdict.Interact // no verdict on the session: the token may be spent
	} else if v == verdict.Ended && !other && !p.refreshGood(st.data, sent) {
		v = verdict.Ask // RT-17: by another instance's clock it has run out
	}
	v = p.believed(v)
	p.signalled(st.rec.Key, "refresh", v, out.Err)
	switch {
	case v == verdict.OK:
		return p.refreshed(ctx, st, got, sent)
	case v == verdict.Ended && other:
		p.orphaned(got, *st.data, "") // these are nobody's
		return p.rejected(ctx, st, OtherSubject)
	case v == verdict.Ended:
		return p.rejected(ctx, st, RefreshRejected)
	case v == verdict.Ask:
		return nil, p.renewSilently(ctx, st)
	case !lost:
		p.undoubt(ctx, st)
	}
	return nil, p.postponed(st, v, out)
}

// refreshed stores what a good answer brought.
func (p *RelyingParty) refreshed(ctx context.Context, st *state, got *tokens, sent time.Time) (*state, error) {
	p.flights.succeeded(st.rec.Key)
	p.observe(got)
	can := p.cfg.Capabilities
	next, err := p.commitTokens(ctx, st, func(d *record.Data) {
		p.takeTokens(st.rec.Key, d, got)
		// Where activity is told by a silent log-in only, trust has to run out for that.
		heard(d, sent, can.Extends.Refresh, can.Proves.Refresh && p.means(d) != bySilentLogin)
	})
	var ended *EndedError
	switch {
	case err == nil:
		p.readProfile(next)
	case errors.As(err, &ended):
		p.orphaned(got, *st.data, ended.Reason) // BCL-19
	case errors.Is(err, ErrAnonymous):
		p.orphaned(got, *st.data, "")
	}
	return next, err
}

// takeTokens puts renewed tokens into a session. An ID token that has grown too large is
// left out: without the refresh token that came beside it the session would be lost.
func (p *RelyingParty) takeTokens(key Key, d *record.Data, got *tokens) {
	before := *d
	if got.apply(d); d.Fits() || got.id == nil {
		return
	}
	p.log.Error("a renewed ID token does not fit into the session and is left out; its claims stay as they were",
		"session", key.name(), "bytes", len(got.rawID))
	*d = before
	thin := *got
	thin.id = nil
	thin.apply(d)
}

func (p *RelyingParty) callRefresh(ctx context.Context, d *record.Data) (*tokens, idp.Outcome) {
	ctx, cancel := p.detached(ctx)
	defer cancel()
	answer, out := p.idp.at().calls.Refresh(ctx, d.RefreshToken)
	p.flights.went(&out)
	if out.Err != nil {
		return nil, out
	}
	got := p.read(answer)
	if err := p.verifyRefresh(ctx, got, d); errors.Is(err, idtoken.ErrOtherUser) {
		out.Fault, out.Err = verdict.OtherUser, err
	}
	return got, out
}

// doubt notes, before the token is shown, that it may be spent: an invalid_grant for it
// is no verdict from now on (RT-08, RT-09). A good answer brings a new generation, and
// with it the end of the doubt. While the store cannot note it the token is not shown: the
// answer could not be stored either.
func (p *RelyingParty) doubt(ctx context.Context, st *state) (*state, error) {
	generation := st.data.Generation
	return p.commit(ctx, st, func(d *record.Data) bool {
		if d.Generation != generation || doubted(d) {
			return false
		}
		d.Doubted = generation + 1
		return true
	})
}

// undoubt takes the note back: the IdP has not acted. If the store does not take that, a
// later refusal leads to a log-in instead of an end.
func (p *RelyingParty) undoubt(ctx context.Context, st *state) {
	generation := st.data.Generation
	_, err := p.commit(ctx, st, func(d *record.Data) bool {
		if d.Generation != generation || !doubted(d) {
			return false
		}
		d.Doubted = 0
		return true
	})
	if err != nil {
		p.log.Warn("a doubt about a refresh token could not be taken back", "session", st.rec.Key.name(), "error", err)
	}
}

func doubted(d *record.Data) bool { return d.Doubted == d.Generation+1 }
