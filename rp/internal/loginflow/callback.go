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

// CallbackParams reads a GET query or a form_post; a repeated parameter is an
// attack (RFC 6749 §3.1).
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

// PostedAgain marks what the callback's own page has posted.
const PostedAgain = "tandem_again"

// LacksCookies reports whether an answer of the IdP came by a form of another site, to
// which browsers add no SameSite=Lax cookie. The own page posts it once more, once. It
// finishes nothing by itself: the state is looked at, and the cookie is demanded, as at
// any other callback.
func (l *Logins) LacksCookies(r *http.Request, params url.Values) bool {
	if r.Method != http.MethodPost || params.Has(PostedAgain) {
		return false
	}
	id, _, ok := l.ReadState(params.Get("state"))
	if !ok {
		return false // nobody's log-in
	}
	_, err := r.Cookie(l.name(id))
	return err != nil
}

// PostAgain is what a page posts of the IdP's answer from this app's own origin, with the
// cookies. Only what the callback reads goes along, and Apple's user, which comes with the
// first answer alone.
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

// SessionState is session_state of the IdP's answer; empty where it is none (SM-01: opaque, not
// empty, without a space) or too long to be kept.
func SessionState(params url.Values) string {
	s := params.Get(sessionState)
	if len(s) > maxSessionState || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return ""
	}
	return s
}
