package rp

import (
	"errors"
	"fmt"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/page"
	"github.com/tandem-sso/tandem/rp/reason"
)

// ErrAnonymous says: the request carries no cookie of a session, or one that nobody
// knows.
var ErrAnonymous = engine.ErrAnonymous

// ErrUnconfirmed says: a passive request found a session that the IdP has not
// confirmed for too long. The session has not ended; the next active request
// asks the IdP.
var ErrUnconfirmed = engine.ErrUnconfirmed

// ErrReauthenticate says: the IdP wants to see the person again. The session is kept
// until the new log-in replaces it.
var ErrReauthenticate = engine.ErrReauthenticate

// ErrSilentCheck says: the session of a client without tokens has to be confirmed by
// a prompt=none round trip, which this navigation can make.
var ErrSilentCheck = engine.ErrSilentCheck

// ErrForbidden says: the person is logged in, and may not do this. The adapters'
// RequireLogin gives it for RequireClaim; RelyingParty.Answer turns it into 403.
var ErrForbidden = errors.New("rp: the person is logged in and may not do this")

// ErrCrossOrigin says: an unsafe request, or the handshake of a WebSocket, that another
// site has caused.
var ErrCrossOrigin = errors.New("rp: unsafe request from another origin")

// EndedError says: the session is over. errors.Is(err, store.ErrEnded) is true of it.
type EndedError = reason.EndedError

// UnavailableError says: the store or the IdP cannot answer now. Nothing is known about the
// session, and it is kept.
type UnavailableError = reason.UnavailableError

// LoginError says: a log-in could not be finished. Its text is for the log; the page shows
// Title and Advice, in which nothing comes from outside.
//
// Config.OnLogin returns one to refuse a log-in in the app's words. Then Status is 403 if
// it is not set, and the page offers another account.
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

// words are what a page says: the library's, in any language, or those of the app that has
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

// RequestError says: a request to one of the endpoints is not acceptable.
type RequestError struct {
	Status int
	Code   string // for the JSON answer, as in RFC 6749 §5.2
	Err    error
	// RetryAfter, if not zero, says when the same request may work.
	RetryAfter time.Duration
}

func (e *RequestError) Error() string { return fmt.Sprintf("rp: %s: %v", e.Code, e.Err) }
func (e *RequestError) Unwrap() error { return e.Err }
