package rp

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/tandem-sso/tandem/rp/internal/site"
)

// LoginOption is something that one log-in asks of the IdP, beyond Config. The adapters'
// RequireLogin and Login take them. [ACR] and [MaxAge] are demands: what comes back is
// checked, and a route with them lets nobody through whose session does not meet them.
// [RequireClaim] is a demand of a route alone.
type LoginOption func(*wish)

// wish is what one log-in asks for. It travels sealed in the address of the log-in, and
// in the log-in's cookie.
type wish struct {
	ACR    []string          `json:"acr,omitempty"`
	Age    time.Duration     `json:"age,omitempty"` // 0: any
	Scopes []string          `json:"scopes,omitempty"`
	Params map[string]string `json:"params,omitempty"`
	Round  int               `json:"round,omitempty"` // which log-in in a row it is that asks for more

	claims []claimDemand // of a route; they do not travel
}

// ACR asks for one of these authentication context classes, the best first (acr_values,
// OpenID Connect Core 1.0 §3.1.2.1), and demands that the ID token names one of them.
func ACR(values ...string) LoginOption {
	return func(w *wish) { w.ACR = append(w.ACR, values...) }
}

// MaxAge demands that the person has proven who they are within d (max_age, auth_time).
// Less than a minute is a minute: else the answer would be too old when it arrives.
// Config.Skew comes on top.
func MaxAge(d time.Duration) LoginOption {
	return func(w *wish) { w.Age = max(d, time.Minute) }
}

// Scopes asks for these beside Config.Scopes.
func Scopes(scopes ...string) LoginOption {
	return func(w *wish) { w.Scopes = append(w.Scopes, scopes...) }
}

// LoginParam adds a parameter to the authorization request: prompt, login_hint,
// ui_locales, claims, kc_idp_hint, domain_hint, …. One that the library sets itself is
// left out, and said in the log.
func LoginParam(name, value string) LoginOption {
	return func(w *wish) {
		if w.Params == nil {
			w.Params = map[string]string{}
		}
		w.Params[name] = value
	}
}

func wishFor(opts []LoginOption) (w wish) {
	for _, o := range opts {
		o(&w)
	}
	return w
}

func (w *wish) isEmpty() bool {
	return len(w.ACR) == 0 && w.Age == 0 && len(w.Scopes) == 0 && len(w.Params) == 0 && w.Round == 0
}

// text is how a wish is kept in a cookie; empty if it asks for nothing.
func (w *wish) text() string {
	if w.isEmpty() {
		return ""
	}
	b, _ := json.Marshal(w) // strings and numbers only
	return string(b)
}

// readWish reads text.
func readWish(text string) (w wish, ok bool) {
	return w, text == "" || json.Unmarshal([]byte(text), &w) == nil
}

// more is a wish in the address of a log-in; empty if it asks for nothing. ok is false if
// it is too large.
func (p *RelyingParty) more(w wish) (more string, ok bool) {
	if w.isEmpty() {
		return "", true
	}
	sealed := p.sealWish(w)
	return "&wish=" + sealed, sealed != ""
}

// ownParams are set by the library; nobody may set them otherwise.
var ownParams = []string{"client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce",
	"code_challenge", "code_challenge_method", "request", "request_uri", "id_token_hint", "client_secret"}

// options of the authorization request.
func (p *RelyingParty) options(w *wish) (opts []oauth2.AuthCodeOption) {
	set := func(name, value string) { opts = append(opts, oauth2.SetAuthURLParam(name, value)) }
	for name, value := range p.cfg.LoginParams {
		set(name, value)
	}
	for name, value := range w.Params {
		if slices.Contains(ownParams, name) {
			p.refusals.spend(p.log, p.now(), "a log-in option is left out: the library sets that parameter itself", "name", clean(name))
			continue
		}
		set(name, value)
	}
	if len(w.ACR) > 0 {
		set("acr_values", strings.Join(w.ACR, " "))
	}
	age := p.cfg.MaxAge
	if w.Age > 0 && (age == 0 || w.Age < age) {
		age = w.Age
	}
	if age > 0 {
		set("max_age", fmt.Sprint(int(age/time.Second)))
	}
	if len(w.Scopes) > 0 {
		set("scope", p.scopes(w))
	}
	return opts
}

func (p *RelyingParty) scopes(w *wish) string {
	return strings.Join(append(slices.Clone(p.cfg.Scopes), w.Scopes...), " ")
}

// fromQuery adds what a log-in's address asks for, as far as Config.LoginQuery lets it.
func (p *RelyingParty) fromQuery(w *wish, q url.Values) {
	for _, name := range p.cfg.LoginQuery {
		value := q.Get(name)
		if value == "" || len(value) > maxWish {
			continue
		}
		switch name {
		case "acr_values":
			w.ACR = append(w.ACR, strings.Fields(value)...)
		case "max_age":
			if n, err := strconv.Atoi(value); err == nil && n >= 0 && n < 1<<30 {
				MaxAge(time.Duration(n) * time.Second)(w)
			}
		default:
			LoginParam(name, value)(w)
		}
	}
}

// wishAt is what a log-in asks for: what its address carries, and the app's own options.
// What anybody can make up gives way if all together is too large.
func (p *RelyingParty) wishAt(q url.Values, opts []LoginOption) (w wish, err error) {
	for _, made := range []url.Values{q, nil} {
		w = p.openWish(q.Get("wish"))
		p.fromQuery(&w, made)
		for _, o := range opts {
			o(&w)
		}
		if len(w.text()) <= maxWish {
			return w, nil
		}
	}
	return w, fmt.Errorf("rp: what a log-in asks for is larger than %d bytes", maxWish)
}

const (
	// maxWish bounds a wish in bytes: it has to fit into an address and a cookie.
	maxWish = 1 << 10
	// maxAsked bounds it together with the page that the log-in leads to.
	maxAsked = site.MaxReturnTo + 256
)

func (p *RelyingParty) sealWish(w wish) string {
	plain, err := json.Marshal(w)
	if err != nil || len(plain) > maxWish {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(p.targets.Seal(plain, p.party.wishes()))
}

// openWish reads what sealWish has made; what it has not made is empty. Whoever shows a
// route's address of the log-in to somebody else lends no rights: a route checks each
// session by itself.
func (p *RelyingParty) openWish(sealed string) (w wish) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil || len(raw) > 2*maxWish {
		return wish{}
	}
	plain, err := p.targets.Open(raw, p.party.wishes())
	if err != nil || json.Unmarshal(plain, &w) != nil {
		return wish{}
	}
	return w
}

// metBy reports whether a session, or a log-in, is what the wish demands.
func (w *wish) metBy(acr string, authenticated, now time.Time, skew time.Duration) bool {
	if len(w.ACR) > 0 && !slices.Contains(w.ACR, acr) {
		return false
	}
	return w.Age == 0 || !authenticated.IsZero() && !now.After(authenticated.Add(w.Age+skew))
}

// acrOf is the authentication context class that an ID token names.
func acrOf(claims string) string {
	var c struct {
		ACR string `json:"acr"`
	}
	_ = json.Unmarshal([]byte(claims), &c) // it was valid when it was stored
	return c.ACR
}

// StepUpError says: the session lives, and this page or API needs another log-in. Answer
// leads there and back; the session and its values are kept until the new log-in has
// replaced it.
type StepUpError struct{ wish wish }

func (e *StepUpError) Error() string {
	return "rp: a log-in with more is needed than this session has (RFC 9470)"
}

// Satisfies reports whether a session is what the options demand (ACR, MaxAge,
// RequireClaim). If not, its error is a *StepUpError, where another log-in may help, or
// ErrForbidden.
func (s *Session) Satisfies(opts ...LoginOption) error {
	if len(opts) == 0 {
		return nil
	}
	w, d := wishFor(opts), s.state().data
	for _, c := range w.claims {
		if !hasClaim(d, c.name, c.values...) {
			return ErrForbidden
		}
	}
	if w.metBy(d.ACR, d.AuthTime, s.rp.now(), s.rp.cfg.Skew) {
		return nil
	}
	return &StepUpError{w}
}

// wishOf is what an API asks for (RFC 9470 §3, RFC 6750 §3.1). It comes from outside.
func wishOf(e *APIError) (w wish) {
	bounded := func(s string) []string {
		words := strings.Fields(s[:min(len(s), maxWish/2)])
		return words[:min(len(words), 20)]
	}
	w.ACR, w.Scopes = bounded(e.ACRValues), bounded(e.Scope)
	if n, err := strconv.Atoi(e.MaxAge); err == nil && n >= 0 && n < 1<<30 {
		MaxAge(time.Duration(n) * time.Second)(&w)
	}
	return w
}
