package rp

import (
	"errors"
	"fmt"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/page"
	"github.com/tandem-sso/tandem/rp/reason"
)

var (
	// ErrAnonymous: the request has no session cookie, or one of an unknown session.
	ErrAnonymous = engine.ErrAnonymous
	// ErrUnconfirmed: the IdP has to confirm the session first, and a passive request cannot ask
	// it, or the client has to ask by a prompt=none round trip. The session has not ended.
	// RelyingParty.Answer leads a navigation to that round trip; otherwise the next active request
	// asks the IdP.
	ErrUnconfirmed = engine.ErrUnconfirmed
	// ErrReauthenticate: the IdP wants the person to log in again. The session is kept until the
	// new log-in replaces it.
	ErrReauthenticate = engine.ErrReauthenticate
	// ErrStepUp: the session lives, but this page or API asks for another log-in.
	// RelyingParty.Answer leads to that log-in and back. An API's demands are in the APIError.
	ErrStepUp = errors.New("rp: the page or the API asks for a stronger authorization")
	// ErrForbidden: the person is logged in and may not do this. The adapters' RequireLogin
	// returns it for RequireClaim; RelyingParty.Answer turns it into 403.
	ErrForbidden = errors.New("rp: the person is logged in and may not do this")
	// ErrCrossOrigin: another site caused an unsafe request or the handshake of a WebSocket.
	ErrCrossOrigin = errors.New("rp: unsafe request from another origin")
	// ErrRefused: Config.OnLogin has refused the log-in with an answer of its own.
	ErrRefused = errors.New("rp: the application has refused this log-in")
	// ErrNoAccessToken: no access token can be used now.
	ErrNoAccessToken = engine.ErrNoAccessToken
	// ErrBlamedAPI: the API refuses a token that the IdP calls valid. The session is kept; the
	// API is misconfigured.
	ErrBlamedAPI = errors.New("rp: the API refuses a token that the IdP calls good")
)

// EndedError means that the session has ended. errors.Is(err, store.ErrEnded) is true for it.
type EndedError = reason.EndedError

// UnavailableError means that the store or the IdP cannot answer now. The state of the
// session is not known, and it is kept.
type UnavailableError = reason.UnavailableError

// LoginError means that a log-in could not be finished. Its text is for the log; the page shows
// Title and Advice, which contain nothing from outside. Config.OnLogin returns one to refuse a
// log-in in the app's words: then the default of Status is 403, and the page offers another
// account.
type LoginError struct {
	Status int // 400, or 502 or 503 if the IdP is to blame
	Title  string
	Advice string
	Err    error

	returnTo     string    // where the log-in was to lead; empty: nowhere in particular
	otherAccount bool      // its page offers another account
	title        page.Word // Title and Advice by their keys, if they are the library's
	advice       []page.Word
}

// loginFailed is a LoginError in the library's words.
func loginFailed(status int, err error, title page.Word, advice ...page.Word) *LoginError {
	return &LoginError{Status: status, Title: page.English(title), Advice: page.English(advice...), Err: err,
		title: title, advice: advice}
}

// words are the texts of the page: the library's, in any language, or those of the app that
// made the error.
func (e *LoginError) words() (title page.Word, advice []page.Word) {
	title, advice = page.Word(e.Title), []page.Word{page.Word(e.Advice)}
	if e.title != "" && e.Title == page.English(e.title) {
		title = e.title
	}
	if len(e.advice) > 0 && e.Advice == page.English(e.advice...) {
		advice = e.advice
	}
	return title, advice
}

func (e *LoginError) Error() string { return fmt.Sprintf("rp: log-in: %s: %v", e.Title, e.Err) }
func (e *LoginError) Unwrap() error { return e.Err }

// requestError means that a request to one of the endpoints is not acceptable.
type requestError struct {
	Status int
	Code   string // for the JSON answer, as in RFC 6749 §5.2
	Err    error
	// RetryAfter, if not zero, says when the same request may work.
	RetryAfter time.Duration
}

func (e *requestError) Error() string { return fmt.Sprintf("rp: %s: %v", e.Code, e.Err) }
func (e *requestError) Unwrap() error { return e.Err }
