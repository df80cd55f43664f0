package rp

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/loginflow"
)

// LoginOption changes the request of one log-in; the adapters' RequireLogin and Login take them.
// ACR, MaxAge and RequireClaim are also demands: a route with demands lets only those sessions
// through that meet them.
type LoginOption func(*wish)

// wish is what options ask for.
type wish struct {
	loginflow.Wish
	claims []claimDemand // of a route; they do not travel
}

// ACR asks for one of these authentication context classes, the best first (acr_values,
// OpenID Connect Core 1.0 §3.1.2.1), and demands that the ID token names one of them.
func ACR(values ...string) LoginOption {
	return func(w *wish) { w.ACR = append(w.ACR, values...) }
}

// MaxAge demands that the person has authenticated at the IdP within d, at least a minute,
// plus Config.Skew (max_age, auth_time).
func MaxAge(d time.Duration) LoginOption {
	return func(w *wish) { w.SetAge(d) }
}

// Scopes asks for these scopes in addition to Config.Scopes.
func Scopes(scopes ...string) LoginOption {
	return func(w *wish) { w.Scopes = append(w.Scopes, scopes...) }
}

// LoginParam adds a parameter to the authorization request: prompt, login_hint,
// ui_locales, claims, kc_idp_hint, domain_hint, …. A parameter that the library sets itself
// is left out, and the log says so.
func LoginParam(name, value string) LoginOption {
	return func(w *wish) { w.SetParam(name, value) }
}

func wishFor(opts []LoginOption) (w wish) {
	for _, o := range opts {
		o(&w)
	}
	return w
}

// wishAt returns what a log-in asks for: the parameters of its address that Config.LoginQuery
// allows, and the app's own options. If that is too large together, the parameters of the
// address are dropped, because anybody can make them up.
func (s *starts) wishAt(q url.Values, opts []LoginOption) (loginflow.Wish, error) {
	for _, made := range []url.Values{q, nil} {
		w := wish{Wish: s.flows.OpenWish(q.Get("wish"))}
		w.AddFrom(made, s.cfg.LoginQuery)
		for _, o := range opts {
			o(&w)
		}
		if len(w.Text()) <= loginflow.MaxWish {
			return w.Wish, nil
		}
	}
	return loginflow.Wish{}, fmt.Errorf("rp: the parameters of a log-in are larger than %d bytes", loginflow.MaxWish)
}

// stepUpError is the ErrStepUp of a page.
type stepUpError struct{ wish loginflow.Wish }

func (e *stepUpError) Error() string {
	return "rp: this page or API needs another log-in than the one of this session (RFC 9470)"
}

func (e *stepUpError) Is(target error) bool { return target == ErrStepUp }

// Satisfies reports whether a session meets the demands of the options (ACR, MaxAge,
// RequireClaim). If not, its error is ErrStepUp if another log-in may help, else
// ErrForbidden.
func (s *Session) Satisfies(opts ...LoginOption) error {
	if len(opts) == 0 {
		return nil
	}
	w, d := wishFor(opts), s.state().Data
	for _, c := range w.claims {
		if !hasClaim(d, c.name, c.values...) {
			return ErrForbidden
		}
	}
	if w.MetBy(d.ACR, d.AuthTime, s.rp.engine.Now(), s.rp.cfg.Skew) {
		return nil
	}
	return &stepUpError{w.Wish}
}

// wishOf is what an API asks for (RFC 9470 §3, RFC 6750 §3.1). It comes from outside.
func wishOf(e *APIError) (w loginflow.Wish) {
	bounded := func(s string) []string {
		words := strings.Fields(s[:min(len(s), loginflow.MaxWish/2)])
		return words[:min(len(words), 20)]
	}
	w.ACR, w.Scopes = bounded(e.ACRValues), bounded(e.Scope)
	w.SetAgeText(e.MaxAge)
	return w
}
