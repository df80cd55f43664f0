package loginflow

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/tandem-sso/tandem/rp/internal/outside"
)

// maxCallback bounds the form of an answer of the IdP, in bytes.
const maxCallback = 64 << 10

// CallbackParams reads the parameters of a GET query or a form_post. It refuses a repeated
// parameter (RFC 6749 §3.1).
func CallbackParams(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	params := r.URL.Query()
	if r.Method == http.MethodPost {
		r.Body = http.MaxBytesReader(w, r.Body, maxCallback)
		if err := r.ParseForm(); err != nil {
			return nil, errors.New("malformed form")
		}
		params = r.PostForm
	}
	for name, v := range params {
		if len(v) > 1 {
			return nil, fmt.Errorf("parameter %s stands twice", outside.Code(name))
		}
	}
	return params, nil
}

// PostedAgain marks a form that the callback's own page has posted.
const PostedAgain = "tandem_again"

// LacksCookies reports whether the IdP's answer came by a form of another site, with which browsers
// send no SameSite=Lax cookie. Then a page of this app posts the form again, once. This finishes
// nothing: the state and the cookie are checked as in any other callback.
func (l *Logins) LacksCookies(r *http.Request, params url.Values) bool {
	if r.Method != http.MethodPost || params.Has(PostedAgain) {
		return false
	}
	id, _, ok := l.ReadState(params.Get("state"))
	if !ok {
		return false // no log-in of this client
	}
	_, err := r.Cookie(l.name(id))
	return err != nil
}

// PostAgain returns the fields of the IdP's answer that a page of this app posts again, with the
// cookies: those that the callback reads, and Apple's user, which only the first answer has.
func PostAgain(params url.Values) url.Values {
	fields := url.Values{PostedAgain: {"1"}}
	for _, name := range []string{"state", "code", "iss", "error", "user", "response", sessionState} {
		if params.Has(name) {
			fields.Set(name, params.Get(name))
		}
	}
	return fields
}

const (
	sessionState    = "session_state"
	maxSessionState = 512 // bytes; the longest that is known has 109
)

// SessionState returns session_state of the IdP's answer. It is empty if the value is not valid
// (SM-01: opaque, not empty, without a space) or too long.
func SessionState(params url.Values) string {
	s := params.Get(sessionState)
	if len(s) > maxSessionState || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return ""
	}
	return s
}
