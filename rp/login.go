package rp

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/idtoken"
	"github.com/tandem-sso/tandem/rp/internal/keyset"
	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
)

const maxAgent = 200 // bytes of a User-Agent that are kept

// StartLogin sends the browser to the IdP. It reads the query parameters
// return_to, a path of this app, and silent.
//
// A bookmark, a restored tab or another site may lead here too. Who is logged in and
// confirmed then goes straight to return_to. A link or form of this app's own, or the
// parameter anew=1, logs in anew.
func (p *RelyingParty) StartLogin(w http.ResponseWriter, r *http.Request) error {
	noStore(w.Header())
	q := r.URL.Query()
	f := flow{
		state: random(), nonce: random(), verifier: oauth2.GenerateVerifier(),
		returnTo: SafeReturnTo(q.Get("return_to")), begun: p.now(),
	}
	var asks *state
	if q.Get("silent") == "1" {
		var err error
		if asks, err = p.asksSilently(r); err != nil {
			return err
		}
		f.silent = asks != nil
	}
	if p.isIn(r, q) {
		comeBack(w, f.returnTo)
		return nil
	}
	to, err := p.authURL(r.Context(), &f, asks)
	if err != nil {
		return err
	}
	p.dropOldLogins(w, r)
	s, _ := p.logins.New(r, p.loginCookie(f.state)) // an error is an old cookie that we overwrite
	f.save(s)
	if err := s.Save(r, w); err != nil {
		return fmt.Errorf("rp: the log-in cookie cannot be written: %w", err)
	}
	http.Redirect(w, r, to, http.StatusFound)
	return nil
}

// authURL is where the IdP is asked. Its error is an *UnavailableError.
func (p *RelyingParty) authURL(ctx context.Context, f *flow, asks *state) (string, error) {
	opts := []oauth2.AuthCodeOption{
		oauth2.S256ChallengeOption(f.verifier),
		oauth2.SetAuthURLParam("nonce", f.nonce),
	}
	if f.silent {
		return p.silentURL(ctx, asks, f.state, opts)
	}
	if p.cfg.MaxAge > 0 {
		opts = append(opts, oauth2.SetAuthURLParam("max_age", fmt.Sprint(int(p.cfg.MaxAge/time.Second))))
	}
	return p.idp.oauth.AuthCodeURL(f.state, opts...), nil
}

// isIn reports whether a log-in is not needed: nobody asks for anything particular,
// the request was not made by a page of this app, and the session is trusted. A
// browser that does not say who made the request is not asked to guess.
func (p *RelyingParty) isIn(r *http.Request, q url.Values) bool {
	for _, name := range []string{"silent", "anew", "iss", "login_hint", "prompt", "acr_values", "max_age"} {
		if q.Has(name) {
			return false
		}
	}
	switch first(r.Header, "Sec-Fetch-Site") {
	case "none", "cross-site", "same-site":
	default:
		return false
	}
	key, ok := p.sessionKey(r.Header)
	if !ok {
		return false
	}
	st, err := p.load(r.Context(), key)
	if err != nil {
		return false
	}
	st.rec.Active = p.agenda.latest(key, st.rec.Active)
	d := lifetime.Decide(st.clocks(), p.policy(st), p.now(), lifetime.Active)
	return d.End == lifetime.Live && d.Signal != lifetime.Overdue
}

// FinishLogin is the redirection endpoint: it checks the IdP's answer, fetches
// the tokens and begins a session under a new id. Its errors are *LoginError and
// *UnavailableError; nothing that the query says is repeated on a page.
func (p *RelyingParty) FinishLogin(w http.ResponseWriter, r *http.Request) error {
	noStore(w.Header())
	err := p.finishLogin(w, r)
	if login := (*LoginError)(nil); errors.As(err, &login) {
		p.refused(RefusedLogin, login)
	}
	return err
}

func (p *RelyingParty) finishLogin(w http.ResponseWriter, r *http.Request) error {
	params, err := callbackParams(w, r)
	if err != nil {
		return badLogin("This log-in link is not valid.", err)
	}
	f, err := p.takeFlow(w, r, params.Get("state"))
	if err != nil {
		return err
	}
	// RFC 9207 §2.4: also before an error is believed.
	if iss := params.Get("iss"); iss != p.cfg.Issuer && (iss != "" || p.idp.IssInResponse) {
		return badLogin("The answer did not come from the expected log-in service.", errors.New("iss is missing or is not Config.Issuer"))
	}
	if code := params.Get("error"); code != "" {
		return p.loginRefused(w, r, f, code)
	}
	if params.Get("code") == "" {
		return badLogin("This log-in link is not valid.", errors.New("neither code nor error"))
	}
	f.back = p.now()
	got, err := p.exchangeInTime(r.Context(), params.Get("code"), f)
	if err != nil {
		return err
	}
	if f.silent {
		return p.confirmSilently(w, r, f, got)
	}
	return p.begin(w, r, f, got)
}

// callbackParams reads a GET query or a form_post; a repeated parameter is an
// attack (RFC 6749 §3.1).
func callbackParams(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	params := r.URL.Query()
	if r.Method == http.MethodPost {
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		if err := r.ParseForm(); err != nil {
			return nil, errors.New("malformed form")
		}
		params = r.PostForm
	}
	for name, v := range params {
		if len(v) > 1 {
			return nil, fmt.Errorf("parameter %s stands twice", clean(name))
		}
	}
	return params, nil
}

// exchangeInTime is exchange for a person who waits Config.WaitFor at most. An answer
// that comes too late begins no session: nobody has its cookie.
func (p *RelyingParty) exchangeInTime(ctx context.Context, code string, f *flow) (*tokens, error) {
	type answer struct {
		got *tokens
		err error
	}
	answered, gone := make(chan answer), make(chan struct{})
	started := p.goes(func(context.Context) {
		got, err := p.exchange(ctx, code, f)
		select {
		case answered <- answer{got, err}:
		case <-gone:
			if err == nil {
				p.orphaned(got, record.Data{Subject: got.id.Subject, SID: got.id.SID}, "")
			}
		}
	})
	if !started {
		return nil, f.postponed(&UnavailableError{RetryAfter: time.Second, Err: errors.New("this instance is shutting down")})
	}
	timer := time.NewTimer(p.cfg.WaitFor)
	defer timer.Stop()
	select {
	case a := <-answered:
		return a.got, a.err
	case <-timer.C:
		close(gone)
		return nil, f.postponed(&UnavailableError{RetryAfter: 2 * time.Second,
			Err: fmt.Errorf("the answer to a code takes longer than Config.WaitFor (%v)", p.cfg.WaitFor)})
	}
}

// exchange trades the code for tokens. A code can be used once, so a browser
// that hangs up does not stop it.
func (p *RelyingParty) exchange(ctx context.Context, code string, f *flow) (*tokens, error) {
	ctx, cancel := p.detached(ctx)
	defer cancel()
	answer, out := p.idp.calls.Exchange(ctx, code, f.verifier, p.idp.oauth.RedirectURL)
	if out.Err != nil {
		return nil, p.notExchanged(f, out)
	}
	want := idtoken.Want{Nonce: f.nonce}
	if !f.silent { // a silent round trip has not asked for it
		want.MaxAge = p.cfg.MaxAge
	}
	got := p.read(answer)
	err := p.verifyLogin(ctx, got, want)
	if down := (*keyset.UnavailableError)(nil); errors.As(err, &down) {
		return nil, &UnavailableError{RetryAfter: time.Second, Err: err}
	}
	if err != nil {
		return nil, badLogin("The log-in service's answer could not be trusted.", err)
	}
	if !isBearer(got.kind) && p.cfg.Kind != NoToken && !f.silent {
		return nil, &LoginError{Status: http.StatusBadGateway, Title: "The log-in service's answer does not fit this application.", Advice: "Please tell the people who run it.", Err: errOtherType(quoted(got.kind))}
	}
	return got, nil
}

// notExchanged describes a code that brought no tokens.
func (p *RelyingParty) notExchanged(f *flow, out idp.Outcome) error {
	switch {
	case out.Fault != verdict.None, out.Status >= 500, out.Status == http.StatusTooManyRequests:
		return f.postponed(&UnavailableError{RetryAfter: max(out.RetryAfter, time.Second), Err: out.Err})
	case out.Code == "invalid_grant":
		return badLogin("The log-in service did not accept this log-in.", out.Err)
	}
	p.log.Error("this client and the IdP do not fit", "error", out.Err)
	return &LoginError{Status: http.StatusBadGateway, Title: "The log-in service refused this application.",
		Advice: "Please tell the people who run it.", Err: out.Err}
}

// begin creates the session. A logout that came while this log-in was under way
// has left a tombstone, which refuses it (C5).
func (p *RelyingParty) begin(w http.ResponseWriter, r *http.Request, f *flow, got *tokens) error {
	ctx, cancel := p.detached(r.Context())
	defer cancel()
	id, key := p.party.newID()
	now := p.now()
	// The IdP has seen the person before it gave out the code, however long it took
	// to answer then.
	d := &record.Data{Started: now, Signalled: f.back, Confirmed: f.back}
	got.apply(d)
	p.keepOnly(d)
	d.UserinfoFits = p.userinfoFits(ctx, d)
	d.Agent = r.UserAgent()[:min(len(r.UserAgent()), maxAgent)]
	rec := Record{
		Key: key, Owner: p.party.owner, Refs: p.party.refsOf(d),
		Begun: f.begun, Issued: got.id.IssuedAt.Truncate(time.Second), Active: now,
	}
	st := &state{rec, d}
	clocks := st.clocks()
	clocks.Confirmed = now // the IdP's word on how long this lasts has just come
	if lifetime.Decide(clocks, p.policy(st), now, lifetime.Active).End != lifetime.Live {
		p.orphaned(got, *d, "") // a session would lead to the next log-in, and so on
		return badLogin("By the log-in service's word your session is over already.", errors.New("session_expiry is in the past: compare the clocks of this machine and the IdP"))
	}
	rec.Due = p.due(st, now)
	rec, err := p.sealed(rec, d)
	if err != nil {
		return &LoginError{Status: http.StatusBadGateway, Title: "The log-in service's answer is too large.", Err: err}
	}
	switch err := p.cfg.Store.Create(ctx, rec); {
	case errors.Is(err, ErrEnded):
		p.orphaned(got, *d, "")
		return badLogin("You were logged out while this log-in was under way.", err)
	case err != nil:
		p.takeBack(key)
		p.orphaned(got, *d, "")
		return unavailable(2*time.Second, "the session store failed: %w", err)
	}
	if old, ok := p.sessionKey(r.Header); ok {
		rec.Version = 1
		p.replace(ctx, old, &state{rec, d})
	}
	p.limitSessions(ctx, d.Subject)
	http.SetCookie(w, p.sessionCookie(id))
	p.observe(got)
	p.log.Info("log-in", "session", key.name())
	if fn := p.cfg.Events.Login; fn != nil {
		fn(LoginEvent{Session: key.name(), Subject: d.Subject, SID: d.SID, At: now})
	}
	comeBack(w, f.returnTo)
	return nil
}

// replace ends the browser's former session (ASVS 7.2.4: the old id dies). The app's
// own values go on with the same person. Nobody has seen the cookie of next yet.
func (p *RelyingParty) replace(ctx context.Context, old Key, next *state) {
	ended, err := p.end(ctx, old, Replaced)
	if err != nil {
		p.log.Warn("the browser's former session could not be ended", "session", old.name(), "error", err)
	}
	for i := range ended {
		former, err := p.unseal(&ended[i])
		if err != nil || former.Subject != next.data.Subject || former.Values == "" {
			continue
		}
		if _, err := p.commit(ctx, next, func(d *record.Data) bool { d.Values = former.Values; return true }); err != nil {
			p.log.Warn("the values of the former session are lost", "session", next.rec.Key.name(), "error", err)
		}
	}
}

// keepOnly drops what this kind of client has no use for.
func (p *RelyingParty) keepOnly(d *record.Data) {
	switch p.cfg.Kind {
	case ReferenceToken:
		d.RefreshToken = ""
	case NoToken:
		d.AccessToken, d.RefreshToken, d.TokenType, d.TokenEnds, d.TokenLife = "", "", "", time.Time{}, 0
	}
}

// loginRefused handles an error of the authorization endpoint.
func (p *RelyingParty) loginRefused(w http.ResponseWriter, r *http.Request, f *flow, code string) error {
	if f.silent {
		return p.silentRefused(w, r, f, code)
	}
	err := fmt.Errorf("the authorization endpoint answered %s", clean(code))
	switch code {
	case "access_denied":
		return badLogin("The log-in was cancelled or refused.", err)
	case "temporarily_unavailable", "server_error":
		return f.postponed(&UnavailableError{RetryAfter: 5 * time.Second, Err: err})
	}
	return badLogin("The log-in service could not log you in.", err)
}

// postponed is trouble at the IdP during a log-in. Its code or state is spent, so
// the page offers a new one; only at a silent check is somebody logged in still.
func (f *flow) postponed(err *UnavailableError) error {
	if f.silent {
		return err
	}
	return &LoginError{Status: http.StatusServiceUnavailable, Title: "The log-in could not be finished.",
		Advice: "The log-in service cannot be reached right now. Please try again in a moment.", Err: err}
}

func badLogin(title string, err error) error {
	return &LoginError{Status: http.StatusBadRequest, Title: title, Advice: "Please log in again.", Err: err}
}

func random() string {
	var b [32]byte
	_, _ = rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}
