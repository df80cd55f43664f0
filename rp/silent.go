package rp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"golang.org/x/oauth2"

	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/loginflow"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
	"github.com/tandem-sso/tandem/rp/internal/web"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// maxHintedURL bounds a URL with a hint in it, in bytes: some IdPs and the proxies
// before them refuse longer ones.
const maxHintedURL = 2 << 10

// asksSilently returns the session of a browser that is to make a silent log-in, nil if
// it has none that may make one. Its error is an *UnavailableError.
func (p *RelyingParty) asksSilently(r *http.Request) (*engine.State, error) {
	key, ok := p.sessionKey(r.Header)
	if !ok {
		return nil, nil
	}
	st, err := p.engine.Load(r.Context(), key)
	if trouble := (*UnavailableError)(nil); errors.As(err, &trouble) {
		return nil, err
	}
	if err != nil || !p.cfg.SilentCheck && p.engine.Means(st.Data) != engine.BySilentLogin {
		return nil, nil
	}
	return st, nil
}

// noteAsked notes that the browser is about to ask, so that no answer, and no answer at all,
// can make it ask again at once. Where that cannot be noted nobody is sent anywhere: the page
// would send the browser here again. Its errors are those of engine.Commit.
func (p *RelyingParty) noteAsked(ctx context.Context, st *engine.State) (*engine.State, error) {
	now := p.engine.Now()
	return p.engine.Commit(ctx, st, func(d *record.Data) bool { d.Asked = now; return true })
}

// silentURL is where the browser asks the IdP whether the session lives (prompt=none).
func (p *RelyingParty) silentURL(st *engine.State, f *loginflow.Flow, opts []oauth2.AuthCodeOption) string {
	for name, value := range p.cfg.LoginParams {
		opts = append(opts, oauth2.SetAuthURLParam(name, value))
	}
	opts = append(opts, oauth2.SetAuthURLParam("prompt", "none"))
	resources := ""
	if p.engine.WantsTokens(st.Data) {
		f.Renews = st.Data.Generation + 1
		w, _ := loginflow.ReadWish(st.Data.Wish)
		if resources = p.resources(&w); len(w.Scopes) > 0 { // else the new token could do less
			opts = append(opts, oauth2.SetAuthURLParam("scope", p.scopes(&w)))
		}
	} else {
		opts = append(opts, oauth2.SetAuthURLParam("scope", "openid"))
	}
	state := p.logins.State(f.State, f.Target())
	for _, h := range hints(st.Data) {
		to := p.authorization().AuthCodeURL(state,
			append(slices.Clip(opts), oauth2.SetAuthURLParam(h.name, h.value))...) + resources
		if len(to) <= maxHintedURL || p.idp.At().Pushes {
			return to
		}
	}
	return p.authorization().AuthCodeURL(state, opts...) + resources
}

type hint struct{ name, value string }

// hints say whose session is asked about (OpenID Connect Core 1.0 §3.1.2.1), the best
// first. Entra ID puts its login_hint into the ID token.
func hints(d *record.Data) []hint {
	all := []hint{{"id_token_hint", d.IDToken}}
	if name := claimOf(d, "login_hint"); name != "" {
		all = append(all, hint{"login_hint", name})
	}
	return all
}

// confirmSilently handles a prompt=none round trip that succeeded: the IdP session
// lives. What a check brings is not kept, and no session is made of it: where there is
// none, or the IdP's is another person's now, a whole log-in follows.
func (p *RelyingParty) confirmSilently(w http.ResponseWriter, r *http.Request, f *loginflow.Flow,
	got *engine.Tokens) error {
	ctx, cancel := p.engine.Detached(r.Context())
	defer cancel()
	key, ok := p.sessionKey(r.Header)
	if !ok {
		p.discard(got)
		return p.logInInstead(w, f)
	}
	st, err := p.engine.Load(ctx, key)
	var (
		trouble *UnavailableError
		ended   *EndedError
	)
	switch {
	case errors.As(err, &trouble):
		return err
	case errors.As(err, &ended):
		return p.overtaken(w, f, got, ended.Reason)
	case err != nil:
		p.discard(got)
		return p.logInInstead(w, f)
	case st.Data.Subject != got.ID.Subject: // another person uses this browser now
		p.discard(got)
		if _, err := p.engine.Rejected(ctx, st, reason.OtherSubject); errors.As(err, &trouble) {
			return err
		}
		return p.logInInstead(w, f)
	}
	_, err = p.confirmed(ctx, st, f, got)
	switch {
	case errors.As(err, &ended):
		return p.overtaken(w, f, got, ended.Reason)
	case errors.Is(err, ErrAnonymous):
		return p.overtaken(w, f, got, "")
	case err != nil:
		return err
	}
	p.engine.Signalled(key, st.Rec.Active, "prompt=none", verdict.OK, nil)
	web.SeeOther(w, f.ReturnTo)
	return nil
}

// confirmed notes the IdP's word. The IdP has looked at its session within this round
// trip. Not its beginning counts but now: a round trip longer than TrustFor would never
// come to an end.
// What was asked is answered, and what it was asked for counts: the clock of the instance
// that did may be ahead, and by this one's the tokens may be good still.
func (p *RelyingParty) confirmed(ctx context.Context, st *engine.State, f *loginflow.Flow,
	got *engine.Tokens) (*engine.State, error) {
	at := p.engine.Now()
	if f.Renews == st.Data.Generation+1 && f.About == st.Rec.Key.Short() {
		p.engine.Observe(got)
		next, err := p.engine.CommitTokens(ctx, st, func(d *record.Data) {
			_ = p.engine.TakeTokens(st.Rec.Key, d, got, nil) // a fault is an audience's
			p.engine.KeepOnly(d)
			engine.Heard(d, at, true, true)
			if !p.engine.WantsTokens(d) {
				d.Asked = time.Time{}
			}
		})
		if err == nil {
			p.engine.ReadProfile(next)
		}
		return next, err
	}
	st, err := p.engine.Commit(ctx, st, func(d *record.Data) bool {
		got.Learn(d)
		engine.Heard(d, at, true, true)
		d.Asked = time.Time{}
		return true
	})
	if err == nil {
		p.discard(got)
	}
	return st, err
}

// discard gives up what a check has brought all the same. Where a revocation would take
// the session's own tokens along, these are left to run out.
func (p *RelyingParty) discard(got *engine.Tokens) {
	if p.cfg.Kind != NoToken {
		p.engine.Orphaned(got, record.Data{Subject: got.ID.Subject, SID: got.ID.SID}, "")
	}
}

// logInInstead sends the browser to an ordinary log-in.
func (p *RelyingParty) logInInstead(w http.ResponseWriter, f *loginflow.Flow) error {
	web.SeeOther(w, p.site.Endpoint("/login")+"?anew=1&return_to="+url.QueryEscape(f.ReturnTo))
	return nil
}

// overtaken handles a round trip whose session has ended meanwhile, perhaps by a
// logout in another tab: it must not begin a new one (C5). The page decides.
func (p *RelyingParty) overtaken(w http.ResponseWriter, f *loginflow.Flow, got *engine.Tokens,
	reason reason.Reason) error {
	p.engine.Orphaned(got, record.Data{Subject: got.ID.Subject, SID: got.ID.SID}, reason)
	web.SeeOther(w, f.ReturnTo)
	return nil
}

// silentRefused handles a prompt=none round trip that failed. Only login_required says
// that there is no session (Core §3.1.2.6, SM-04). Other errors want the person to act:
// the page is served while trust lasts, and then an ordinary log-in follows. Trouble at
// the IdP is not a logout.
func (p *RelyingParty) silentRefused(w http.ResponseWriter, r *http.Request, f *loginflow.Flow, code string) error {
	key, ok := p.sessionKey(r.Header)
	cause := fmt.Errorf("the silent check was answered with %s", clean(code))
	switch code {
	case "login_required":
		if ok {
			if err := p.silentlyRejected(r, f, key, cause); err != nil {
				return err
			}
		}
		web.SeeOther(w, f.ReturnTo) // the page decides whether to log in
		return nil
	case "interaction_required", "consent_required", "account_selection_required":
		if ok {
			p.engine.Signalled(key, time.Time{}, "prompt=none", verdict.Interact, cause)
		}
		web.SeeOther(w, f.ReturnTo)
		return nil
	case "invalid_request":
		// The hint perhaps: an IdP that has withdrawn its keys does not know its own ID
		// tokens any more. A log-in sends none.
		return p.logInInstead(w, f)
	}
	if ok {
		p.engine.Signalled(key, time.Time{}, "prompt=none", verdict.Retry, cause)
	}
	return &UnavailableError{RetryAfter: 5 * time.Second, Cause: reason.IdPFails, Err: cause}
}

// silentlyRejected ends the session that a refused check was about. One that has begun
// in this browser since, in another tab, is not meant; nor is one for which the IdP has
// vouched since: that word is the newer one.
func (p *RelyingParty) silentlyRejected(r *http.Request, f *loginflow.Flow, key store.Key, cause error) error {
	if f.About != key.Short() {
		return nil
	}
	ctx, cancel := p.engine.Detached(context.WithoutCancel(r.Context()))
	defer cancel()
	st, err := p.engine.Load(ctx, key)
	if err == nil && st.Data.Confirmed.Before(f.Begun) {
		p.engine.Signalled(key, st.Rec.Active, "prompt=none", verdict.Ended, cause)
		p.engine.NoteEnd(st.Data)
		_, err = p.engine.Rejected(ctx, st, reason.Unconfirmed)
	}
	if trouble := (*UnavailableError)(nil); errors.As(err, &trouble) {
		return err
	}
	return nil
}
