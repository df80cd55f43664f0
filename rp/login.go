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

	"github.com/tandem-sso/tandem/rp/internal/activity"
	"github.com/tandem-sso/tandem/rp/internal/cookie"
	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/internal/loginflow"
	"github.com/tandem-sso/tandem/rp/internal/page"
	"github.com/tandem-sso/tandem/rp/internal/site"
	"github.com/tandem-sso/tandem/rp/internal/web"
	"github.com/tandem-sso/tandem/rp/reason"
)

// StartLogin sends the browser to the IdP. It reads the query parameters that
// docs/login.md lists: return_to, a path of this app, and others. Who is logged in and
// confirmed goes straight to return_to, unless a link or form of this app's own has led
// here. The options are the app's; the adapters' Login passes them on.
func (p *RelyingParty) StartLogin(w http.ResponseWriter, r *http.Request, opts ...LoginOption) error {
	web.NoStore(w.Header())
	if host, ok := p.site.Stranger(r); ok {
		p.log.Warn("a log-in was asked for under a name that is not Config.BaseURL's. If a browser uses that name, "+
			"its log-in fails: lead it to BaseURL, or put that name into Config.BaseURLs. If only a proxy does, all "+
			"is well",
			"host", host, "base_url", p.cfg.BaseURL)
	}
	q, more, err := p.asked(w, r)
	if err != nil {
		p.refused(RefusedLogin, err)
		return err
	}
	if p.postedElsewhere(r) {
		web.SeeOther(w, p.thirdParty().ByGet(r.PostForm))
		return nil
	}
	opts = slices.Concat(opts, more) // others use opts, too
	f := loginflow.Flow{
		State: cookie.Random(), Nonce: cookie.Random(), Verifier: oauth2.GenerateVerifier(),
		RedirectURI: p.site.Callback(r), ReturnTo: p.site.Inside(q.Get("return_to")), Begun: p.engine.Now(),
		Again: q.Get("again") == "1", SentUser: loginflow.SentUser(r, q),
	}
	if f.Wish, err = p.wishAt(q, opts); err != nil {
		return err
	}
	if len(f.Wish.Text())+len(f.ReturnTo) > loginflow.MaxAsked {
		f.ReturnTo = p.site.Home() // no browser would keep the cookie
	}
	if whole := site.WithFragment(f.ReturnTo, q.Get("fragment")); len(f.Wish.Text())+len(whole) <= loginflow.MaxAsked {
		f.ReturnTo = whole
	}
	var asks *engine.State
	if q.Get("silent") == "1" {
		if asks, err = p.asksSilently(r); err != nil {
			return err
		}
		if asks != nil {
			f.Silent, f.About = true, asks.Rec.Key.Short()
		}
	}
	if f.Wish.IsEmpty() && p.isIn(r, q) {
		web.SeeOther(w, f.ReturnTo)
		return nil
	}
	// a form_post loses it in any case
	if (!f.Silent || p.byFormPost()) && p.cfg.KeepFragments && loginflow.LosesFragment(r, q) {
		return p.pages.Write(w, r, page.Page{Title: "almost-title",
			Follow: &page.Follow{On: "?" + r.URL.RawQuery + "&fragment=", User: activity.SendsUser(r.Header)}})
	}
	if asks != nil {
		switch asks, err = p.noteAsked(r.Context(), asks); {
		case errors.As(err, new(*EndedError)), errors.Is(err, ErrAnonymous): // since we looked: the page decides
			web.SeeOther(w, f.ReturnTo)
			return nil
		case err != nil:
			return err
		}
	}
	if err := p.keyFor(&f, asks); err != nil {
		return err
	}
	to, err := p.authURL(r.Context(), &f, asks)
	switch {
	case err == nil:
	case asks != nil && p.engine.Judge(asks, lifetime.Active).Signal != lifetime.Overdue:
		p.log.Warn("a silent check cannot be asked for; the page is served while trust lasts", "session",
			asks.Rec.Key.Short(), "error", err)
		web.SeeOther(w, f.ReturnTo) // noteAsked: the page does not ask again (C6)
		return nil
	case errors.Is(err, errNotPushed):
		return p.logInInstead(w, &f)
	default:
		return err
	}
	p.logins.DropOld(w, r)
	if err := p.logins.Save(w, r, &f); err != nil {
		return fmt.Errorf("rp: the log-in cookie cannot be written: %w", err)
	}
	if r.Method == http.MethodPost {
		web.SeeOther(w, to) // 303: nothing is posted there
		return nil
	}
	http.Redirect(w, r, to, http.StatusFound)
	return nil
}

// authorization makes URLs of the authorization endpoint.
func (p *RelyingParty) authorization() *oauth2.Config {
	return &oauth2.Config{ClientID: p.cfg.ClientID, Scopes: p.cfg.Scopes,
		Endpoint: oauth2.Endpoint{AuthURL: p.idp.At().AuthURL}}
}

// authURL is where the IdP is asked. Its errors are *UnavailableError and *LoginError.
func (p *RelyingParty) authURL(ctx context.Context, f *loginflow.Flow, asks *engine.State) (string, error) {
	whole, err := p.wholeURL(ctx, f, asks)
	if err != nil {
		return "", err
	}
	return p.sentTo(ctx, f, whole)
}

// wholeURL is the authorization request with everything in it. Its error is an
// *UnavailableError.
func (p *RelyingParty) wholeURL(ctx context.Context, f *loginflow.Flow, asks *engine.State) (string, error) {
	opts := []oauth2.AuthCodeOption{
		oauth2.S256ChallengeOption(f.Verifier),
		oauth2.SetAuthURLParam("nonce", f.Nonce),
		oauth2.SetAuthURLParam("redirect_uri", f.RedirectURI),
	}
	if f.DPoP != "" {
		opts = append(opts, jktOption(f.DPoP))
	}
	if mode := p.responseMode(); mode != "" {
		opts = append(opts, oauth2.SetAuthURLParam("response_mode", mode))
	}
	if f.Silent {
		return p.silentURL(asks, f, opts), nil
	}
	if !p.engine.HasMet() {
		p.idp.LookAgain()
		return "", engine.IdPSilent(5*time.Second,
			"the IdP has not answered this instance yet, so nobody is sent there")
	}
	opts = append(opts, p.options(&f.Wish)...)
	return p.authorization().AuthCodeURL(p.logins.State(f.State, f.Target()), opts...) + p.resources(&f.Wish), nil
}

// isIn reports whether a log-in is not needed: nobody asks for anything particular,
// the request was not made by a page of this app, and the session is trusted. A
// browser that does not say who made the request is not asked to guess.
func (p *RelyingParty) isIn(r *http.Request, q url.Values) bool {
	for _, name := range []string{"silent", "anew", "again", "iss", "login_hint", "prompt", "acr_values", "max_age"} {
		if q.Has(name) {
			return false
		}
	}
	switch web.First(r.Header, "Sec-Fetch-Site") {
	case "none", "cross-site", "same-site":
	default:
		return false
	}
	key, ok := p.sessionKey(r.Header)
	if !ok {
		return false
	}
	st, err := p.engine.Load(r.Context(), key)
	if err != nil {
		return false
	}
	d := p.engine.Judge(st, lifetime.Active)
	return d.End == lifetime.Live && d.Signal != lifetime.Overdue
}

// serveCallback is the redirection endpoint: it checks the IdP's answer, fetches
// the tokens and begins a session under a new id. Its errors are *LoginError and
// *UnavailableError; nothing that the query says is repeated on a page.
func (p *RelyingParty) serveCallback(w http.ResponseWriter, r *http.Request) error {
	web.NoStore(w.Header())
	err := p.finishLogin(w, r)
	if stale := (*staleError)(nil); errors.As(err, &stale) {
		err = p.resume(w, r, stale)
	}
	if login := (*LoginError)(nil); errors.As(err, &login) {
		p.refused(RefusedLogin, login)
	}
	return err
}

func (p *RelyingParty) finishLogin(w http.ResponseWriter, r *http.Request) error {
	params, err := loginflow.CallbackParams(w, r)
	if err != nil {
		return badLogin("failed-link", err)
	}
	raw := params
	if params, err = p.unsigned(r.Context(), raw); err != nil {
		return err
	}
	if p.logins.LacksCookies(r, params) {
		return p.postAgain(w, r, raw)
	}
	f, err := p.takeFlow(w, r, params.Get("state"))
	if err != nil {
		return err
	}
	if err := p.useAnswer(w, r, f, params); err != nil {
		if login := (*LoginError)(nil); errors.As(err, &login) {
			login.returnTo = f.ReturnTo
		}
		return err
	}
	return nil
}

// useAnswer goes on with a log-in that this browser has begun.
func (p *RelyingParty) useAnswer(w http.ResponseWriter, r *http.Request, f *loginflow.Flow, params url.Values) error {
	// RFC 9207 §2.4: also before an error is believed.
	if iss := params.Get("iss"); iss != p.cfg.Issuer && (iss != "" || p.idp.At().IssInResponse || p.cfg.Profile != "") {
		return badLogin("failed-issuer", errors.New("iss is missing or is not Config.Issuer"))
	}
	if code := params.Get("error"); code != "" {
		return p.loginRefused(w, r, f, code)
	}
	if params.Get("code") == "" {
		return badLogin("failed-link", errors.New("neither code nor error"))
	}
	f.Back = p.engine.Now()
	got, err := p.exchangeInTime(r.Context(), params.Get("code"), f)
	if err != nil {
		return err
	}
	if f.Silent {
		return p.confirmSilently(w, r, f, got)
	}
	return p.begin(w, r, f, got)
}

// loginRefused handles an error of the authorization endpoint.
func (p *RelyingParty) loginRefused(w http.ResponseWriter, r *http.Request, f *loginflow.Flow, code string) error {
	if f.Silent {
		return p.silentRefused(w, r, f, code)
	}
	err := fmt.Errorf("the authorization endpoint answered %s", clean(code))
	switch code {
	case "access_denied":
		return badLogin("failed-cancelled", err)
	case "temporarily_unavailable": // Keycloak's word to the second of two tabs, too
		why := notFinished(&UnavailableError{RetryAfter: 5 * time.Second, Cause: reason.IdPFails, Err: err})
		return &staleError{f.Target(), why, f.Begun} // a session that was not enough before is not now
	case "server_error":
		return laterFor(f, &UnavailableError{RetryAfter: 5 * time.Second, Cause: reason.IdPFails, Err: err})
	}
	return badLogin("failed", err)
}

// laterFor is trouble at the IdP during a log-in. Its code or state is spent, so
// the page offers a new one; only at a silent check is somebody logged in still.
func laterFor(f *loginflow.Flow, err *UnavailableError) error {
	if f.Silent {
		return err
	}
	return notFinished(err)
}

func notFinished(err *UnavailableError) *LoginError {
	return loginFailed(http.StatusServiceUnavailable, err, "failed-later", troubleOf(err.Cause), "advice-moment")
}

func badLogin(title page.Word, err error) *LoginError {
	return loginFailed(http.StatusBadRequest, err, title, "advice-login")
}
