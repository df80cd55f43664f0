package engine

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/rp/event"
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
	ByNothing means = iota
	byRefresh
	byUserinfo
	BySilentLogin
)

// Means takes the first way that this session has and the IdP honours: refresh,
// userinfo, prompt=none.
func (p *Engine) Means(d *record.Data) means {
	extends := p.cfg.Capabilities.Extends
	switch {
	case p.WantsTokens(d), d.Changed:
		return BySilentLogin
	case d.RefreshToken != "" && extends.Refresh:
		return byRefresh
	case d.AccessToken != "" && p.idp.At().UserinfoURL != "" && extends.Userinfo:
		return byUserinfo
	case p.cfg.SilentCheck:
		return BySilentLogin
	}
	return ByNothing
}

// SignalBeside tells the IdP without anybody waiting for it.
func (p *Engine) SignalBeside(ctx context.Context, st *State) {
	key := st.Rec.Key
	m := p.Means(st.Data)
	if m == ByNothing || m == BySilentLogin || p.flights.underWay(key) {
		return
	}
	if m == byUserinfo && p.cfg.APIIntrospects {
		// The handler is about to call an API, perhaps; then that is the signal.
		every := p.Policy(st).SignalEvery
		p.trailAgain(key, st.Rec.Active, min(every/4, 5*time.Second), every)
		return
	}
	if wait, _, _ := p.flights.paused(key, p.Now()); wait > 0 {
		return
	}
	latest := lifetime.TooLate(st.Rec.Active, p.Policy(st).SignalEvery)
	p.Go(func(own context.Context) { _, _ = p.tellBy(along(own, ctx), st, latest) }) // judged and logged there
}

// signalFirst confirms a session before it is served.
func (p *Engine) signalFirst(ctx context.Context, st *State) (*State, error) {
	if p.Means(st.Data) == BySilentLogin {
		if !p.Answers(ctx) {
			return nil, p.NotHeard()
		}
		return nil, p.askSilently(st)
	}
	return p.Tell(ctx, st)
}

// Tell makes the call that st lacks: one signal after st.Signalled.
func (p *Engine) Tell(ctx context.Context, st *State) (*State, error) {
	return p.Fly(ctx, st.Rec.Key, Errand{}, p.told(st, time.Time{}))
}

// tellBy is Tell for a signal that no request waits for. After the given time the signal is
// too late and is dropped: another instance may ask for a long time without success.
func (p *Engine) tellBy(ctx context.Context, st *State, latest time.Time) (*State, error) {
	return p.fly(ctx, st.Rec.Key, Errand{}, p.told(st, latest))
}

// told reports whether somebody has made the call that st lacks, or it is too late for it.
func (p *Engine) told(st *State, latest time.Time) func(*record.Data) bool {
	seen := st.Data
	return func(d *record.Data) bool {
		return lifetime.Over(latest, p.Now()) || d.Signalled.After(seen.Signalled) ||
			lifetime.Ahead(seen.Signalled, d.Signalled) || d.Generation > seen.Generation
	}
}

// userinfo asks the userinfo endpoint, which extends the IdP session where the
// IdP looks the access token up, and says whether it still lives.
func (p *Engine) userinfo(ctx context.Context, st *State) (*State, error) {
	sent := p.Now()
	answer, out := p.callUserinfo(ctx, st.Data)
	v := p.believed(verdict.Userinfo(out.Answer, st.Data.UserinfoFits && p.good(st.Data, sent)))
	p.Signalled(st.Rec.Key, st.Rec.Active, "userinfo", v, out.Err)
	switch v {
	case verdict.OK:
		p.flights.succeeded(st.Rec.Key)
		can := p.cfg.Capabilities
		return p.Commit(ctx, st, func(d *record.Data) bool {
			news := !d.UserinfoFits && !takenAlong(st.Data, d)
			d.UserinfoFits = d.UserinfoFits || news
			news = p.profileNews(st.Rec.Key, d, answer) || news
			return Heard(d, sent, can.Extends.Userinfo, can.Proves.Userinfo) || news
		})
	case verdict.Ended:
		p.NoteEnd(st.Data)
		return p.Rejected(ctx, st, reason.APIUnauthorized)
	case verdict.Ask:
		return nil, p.RenewSilently(ctx, st)
	}
	return nil, p.postponed(st, v, out)
}

func (p *Engine) callUserinfo(ctx context.Context, d *record.Data) ([]byte, idp.Outcome) {
	ctx, cancel := p.Detached(ctx)
	defer cancel()
	answer, out := p.idp.At().Client.Bound(d.DPoPKey).Userinfo(ctx, d.AccessToken, d.Subject)
	p.flights.went(&out)
	p.JudgeAnswer(&out)
	return answer, out
}

// Heard notes a call that succeeded: the IdP knows of the activity at that moment, if
// such a call extends its session, and the session lived, if it proves that. It is
// false if a later one is known already, unless a wrong clock has noted that.
func Heard(d *record.Data, at time.Time, extends, proves bool) (news bool) {
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

// Rejected ends a session whose token the IdP refuses, unless the token was not
// the current one any more.
func (p *Engine) Rejected(ctx context.Context, st *State, cause reason.Reason) (*State, error) {
	for range 10 {
		now, err := p.Load(ctx, st.Rec.Key)
		if err != nil {
			return nil, err
		}
		if now.Data.Generation != st.Data.Generation {
			return now, nil // RT-01: another instance has rotated meanwhile
		}
		if cause == reason.APIUnauthorized && takenAlong(st.Data, now.Data) {
			return nil, p.RenewSilently(ctx, now)
		}
		if cause == reason.RefreshRejected && sentByOthers(st.Data, now.Data) {
			return nil, Busy(time.Second, "another instance has sent the same refresh token, and its answer counts")
		}
		ended, err := p.EndNow(ctx, store.Selector{Key: now.Rec.Key, Version: now.Rec.Version}, cause, "")
		if err != nil {
			return nil, err
		}
		if len(ended) > 0 {
			return nil, &reason.EndedError{Reason: cause, SendsUser: st.Data.SendsUser}
		}
	}
	return nil, Busy(time.Second, "the session changes faster than it can be ended")
}

// postponed turns a failure that says nothing about the session into an error.
func (p *Engine) postponed(st *State, v verdict.Verdict, out idp.Outcome) error {
	if v == verdict.Interact {
		p.flights.failed(st.Rec.Key, v, out.RetryAfter, p.Now(), reason.IdPFails, ErrReauthenticate)
		return ErrReauthenticate
	}
	cause := out.Err
	if cause == nil {
		cause = errors.New("the IdP's answer could not be used")
	}
	if verdict.ClientWide(out.Answer) || out.Status == http.StatusTooManyRequests &&
		p.flights.limitedAll(st.Rec.Key, p.Now()) {
		p.flights.failed(store.Key{}, v, out.RetryAfter, p.Now(), WhoFails(&out), cause)
	}
	wait := p.flights.failed(st.Rec.Key, v, out.RetryAfter, p.Now(), WhoFails(&out), cause)
	return &reason.UnavailableError{RetryAfter: wait, Cause: WhoFails(&out), Err: cause}
}

// WhoFails tells an IdP that answers from one that does not.
func WhoFails(out *idp.Outcome) reason.Cause {
	if out.Fault == verdict.NotSent || out.Fault == verdict.Sent {
		return reason.IdPSilent
	}
	return reason.IdPFails
}

// Signalled reports a call of the IdP to the log and to Config.Events. active is the
// person's latest activity that is known, zero: none is.
func (p *Engine) Signalled(key store.Key, active time.Time, how string, v verdict.Verdict, cause error) {
	switch {
	case errors.Is(cause, idp.ErrOtherSubject):
		p.log.Error("userinfo names another person than the session: this app does not use the answer and keeps the "+
			"session", "session", key.Short())
	case v == verdict.OK:
		p.log.Debug("the IdP was told of activity", "session", key.Short(), "how", how)
	case v == verdict.Ended:
		p.log.Info("the IdP says that the session is over", "session", key.Short(), "how", how, "error", cause)
	case v == verdict.Denied:
		p.log.Warn("the IdP gives a session no access token for an API; the session is kept", "session", key.Short(),
			"error", cause)
	case v == verdict.Misconfigured:
		p.log.Error("the settings of this client and of the IdP do not match; sessions are kept",
			"session", key.Short(), "how", how,
			"error", cause)
	default:
		p.log.Warn("the IdP could not be asked; sessions are kept", "session", key.Short(), "how", how, "verdict",
			v.String(), "error", cause)
	}
	e := event.Signal{Session: key.Short(), How: how, Verdict: v.String(), At: p.Now(), Err: cause}
	if v == verdict.OK {
		e.Err = nil
	}
	if !active.IsZero() {
		e.Lag = max(e.At.Sub(active), 0)
	}
	if f := p.cfg.Events.Signal; f != nil {
		f(e)
	}
}
