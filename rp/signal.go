package rp

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// means is how a session can tell the IdP that the person is active, and ask
// whether it still lives.
type means uint8

const (
	byNothing means = iota
	byRefresh
	byUserinfo
	bySilentLogin
)

// means takes the first way that this session has and the IdP honours: refresh,
// userinfo, prompt=none.
func (p *RelyingParty) means(d *record.Data) means {
	extends := p.cfg.Capabilities.Extends
	switch {
	case p.wantsTokens(d):
		return bySilentLogin
	case d.RefreshToken != "" && extends.Refresh:
		return byRefresh
	case d.AccessToken != "" && p.idp.At().UserinfoURL != "" && extends.Userinfo:
		return byUserinfo
	case p.cfg.SilentCheck:
		return bySilentLogin
	}
	return byNothing
}

// signalBeside tells the IdP without anybody waiting for it.
func (p *RelyingParty) signalBeside(st *state) {
	key := st.rec.Key
	m := p.means(st.data)
	if m == byNothing || m == bySilentLogin || p.flights.underWay(key) {
		return
	}
	if m == byUserinfo && p.cfg.APIIntrospects {
		// The handler is about to call an API, perhaps; then that is the signal.
		every := p.policy(st).SignalEvery
		p.trailAgain(key, st.rec.Active, min(every/4, 5*time.Second), every)
		return
	}
	if wait, _, _ := p.flights.paused(key, p.now()); wait > 0 {
		return
	}
	p.goes(func(ctx context.Context) { _, _ = p.tell(ctx, st) }) // judged and logged there
}

// signalFirst confirms a session before it is served.
func (p *RelyingParty) signalFirst(ctx context.Context, st *state) (*state, error) {
	if p.means(st.data) == bySilentLogin {
		if !p.answers(ctx) {
			return nil, idpSilent(5*time.Second, "the IdP does not answer, so nobody is sent there")
		}
		return nil, p.askSilently(st)
	}
	return p.tell(ctx, st)
}

// tell makes the call that st lacks: one signal after st.Signalled.
func (p *RelyingParty) tell(ctx context.Context, st *state) (*state, error) {
	return p.tellBy(ctx, st, time.Time{})
}

// tellBy is tell for a signal that comes too late after the given time: another instance
// may be asking for long, and in vain.
func (p *RelyingParty) tellBy(ctx context.Context, st *state, latest time.Time) (*state, error) {
	seen := st.data
	return p.fly(ctx, st.rec.Key, errand{}, func(d *record.Data) bool {
		return lifetime.Over(latest, p.now()) || d.Signalled.After(seen.Signalled) || lifetime.Ahead(seen.Signalled, d.Signalled) || d.Generation > seen.Generation
	})
}

// userinfo asks the userinfo endpoint, which extends the IdP session where the
// IdP looks the access token up, and says whether it still lives.
func (p *RelyingParty) userinfo(ctx context.Context, st *state) (*state, error) {
	sent := p.now()
	answer, out := p.callUserinfo(ctx, st.data)
	v := p.believed(verdict.Userinfo(out.Answer, st.data.UserinfoFits && p.good(st.data, sent)))
	p.signalled(st.rec.Key, "userinfo", v, out.Err)
	switch v {
	case verdict.OK:
		p.flights.succeeded(st.rec.Key)
		can := p.cfg.Capabilities
		return p.commit(ctx, st, func(d *record.Data) bool {
			news := !d.UserinfoFits
			d.UserinfoFits = true
			news = p.profileNews(st.rec.Key, d, answer) || news
			return heard(d, sent, can.Extends.Userinfo, can.Proves.Userinfo) || news
		})
	case verdict.Ended:
		return p.rejected(ctx, st, reason.APIUnauthorized)
	case verdict.Ask:
		return nil, p.renewSilently(ctx, st)
	}
	return nil, p.postponed(st, v, out)
}

func (p *RelyingParty) callUserinfo(ctx context.Context, d *record.Data) ([]byte, idp.Outcome) {
	ctx, cancel := p.detached(ctx)
	defer cancel()
	answer, out := p.idp.At().Client.Userinfo(ctx, d.AccessToken, d.Subject)
	p.flights.went(&out)
	return answer, out
}

// heard notes a call that succeeded: the IdP knows of the activity at that moment, if
// such a call extends its session, and the session lived, if it proves that. It is
// false if a later one is known already, unless a wrong clock has noted that.
func heard(d *record.Data, at time.Time, extends, proves bool) (news bool) {
	for _, c := range []struct {
		counts bool
		latest *time.Time
	}{{extends, &d.Signalled}, {proves, &d.Confirmed}} {
		if c.counts && (c.latest.Before(at) || lifetime.Ahead(*c.latest, at)) {
			*c.latest, news = at, true
		}
	}
	return news
}

// rejected ends a session whose token the IdP refuses, unless the token was not
// the current one any more.
func (p *RelyingParty) rejected(ctx context.Context, st *state, cause reason.Reason) (*state, error) {
	for range 10 {
		now, err := p.load(ctx, st.rec.Key)
		if err != nil {
			return nil, err
		}
		if now.data.Generation != st.data.Generation {
			return now, nil // RT-01: another instance has rotated meanwhile
		}
		ended, err := p.endNow(ctx, store.Selector{Key: now.rec.Key, Version: now.rec.Version}, cause, "")
		if err != nil {
			return nil, err
		}
		if len(ended) > 0 {
			return nil, &EndedError{Reason: cause, SendsUser: st.data.SendsUser}
		}
	}
	return nil, busy(time.Second, "the session changes faster than it can be ended")
}

// postponed turns a failure that says nothing about the session into an error.
func (p *RelyingParty) postponed(st *state, v verdict.Verdict, out idp.Outcome) error {
	if v == verdict.Interact {
		p.flights.failed(st.rec.Key, v, out.RetryAfter, p.now(), reason.IdPFails, ErrReauthenticate)
		return ErrReauthenticate
	}
	cause := out.Err
	if cause == nil {
		cause = errors.New("the IdP's answer was of no use")
	}
	if verdict.ClientWide(out.Answer) || out.Status == http.StatusTooManyRequests && p.flights.limitedAll(st.rec.Key, p.now()) {
		p.flights.failed(store.Key{}, v, out.RetryAfter, p.now(), whoFails(&out), cause)
	}
	wait := p.flights.failed(st.rec.Key, v, out.RetryAfter, p.now(), whoFails(&out), cause)
	return &UnavailableError{RetryAfter: wait, Cause: whoFails(&out), Err: cause}
}

// whoFails tells an IdP that answers from one that does not.
func whoFails(out *idp.Outcome) reason.Cause {
	if out.Fault == verdict.NotSent || out.Fault == verdict.Sent {
		return reason.IdPSilent
	}
	return reason.IdPFails
}

// signalled reports a call of the IdP to the log and to Config.Events.
func (p *RelyingParty) signalled(key store.Key, how string, v verdict.Verdict, cause error) {
	switch v {
	case verdict.OK:
		p.log.Debug("the IdP was told of activity", "session", key.Short(), "how", how)
	case verdict.Ended:
		p.log.Info("the IdP says that the session is over", "session", key.Short(), "how", how, "error", cause)
	case verdict.Denied:
		p.log.Warn("the IdP gives a session no access token for an API; the session is kept", "session", key.Short(), "error", cause)
	case verdict.Misconfigured:
		p.log.Error("this client and the IdP do not fit; sessions are kept", "session", key.Short(), "how", how, "error", cause)
	default:
		p.log.Warn("the IdP could not be asked; sessions are kept", "session", key.Short(), "how", how, "verdict", v.String(), "error", cause)
	}
	e := SignalEvent{Session: key.Short(), How: how, Verdict: v.String(), At: p.now(), Err: cause}
	if v == verdict.OK {
		e.Err = nil
	}
	if f := p.cfg.Events.Signal; f != nil {
		f(e)
	}
	if f := p.cfg.Events.Refresh; f != nil && how == "refresh" {
		f(e)
	}
}
