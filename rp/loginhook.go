package rp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"

	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"

	"github.com/tandem-sso/tandem/rp/internal/loginflow"
	"github.com/tandem-sso/tandem/rp/internal/page"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/internal/site"
)

// Login is a log-in that has succeeded at the IdP, before its session begins. It is valid until
// Config.OnLogin returns.
type Login struct {
	// ReturnTo is the page that the browser goes to next. The hook may set another path of
	// this app; any other address becomes "/". With Config.KeepPosted it may
	// be Prefix+"/posted": if the hook then leads elsewhere, the person loses the form that
	// waits there.
	ReturnTo string

	in *incoming
}

// incoming is behind a pointer: see prints.go.
type incoming struct {
	hook   *loginHook
	r      *http.Request
	data   *record.Data
	former map[string]string            // the values of the same person's session in this browser
	first  map[string]*sessions.Session // those that the hook has asked for
	moved  []*sessions.Session          // of the visitor; they go once the session has begun

	changes map[string]string // of first, encoded, once the hook has agreed
}

// Issuer and Subject together are the person's identity.
func (l *Login) Issuer() string { return l.in.hook.cfg.Issuer }

// Subject is the person's identifier at the IdP.
func (l *Login) Subject() string { return l.in.data.Subject }

// Claims is Session.Claims.
func (l *Login) Claims(v any) error { return decodeClaims(l.in.data, v) }

// HasClaim is Session.HasClaim.
func (l *Login) HasClaim(name string, values ...string) bool {
	return hasClaim(l.in.data, name, values...)
}

// Values returns the first values of the new session, as in RelyingParty.Values: those of the same
// person's session in this browser, else none. They are stored with the session; Save is not needed.
func (l *Login) Values(name string) (*sessions.Session, error) {
	if s := l.in.first[name]; s != nil {
		return s, nil
	}
	s, err := readValues(firstValues{l}, name, l.in.former)
	if err == nil {
		l.in.first[name] = s
	}
	return s, err
}

// Visitor returns the values of Config.VisitorValues that this browser had under a name.
// Nobody knows who used the browser before the log-in: carry over a cart, and nothing that
// gives rights.
func (l *Login) Visitor(name string) (*sessions.Session, error) {
	store := l.in.hook.cfg.VisitorValues
	if store == nil {
		return nil, errors.New("rp: Config.VisitorValues is not set, so visitors have no values")
	}
	return store.New(l.in.r, name)
}

// CarryOver moves the visitor's values of these names into the session's values, and deletes them
// when the session has begun. If both have a value, the visitor's wins. A cookie that cannot be
// read any more is ignored.
func (l *Login) CarryOver(names ...string) error {
	for _, name := range names {
		from, err := l.Visitor(name)
		if bad := securecookie.Error(nil); errors.As(err, &bad) && bad.IsDecode() {
			l.in.hook.log.Debug("a visitor's values cannot be read, so they are not carried over", "error", err)
			continue
		}
		if err != nil {
			return err
		}
		to, err := l.Values(name)
		if err != nil {
			return err
		}
		maps.Copy(to.Values, from.Values)
		if !from.IsNew {
			l.in.moved = append(l.in.moved, from)
		}
	}
	return nil
}

// OtherAccount is the address of a log-in with prompt=select_account that leads to ReturnTo.
func (l *Login) OtherAccount() string {
	return l.in.hook.flows.otherAccount(l.in.hook.site.Inside(l.ReturnTo))
}

// firstValues stores nothing: what a Login has given out is stored with its session.
type firstValues struct{ *Login }

func (f firstValues) Get(_ *http.Request, name string) (*sessions.Session, error) {
	return f.Values(name)
}
func (f firstValues) New(_ *http.Request, name string) (*sessions.Session, error) {
	return f.Values(name)
}
func (firstValues) Save(*http.Request, http.ResponseWriter, *sessions.Session) error { return nil }

// changes are the encoded values that the hook has asked for; "" for those to leave out.
func (l *Login) changes() (map[string]string, error) {
	out := map[string]string{}
	for name, s := range l.in.first {
		if s.IsNew && len(s.Values) == 0 {
			continue // it has only been looked at
		}
		raw, err := encodeOne(s)
		if err != nil {
			return nil, err
		}
		out[name] = raw
	}
	return out, nil
}

// changed are the changes of a hook that has agreed.
func (l *Login) changed() map[string]string {
	if l == nil {
		return nil
	}
	return l.in.changes
}

// overlay puts changes over encoded values. It is not ok if that is too large.
func overlay(values string, changes map[string]string) (out string, ok bool) {
	all, err := decodeValues(values)
	if err != nil {
		return "", false
	}
	for name, raw := range changes {
		if all[name] = raw; raw == "" {
			delete(all, name)
		}
	}
	out = encodeValues(all)
	return out, len(out) <= maxValues
}

// loginHook is Config.OnLogin.
type loginHook struct {
	cfg      *Config
	browsers *browsers
	site     *site.App
	flows    *flows
	log      *slog.Logger
}

// ask calls Config.OnLogin. Its error is an ErrRefused or a *LoginError.
func (h *loginHook) ask(w http.ResponseWriter, r *http.Request, f *loginflow.Flow,
	d *record.Data) (*Login, error) {
	if h.cfg.OnLogin == nil {
		return nil, nil
	}
	var err error
	l := &Login{ReturnTo: f.ReturnTo, in: &incoming{hook: h, r: r, data: d, first: map[string]*sessions.Session{}}}
	if l.in.former, err = h.formerValues(r, f, d.Subject); err != nil {
		return nil, err
	}
	err = h.call(w, r, l)
	f.ReturnTo = h.site.Inside(l.ReturnTo)
	if err != nil {
		return nil, h.declined(err)
	}
	if l.in.changes, err = l.changes(); err != nil {
		return nil, h.declined(err)
	}
	ok := true
	if d.Values, ok = overlay("", l.in.changes); !ok {
		return nil, h.declined(errValuesTooLarge)
	}
	return l, nil
}

// call turns a panic into an error: the browser gets a page, and no session.
func (h *loginHook) call(w http.ResponseWriter, r *http.Request, l *Login) (err error) {
	defer func() {
		if v := recover(); v != nil {
			h.log.Error("Config.OnLogin has panicked, so no session begins",
				"panic", printable(fmt.Sprint(v), maxDetail), "stack", string(debug.Stack()))
			err = errors.New("Config.OnLogin has panicked")
		}
	}()
	return h.cfg.OnLogin(w, r, l)
}

// declined turns a hook's error into what the browser sees. After ErrRefused that is nothing
// more: the hook has answered. A LoginError gets its own page, with an offer to use another
// account. Any other error gets a page that only says whose fault it is.
func (h *loginHook) declined(err error) error {
	var (
		own     *LoginError
		trouble *UnavailableError
	)
	switch {
	case errors.Is(err, ErrRefused):
		return err
	case errors.As(err, &own):
		e := *own
		if e.Status < 400 || e.Status > 599 {
			e.Status = http.StatusForbidden
		}
		if e.Title == "" {
			e.title = "failed-account"
			e.Title = page.English(e.title)
		}
		e.otherAccount = true
		return &e
	case errors.As(err, &trouble):
		return notFinished(trouble)
	}
	h.log.Error("Config.OnLogin has failed, so no session begins", "error", err)
	return loginFailed(http.StatusInternalServerError, err, "failed-later", "advice-app")
}

// formerValues returns the values that the session is to begin with. It returns an error if the
// store fails: then the store could not store a new session either.
func (h *loginHook) formerValues(r *http.Request, f *loginflow.Flow, subject string) (map[string]string, error) {
	key, ok := h.browsers.key(r.Header)
	if !ok {
		return nil, nil
	}
	former, err := h.browsers.former(r.Context(), key, subject, f.Begun.Add(-h.cfg.Skew))
	if trouble := (*UnavailableError)(nil); errors.As(err, &trouble) {
		return nil, notFinished(trouble)
	}
	if former == nil {
		return nil, nil
	}
	all, err := decodeValues(former.Values)
	if err != nil {
		h.log.Warn("the values of the former session are lost", "session", key.Short(), "error", err)
	}
	return all, nil
}

// hasBegun deletes what the session has taken over from the visitor.
func (l *Login) hasBegun(ctx context.Context, w http.ResponseWriter) {
	if l == nil {
		return
	}
	for _, s := range l.in.moved {
		if s.Options == nil {
			s.Options = &sessions.Options{Path: "/"}
		}
		s.Options.MaxAge = -1
		if err := s.Save(l.in.r.WithContext(ctx), w); err != nil {
			l.in.hook.log.Warn("a visitor's values could not be deleted; they are in the session too", "error", err)
		}
	}
}
