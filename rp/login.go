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

	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/internal/authrequest"
	"github.com/tandem-sso/tandem/rp/internal/classify"
	"github.com/tandem-sso/tandem/rp/internal/cookie"
	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/internal/loginflow"
	"github.com/tandem-sso/tandem/rp/internal/page"
	"github.com/tandem-sso/tandem/rp/internal/site"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
	"github.com/tandem-sso/tandem/rp/internal/web"
)

// StartLogin sends the browser to the IdP. It reads the query parameters that docs/login.md lists:
// return_to, a path of this app, and others. A person whose session is confirmed goes straight to
// return_to, unless a link or form of this app led here. The options are the app's; the adapters'
// Login passes them on.
func (p *RelyingParty) StartLogin(w http.ResponseWriter, r *http.Request, opts ...LoginOption) error {
	return p.starts.login(w, r, opts)
}

// starts sends browsers to the IdP.
type starts struct {
	cfg      *Config
	engine   *engine.Engine
	idp      *idp.Provider
	browsers *browsers
	site     *site.App
	flows    *flows
	requests *authrequest.Requests
	checks   *checks
	pages    *page.Set
	journal  *journal
}

func (s *starts) login(w http.ResponseWriter, r *http.Request, opts []LoginOption) error {
	web.NoStore(w.Header())
	if host, ok := s.site.Stranger(r); ok {
		s.journal.log.Warn("a log-in was requested at a host name that is not Config.BaseURL's. If browsers use that "+
			"name, their log-ins fail: redirect them to BaseURL, or add that name to Config.BaseURLs. If only a "+
			"proxy uses that name, nothing is wrong",
			"host", host, "base_url", s.cfg.BaseURL)
	}
	q, more, err := s.asked(w, r)
	if err != nil {
		s.journal.refused(event.RefusedLogin, err)
		return err
	}
	if s.postedElsewhere(r) {
		web.SeeOther(w, s.thirdParty().ByGet(r.PostForm))
		return nil
	}
	opts = slices.Concat(opts, more) // others use opts, too
	f := loginflow.Flow{
		State: cookie.Random(), Nonce: cookie.Random(), Verifier: oauth2.GenerateVerifier(),
		RedirectURI: s.site.Callback(r), ReturnTo: s.site.Inside(q.Get("return_to")), Begun: s.engine.Now(),
		Again: q.Get("again") == "1", SentUser: loginflow.SentUser(r, q), Mode: s.requests.Mode(),
	}
	if f.Wish, err = s.wishAt(q, opts); err != nil {
		return err
	}
	if len(f.Wish.Text())+len(f.ReturnTo) > loginflow.MaxAsked {
		f.ReturnTo = s.site.Home() // no browser would keep the cookie
	}
	if whole := site.WithFragment(f.ReturnTo, q.Get("fragment")); len(f.Wish.Text())+len(whole) <= loginflow.MaxAsked {
		f.ReturnTo = whole
	}
	var asks *engine.State
	if q.Get("silent") == "1" {
		if asks, err = s.checks.asks(r); err != nil {
			return err
		}
		if asks != nil {
			f.Silent, f.About = true, asks.Rec.Key.Short()
		}
	}
	if f.Wish.IsEmpty() && mayBeIn(r, q) && s.browsers.isTrusted(r) {
		web.SeeOther(w, f.ReturnTo)
		return nil
	}
	// a form_post loses it in any case
	if (!f.Silent || s.requests.ByFormPost()) && s.cfg.KeepFragments && loginflow.LosesFragment(r, q) {
		return s.pages.Write(w, r, page.Page{Title: "almost-title",
			Follow: &page.Follow{On: "?" + r.URL.RawQuery + "&fragment=", User: classify.SendsUser(r.Header)}})
	}
	if asks != nil {
		switch asks, err = s.checks.noteAsked(r.Context(), asks); {
		case errors.As(err, new(*EndedError)), errors.Is(err, ErrAnonymous): // since we looked: the page decides
			web.SeeOther(w, f.ReturnTo)
			return nil
		case err != nil:
			return err
		}
	}
	if err := s.keyFor(&f, asks); err != nil {
		return err
	}
	to, err := s.url(r.Context(), &f, asks)
	switch {
	case err == nil:
	case asks != nil && s.engine.Judge(asks, lifetime.Active).Signal != lifetime.Overdue:
		s.journal.log.Warn("a silent check could not be started; pages are served until the trust in the session "+
			"runs out (Config.TrustFor)", "session",
			asks.Rec.Key.Short(), "error", err)
		web.SeeOther(w, f.ReturnTo) // noteAsked: the page does not ask again (C6)
		return nil
	case errors.Is(err, errNotPushed):
		return s.checks.logInInstead(w, &f)
	default:
		return err
	}
	s.flows.DropOld(w, r)
	if err := s.flows.Save(w, r, &f); err != nil {
		return fmt.Errorf("rp: the log-in cookie cannot be written: %w", err)
	}
	if r.Method == http.MethodPost {
		web.SeeOther(w, to) // 303: nothing is posted there
		return nil
	}
	http.Redirect(w, r, to, http.StatusFound)
	return nil
}

// url is where the IdP is asked. Its errors are *UnavailableError, *LoginError and
// errNotPushed.
func (s *starts) url(ctx context.Context, f *loginflow.Flow, asks *engine.State) (string, error) {
	var whole string
	switch {
	case f.Silent:
		whole = s.checks.url(asks, f)
	case !s.engine.HasMet():
		s.idp.LookAgain()
		return "", s.engine.NotHeard()
	default:
		whole = s.requests.Login(f)
	}
	ctx, cancel := s.engine.DetachedFor(ctx, s.cfg.WaitFor)
	defer cancel()
	to, err := s.requests.Send(ctx, whole)
	var (
		refused  *authrequest.NotPushedError
		unsigned *UnavailableError
	)
	switch {
	case errors.As(err, &refused):
		return "", s.notPushed(f, refused.Out)
	case errors.As(err, &unsigned):
		return "", laterFor(f, unsigned)
	}
	return to, err
}

// errNotPushed says: the IdP refuses the request of a silent check, perhaps for its hint, as
// at invalid_request of the authorization endpoint. A log-in sends none.
var errNotPushed = errors.New("the IdP refuses a silent check")

// notPushed describes a request that the IdP has not taken. At a silent check somebody is
// logged in, and stays so.
func (s *starts) notPushed(f *loginflow.Flow, out idp.Outcome) error {
	switch verdict.Pushed(out.Answer, f.Silent) {
	case verdict.NotTaken:
		return fmt.Errorf("%w: %w", errNotPushed, out.Err)
	case verdict.Later:
		return laterFor(f, &UnavailableError{RetryAfter: max(out.RetryAfter, time.Second), Cause: engine.WhoFails(&out),
			Err: out.Err})
	}
	s.journal.log.Error("the settings of this client and of the IdP do not match", "error", out.Err)
	return loginFailed(http.StatusBadGateway, out.Err, "failed-client", "advice-tell")
}

// mayBeIn reports whether a person who is logged in already can skip this log-in: the request
// asks for nothing particular, and no page of this app made it. If the browser does not say who
// made the request, the log-in is not skipped.
func mayBeIn(r *http.Request, q url.Values) bool {
	for _, name := range []string{"silent", "anew", "again", "iss", "login_hint", "prompt", "acr_values", "max_age"} {
		if q.Has(name) {
			return false
		}
	}
	switch web.First(r.Header, "Sec-Fetch-Site") {
	case "none", "cross-site", "same-site":
		return true
	}
	return false
}

// laterFor is the error for trouble at the IdP during a log-in. The code or the state is used
// up, so the page offers a new log-in. Only at a silent check is the person still logged in.
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
