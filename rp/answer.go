package rp

import (
	"errors"
	"net/http"

	"github.com/tandem-sso/tandem/rp/adapter"
	"github.com/tandem-sso/tandem/rp/internal/answer"
	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/page"
	"github.com/tandem-sso/tandem/rp/internal/site"
	"github.com/tandem-sso/tandem/rp/internal/web"
	"github.com/tandem-sso/tandem/rp/reason"
)

// Answer turns an error of Authenticate or of an endpoint into the answer for the client: a log-in
// for a person's navigation, a page with a link for other navigations and for forms, 401 with JSON
// for scripts, 503 with Retry-After in an outage. docs/answers.md has the table. The options are
// for the log-in to which the answer leads.
func (p *RelyingParty) Answer(r *http.Request, err error, opts ...LoginOption) adapter.Answer {
	a := p.answers.to(r, err, opts)
	out := adapter.Answer{Status: a.Status, Header: a.Header, Body: a.Body}
	if pr := a.Problem; pr != nil {
		out.Problem = &adapter.Problem{Error: pr.Error, Reason: reason.Reason(pr.Reason),
			Cause: reason.EndCause(pr.Cause), LoginURL: pr.LoginURL}
	}
	return out
}

// answers turns errors into what the client should see.
type answers struct {
	engine   *engine.Engine
	activity *web.Classifier
	browsers *browsers
	site     *site.App
	flows    *flows
	replies  *answer.Writer
	journal  *journal
}

func (a *answers) to(r *http.Request, err error, opts []LoginOption) answer.Answer {
	more, _ := a.flows.More(wishFor(opts).Wish) // what is too large is refused where the session lacks it
	var (
		ended   *EndedError
		trouble *UnavailableError
		login   *LoginError
		step    *stepUpError
		api     *APIError
		request *requestError
	)
	switch {
	case errors.Is(err, engine.ErrSilentCheck):
		return a.replies.Unconfirmed(r, a.asks(r, "&silent=1"))
	case errors.Is(err, ErrUnconfirmed):
		return a.replies.Unconfirmed(r, a.asks(r, ""))
	case errors.Is(err, ErrAnonymous):
		return a.replies.LoginRequired(r, a.asks(r, more))
	case errors.Is(err, ErrReauthenticate):
		return a.replies.LoginRequired(r, a.asks(r, "&anew=1"+more))
	case errors.As(err, &step):
		return a.stepUp(r, step.wish)
	case errors.Is(err, ErrStepUp) && errors.As(err, &api):
		return a.stepUp(r, wishOf(api))
	case errors.As(err, &ended):
		said, minutes := endedWords(ended)
		ask := answer.Ask{More: more, Person: a.activity.IsActive(r, a.activity.Mark(r), ended.SendsUser)}
		out := a.replies.Ended(r, ask, string(ended.Reason), string(ended.Cause), said, minutes)
		a.browsers.cookies.ForgetPages(out.Header)
		return out
	case errors.Is(err, ErrForbidden):
		return a.replies.NotAllowed(r, a.flows.otherAccount(a.site.Back(r)))
	case errors.Is(err, ErrCrossOrigin):
		return a.replies.CrossOrigin(r)
	case errors.As(err, &login):
		pg := page.Page{Link: a.site.LoginTo(login.returnTo), LinkText: "to-login"}
		pg.Title, pg.Advice = login.words()
		if login.otherAccount {
			pg.Link, pg.LinkText = a.flows.otherAccount(login.returnTo), "to-another"
		}
		out := a.replies.Refuse(r, login.Status, "login_failed", pg)
		if errors.As(err, &trouble) {
			a.journal.unavailable(r, trouble)
			web.RetryAfter(out.Header, trouble.RetryAfter)
		}
		return out
	case errors.As(err, &request):
		return answer.BadRequest(request.Status, request.Code, request.Err.Error(), request.RetryAfter)
	case errors.As(err, &trouble):
		a.journal.unavailable(r, trouble)
		return a.replies.Unavailable(r, troubleOf(trouble.Cause), trouble.Cause != reason.StoreFailed,
			trouble.RetryAfter)
	}
	return a.replies.Broken(r)
}

// asks is the challenge for a request without a session.
func (a *answers) asks(r *http.Request, more string) answer.Ask {
	return answer.Ask{More: more, Person: a.activity.IsActive(r, a.activity.Mark(r), false)}
}

// troubleOf returns the word that a page uses for a cause of trouble. It tells an IdP that
// answers with errors from one that cannot be reached.
func troubleOf(c reason.Cause) page.Word {
	if w, ok := page.Known("outage-" + string(c)); ok {
		return w
	}
	return "outage"
}
