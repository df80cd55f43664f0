package rp

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tandem-sso/tandem/rp/internal/names"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// Whose selects the sessions to end, by Subject, SID or both. If both are set, both must
// match.
type Whose struct {
	Subject string // the person, by the IdP's identifier
	SID     string // one session of the IdP

	// BegunBy: sessions whose log-in was started after this time do not end. Zero, or a time
	// in the future, means now.
	BegunBy time.Time

	// Detail says who asked and why, for the log and event.End: at most 200 bytes without control
	// characters.
	Detail string
}

const maxDetail = 200

// EndSessions ends sessions in this app with reason.Admin, also those whose log-in is under way,
// and returns how many had begun (ASVS 7.4.2, 7.4.5). It is for a support tool, or a directory. The
// session at the IdP lives on. It may be repeated.
//
// Its error is an *UnavailableError, or says that r names nobody.
func (p *RelyingParty) EndSessions(ctx context.Context, r Whose) (int, error) {
	if r.Subject == "" && r.SID == "" {
		return 0, errors.New("rp: Whose has neither Subject nor SID: set one or both")
	}
	by := r.BegunBy.UTC().Truncate(time.Millisecond)
	if now := p.engine.Now(); r.BegunBy.IsZero() || by.After(now) {
		by = now
	}
	refs := p.gate.browsers.party.Under(names.BySubject, r.Subject)
	if r.SID != "" {
		refs = p.gate.browsers.party.Under(names.BySID, r.SID)
		ok, err := p.engine.SameSubject(ctx, refs, r.Subject)
		if err != nil {
			return 0, err
		}
		if !ok {
			return 0, nil // the session is somebody else's
		}
	}
	ended, err := p.engine.EndUnder(ctx, refs, store.Selector{BegunBy: by}, reason.Admin,
		printable(r.Detail, maxDetail))
	return len(ended), err
}

// Once reports whether an id, such as the jti of a token, is new: true the first time, and
// again after the time until of that call has passed. It counts for all instances.
func (p *RelyingParty) Once(ctx context.Context, id string, until time.Time) (bool, error) {
	switch err := p.cfg.Store.Once(ctx, p.gate.browsers.party.Once("app", id), until); {
	case err == nil:
		return true, nil
	case errors.Is(err, store.ErrConflict):
		return false, nil
	default:
		return false, p.engine.StoreFailed(err)
	}
}

// Issuer is the IdP's issuer identifier.
func (p *RelyingParty) Issuer() string { return p.cfg.Issuer }

// printable makes text from outside fit for a log line.
func printable(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == utf8.RuneError || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			return -1
		}
		return r
	}, s)
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}
