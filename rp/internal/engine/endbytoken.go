package engine

import (
	"context"
	"errors"
	"slices"

	"github.com/tandem-sso/tandem/rp/internal/logouttoken"
	"github.com/tandem-sso/tandem/rp/internal/names"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// ErrOtherSession says: sid and sub of a logout token do not fit together (BCL-15).
var ErrOtherSession = errors.New("sub is not the subject of the session that sid names")

// EndByToken ends what a token names. Its error is errOtherSession or the store's.
func (p *Engine) EndByToken(ctx context.Context, token *logouttoken.Token,
	which store.Selector) ([]store.Record, error) {
	refs := p.party.Under(names.BySubject, token.Subject)
	if token.SID != "" {
		refs = p.party.Under(names.BySID, token.SID)
		if ok, err := p.SameSubject(ctx, refs, token.Subject); err != nil {
			return nil, err
		} else if !ok {
			return nil, ErrOtherSession
		}
		if token.Subject != "" { // BCL-15: those of this person that know no sid
			refs = append(refs, p.party.Under(names.BySubjectAlone, token.Subject)...)
		}
	}
	return p.EndUnder(ctx, refs, which, because(reason.BackchannelLogout, CauseOf(token.Cause)), "")
}

// SameSubject reports whether a sid, if it is known at all, is this subject's
// (BCL-15).
func (p *Engine) SameSubject(ctx context.Context, sid []store.Key, subject string) (bool, error) {
	if subject == "" {
		return true, nil
	}
	known, err := p.List(ctx, sid)
	if err != nil {
		return false, err
	}
	theirs := p.party.Under(names.BySubject, subject)
	for i := range known {
		if !slices.ContainsFunc(known[i].Refs, func(ref store.Key) bool { return slices.Contains(theirs, ref) }) {
			return false, nil
		}
	}
	return true, nil
}
